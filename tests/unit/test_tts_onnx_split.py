"""Parts of ONNX models cut out on the wire, and the places at which a VITS voice is cut."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.tts.framed_cut import Cut, find_cut, split
from npc_runtime.tts.onnx_patch import expose, field, messages
from npc_runtime.tts.onnx_split import CannotSplitError, OnnxModel, read_model


def _node(operator: str, inputs: str, outputs: str) -> bytes:
    names = [field(1, name.encode()) for name in inputs.split()] + [field(2, name.encode()) for name in outputs.split()]
    return field(1, b"".join(names) + field(4, operator.encode()))


def _weight(name: str, size: int = 3) -> bytes:
    return field(5, field(8, name.encode()) + field(9, bytes(size)))


def _value(kind: int, name: str, note: bytes = b"") -> bytes:
    return field(kind, field(1, name.encode()) + (field(2, note) if note else b""))


HEADER = b"\x08\x08" + field(2, b"maker") + field(8, b"\x10\x0f")


def _model(*parts: bytes) -> bytes:
    return HEADER + field(7, b"".join(parts))


CHAIN = _model(
    _node("Constant", "", "two"),
    _node("Mul", "x two", "a"),
    _node("Add", "a w", "b"),
    _node("Mul", "b v", "y"),
    _weight("w"),
    _weight("v", 5),
    _value(13, "a", b"type of a"),
    _value(11, "x", b"type of x"),
    _value(11, "w", b"type of w"),
    _value(12, "y", b"type of y"),
)


def _names(model: OnnxModel) -> list[str]:
    return [node.outputs[0] for node in model.nodes]


def test_a_model_is_read() -> None:
    model = read_model(CHAIN)
    assert _names(model) == ["two", "a", "b", "y"]
    assert (model.inputs, model.outputs) == (("x",), ("y",))
    assert list(model.weights) == ["w", "v"]
    assert model.header == HEADER
    assert model.dependents(["a"]) == {"a", "b", "y"}


@pytest.mark.parametrize(
    ("inputs", "outputs", "nodes", "weights", "given"),
    [
        ([], ["a"], ["two", "a"], [], ("x",)),
        (["a"], ["b"], ["b"], ["w"], ("a",)),
        (["a"], ["y", "b"], ["b", "y"], ["w", "v"], ("a",)),
        (["b"], ["y"], ["y"], ["v"], ("b",)),
        (["x"], ["a", "y"], ["two", "a", "b", "y"], ["w", "v"], ("x",)),
    ],
)
def test_a_part_has_what_it_needs_and_no_more(
    inputs: list[str], outputs: list[str], nodes: list[str], weights: list[str], given: tuple[str, ...]
) -> None:
    part = read_model(read_model(CHAIN).part(inputs, outputs))
    assert _names(part) == nodes
    assert list(part.weights) == weights
    assert (part.inputs, part.outputs) == (given, tuple(outputs))
    assert part.header == HEADER


def test_inputs_of_a_part_keep_their_type_or_are_floats() -> None:
    model = read_model(CHAIN)
    known, unknown = (read_model(model.part([name], ["y"])).values[name] for name in "ab")
    assert bytes(dict(messages(known))[2]) == b"type of a"
    assert bytes(dict(messages(unknown))[2]) == bytes.fromhex("0a020801")


def test_a_model_in_two_messages_is_one() -> None:
    patched = read_model(expose(CHAIN, "a"))
    assert patched.outputs == ("y", "a")
    assert bytes(patched.values["a"]).endswith(b"type of a")


@pytest.mark.parametrize(
    ("extra", "message"),
    [(_node("Mul", "nowhere b", "c"), "nothing makes the tensor nowhere"), (_node("If", "b", "c"), "an operator If")],
)
def test_what_cannot_stand_alone_is_refused(extra: bytes, message: str) -> None:
    model = read_model(CHAIN + field(7, extra))
    with pytest.raises(CannotSplitError, match=message):
        model.part(["a"], ["c"])


@given(st.integers(1, len(CHAIN) - 1))
def test_a_truncated_model_is_refused(size: int) -> None:
    with suppress(ValueError):
        assert not read_model(CHAIN[:size]).nodes


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_read_or_be_refused(content: bytes) -> None:
    with suppress(ValueError):
        read_model(content)


VOICE = {
    "stats": ("Encode", "input input_lengths", "stats"),
    "frames": ("Ceil", "stats", "lengths"),
    "mask": ("Mask", "lengths", "mask"),
    "stretch": ("MatMul", "stats lengths", "mean"),
    "noise": ("RandomNormalLike", "mean", "noise"),
    "scale": ("Mul", "noise scales", "scaled"),
    "sum": ("Add", "scaled mean", "z"),
    "speaker": ("Gather", "speakers sid", "who"),
    "flow": ("Conv", "z w", "f"),
    "told": ("Add", "f who", "g"),
    "masked": ("Mul", "g mask", "h"),
    "up": ("ConvTranspose", "h w", "sound"),
    "out": ("Tanh", "sound", "output"),
}


def _voice(**changes: tuple[str, str, str] | None) -> OnnxModel:
    nodes = [_node(*entry) for entry in (VOICE | changes).values() if entry]
    inputs = [_value(11, name, b"x") for name in ("input", "input_lengths", "scales", "sid")]
    return read_model(_model(*nodes, _weight("w"), _weight("speakers"), *inputs, _value(12, "output")))


def test_a_voice_is_cut_where_frames_begin_and_where_samples_begin() -> None:
    model = _voice()
    cut = find_cut(model, "lengths")
    assert cut == Cut(prior="z", aside=("mask",), latent="h")
    front, flow, generator = (read_model(part) for part in split(model, cut, "lengths"))
    assert (front.inputs, front.outputs) == (("input", "input_lengths", "scales"), ("z", "lengths", "mask"))
    assert (flow.inputs, flow.outputs) == (("z", "mask", "sid"), ("h",))
    assert (generator.inputs, generator.outputs) == (("h",), ("output",))
    assert _names(generator) == ["sound", "output"]
    assert "speakers" in flow.weights


def test_a_generator_may_ask_who_speaks() -> None:
    model = _voice(out=("Add", "sound who", "output"))
    *_, generator = split(model, find_cut(model, "lengths"), "lengths")
    assert read_model(generator).inputs == ("h", "sid")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"up": ("Resize", "h", "sound")}, "no upsampling"),
        ({"noise": ("Identity", "mean", "noise")}, "in 0 places"),
        ({"mask": ("RandomNormalLike", "lengths", "mask")}, "in 2 places"),
        ({"scale": ("Div", "noise scales", "scaled")}, "not simply added"),
        ({"more": ("Neg", "noise", "other")}, "not simply added"),
        ({"out": ("Add", "sound stats", "output")}, "output depends on input"),
        ({"out": ("If", "sound", "output")}, "an operator If"),
        ({"flow": ("Conv", "nowhere w", "f")}, "nowhere"),
    ],
)
def test_other_networks_are_refused(changes: dict[str, tuple[str, str, str]], message: str) -> None:
    with pytest.raises(CannotSplitError, match=message):
        find_cut(_voice(**changes), "lengths")
