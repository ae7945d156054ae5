"""Whatever is in a model file, it is facts or a readable error, soon and in little memory."""

import struct
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit import _gguf

from npc_runtime.errors import ModelError
from npc_runtime.llm.gguf import Header, read_header

WHOLE = _gguf.file()
HUGE = (1 << 64) - 1


def outcome(content: bytes) -> Header | ModelError:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        path.write_bytes(content)
        try:
            return read_header(path)
        except ModelError as error:
            assert error.hint and len(error.message) < 400 + len(str(path))
            return error


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(4, 620), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, len(WHOLE)),
)
def test_changed_bytes_do_no_harm(changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(WHOLE[: max(length, 700)])
    for position, byte in changes:
        content[position] = byte
    outcome(bytes(content))


@settings(max_examples=200, deadline=None)
@given(st.integers(4, 640), st.sampled_from([0, 1, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63, HUGE]))
def test_wild_numbers_do_no_harm(position: int, number: int) -> None:
    outcome(WHOLE[:position] + struct.pack("<Q", number) + WHOLE[position + 8 :])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_behind_the_letters_do_no_harm(rest: bytes) -> None:
    assert isinstance(outcome(b"GGUF\x03\x00\x00\x00" + rest), ModelError)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE), id="values"),
        pytest.param(b"GGUF" + struct.pack("<IQQ", 3, HUGE, 0), id="tensors"),
        pytest.param(_gguf.header([struct.pack("<Q", HUGE) + b"k"]), id="key"),
        pytest.param(_gguf.header([_gguf.text("k") + struct.pack("<IQ", 8, HUGE)]), id="text"),
        pytest.param(_gguf.header([_gguf.text("k") + struct.pack("<IIQ", 9, 8, HUGE)]), id="texts"),
        pytest.param(_gguf.header([_gguf.text("k") + struct.pack("<IIQ", 9, 10, HUGE)]), id="numbers"),
        pytest.param(_gguf.header([_gguf.text("k") + struct.pack("<II", 9, 9) * 9000]), id="lists in lists"),
        pytest.param(_gguf.header([_gguf.text("k") + struct.pack("<I", 77)]), id="type"),
        pytest.param(_gguf.file({"general.alignment": 3}), id="alignment"),
        pytest.param(_gguf.file({"general.alignment": 1 << 31}), id="large alignment"),
        pytest.param(
            _gguf.header([], [_gguf.text("t") + struct.pack("<I4QIQ", 4, HUGE, HUGE, HUGE, HUGE, 0, HUGE)]), id="shape"
        ),
        pytest.param(_gguf.header([], [_gguf.text("t") + struct.pack("<I", 1 << 31)]), id="dimensions"),
        pytest.param(_gguf.header([], [_gguf.text("t") + struct.pack("<IQIQ", 1, 64, 0, 1 << 62)]), id="far away"),
    ],
)
def test_what_a_header_claims_is_never_made_room_for(content: bytes) -> None:
    tracemalloc.start()
    try:
        assert isinstance(outcome(content + bytes(1000)), ModelError)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_long_header_is_passed_over_not_kept() -> None:
    long = ["x" * 100] * 50_000
    content = _gguf.file({"tokenizer.ggml.merges": long, "tokenizer.chat_template": "y" * 5_000_000})
    tracemalloc.start()
    try:
        header = outcome(content)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert isinstance(header, Header)
    assert len(header.template) == 64 << 10


def test_a_vocabulary_without_end_is_refused() -> None:
    texts = struct.pack("<IIQ", 9, 8, 3_000_000) + bytes(8 * 3_000_000)
    error = outcome(_gguf.header([_gguf.text("tokenizer.ggml.tokens") + texts]))
    assert isinstance(error, ModelError)
    assert "3000000 texts" in error.message
