from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.tts.onnx_patch import expose, read_graph


def _field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def _node(operator: str, *outputs: str) -> bytes:
    return _field(1, b"".join(_field(2, out.encode()) for out in outputs) + _field(4, operator.encode()))


def _model(*parts: bytes) -> bytes:
    return b"\x08\x08" + _field(2, b"maker") + _field(7, b"".join(parts))


AUDIO = _field(12, _field(1, b"output"))


def test_nodes_and_outputs_are_read() -> None:
    graph = read_graph(_model(_node("Exp", "w"), _node("Ceil", "lengths", "other"), _field(5, b"weights"), AUDIO))
    assert graph.outputs == ("output",)
    assert graph.results == (("Exp", "w"), ("Ceil", "lengths"))
    assert graph.of("Ceil") == ("lengths",)
    assert graph.of("Floor") == ()


def test_the_patch_has_the_known_bytes_for_stock_exports() -> None:
    assert expose(b"", "/Ceil_output_0") == bytes.fromhex("3A1262100A0E") + b"/Ceil_output_0"


@given(st.text(min_size=1, max_size=400))
def test_an_exposed_tensor_is_an_output(name: str) -> None:
    assert read_graph(expose(_model(AUDIO), name)).outputs == ("output", name)


@given(st.integers(1, len(_model(_node("Ceil", "lengths"), AUDIO)) - 1))
def test_a_truncated_model_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=r"it ends too early|it is not a protobuf message|there is no graph"):
        read_graph(_model(_node("Ceil", "lengths"), AUDIO)[:size])


@pytest.mark.parametrize(
    "content", [b"", b"not a model at all", b"\x00" * 40, b"\xff" * 40, b"<!doctype html><html></html>", _model()]
)
def test_what_is_not_a_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"it ends too early|it is not a protobuf message|there is no graph"):
        read_graph(content)


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_read_or_be_refused(content: bytes) -> None:
    with suppress(ValueError):
        read_graph(content)
