"""A model file says what it is, or what is wrong with it; the file of the embedded model among them."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit import _gguf

from npc_runtime.errors import ModelError
from npc_runtime.llm.gguf import read_header


def written(folder: Path, content: bytes, name: str = "model.gguf") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refused(path: Path, *words: str) -> None:
    """It is a readable error that names the file and what to do."""
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert path.name in caught.value.message
    assert caught.value.hint
    for word in words:
        assert word in str(caught.value), caught.value


def test_the_embedded_model_is_known_by_its_header(gguf: Path) -> None:
    header = read_header(gguf)
    assert (header.architecture, header.blocks, header.embedding, header.heads) == ("llama", 30, 576, 9)
    assert (header.key_heads, header.context, header.vocabulary, header.file_type) == (3, 8192, 49152, 3)
    assert header.parameters == 134_515_008
    assert gguf.stat().st_size - header.weights < 5 << 20
    assert header.cache_bytes == 2 * 30 * 3 * 64 * 2
    assert (header.tokenizer, "<|im_start|>" in header.template) == ("gpt2", True)


@pytest.mark.parametrize("version", [2, 3])
def test_what_a_header_says(tmp_path: Path, version: int) -> None:
    header = read_header(written(tmp_path, _gguf.file(version=version)))
    assert (header.name, header.context, header.blocks, header.vocabulary) == ("Tiny", 512, 2, 3)
    assert header.parameters == 64 * 3 + 64 * 64
    assert header.weights == 64 * 3 * 4 + 64 * 64 // 32 * 34
    assert header.cache_bytes == 2 * 2 * 2 * (16 + 16)
    assert header.file_type == -1


def test_what_a_header_does_not_say_is_no_figure(tmp_path: Path) -> None:
    strange: dict[str, Any] = {"llama.context_length": "many", "llama.attention.head_count": [1.5], "general.name": 7}
    header = read_header(written(tmp_path, _gguf.file(strange)))
    assert (header.context, header.heads, header.name, header.cache_bytes) == (0, 0, "", 0)


def test_a_file_that_was_cut_off_anywhere_is_said_to_be_incomplete(tmp_path: Path) -> None:
    whole = _gguf.file()
    for length in [*range(4, len(whole) - 5400, 7), len(whole) - 5000, len(whole) - 33]:
        refused(written(tmp_path, whole[:length]), "not complete", "download it again")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (bytes(4096), "full of zeros"),
        (b"<!DOCTYPE html><html><head>", "web page"),
        (b"\xef\xbb\xbf  <html lang='en'>", "web page"),
        (b'{"error": "Repository not found"}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12", "git lfs pull"),
        (b"PK\x03\x04rest", "zip"),
        (b"\x80\x02}q\x00", "PyTorch"),
        ((400).to_bytes(8, "little") + b'{"__metadata__"', "safetensors"),
        (b"tjgg\x03\x00\x00\x00", "old GGML"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"FUGG\x00\x00\x00\x03", "byte order"),
        (b"GGUF\x00\x00\x00\x03" + bytes(64), "byte order"),
        (b"GGUF\x01\x00\x00\x00" + bytes(64), "newer"),
        (b"GGUF\x63\x00\x00\x00" + bytes(64), "version 99"),
        (b"Once upon a time", "does not begin with the letters GGUF"),
    ],
)
def test_what_is_no_model_is_called_by_its_name(tmp_path: Path, content: bytes, what: str) -> None:
    refused(written(tmp_path, content), what)


def test_what_is_not_there_or_a_folder_is_said(tmp_path: Path) -> None:
    refused(tmp_path / "missing.gguf", "does not exist")
    refused(tmp_path, "folder")


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"general.architecture": "clip"}, "mmproj"),
        ({"general.type": "mmproj"}, "mmproj"),
        ({"general.type": "adapter"}, "LoRA"),
        ({"general.architecture": "nomic-bert"}, "embedding"),
        ({"general.architecture": "gemma-embedding"}, "embedding"),
        ({"llama.pooling_type": 3}, "embedding"),
        ({"llama.pooling_type": 4}, "reranker"),
        ({"general.architecture": "flux"}, "image"),
        ({"llama.block_count": 0}, "no weights"),
    ],
)
def test_models_that_make_no_text_are_refused(tmp_path: Path, values: dict[str, Any], what: str) -> None:
    refused(written(tmp_path, _gguf.file(values)), what, "llm.model")


def test_a_vocabulary_alone_or_a_model_of_no_kind_is_refused(tmp_path: Path) -> None:
    refused(written(tmp_path, _gguf.file(tensors=())), "only a vocabulary")
    refused(written(tmp_path, _gguf.file(without=["general.architecture"])), "general.architecture")


def split(folder: Path, number: int, count: int) -> Path:
    values = {"split.count": count, "split.no": number} if number else {"split.count": count, "split.no": 0}
    name = f"big-{number + 1:05}-of-{count:05}.gguf"
    return written(folder, _gguf.file(values), name)


def test_a_split_model_is_read_as_one(tmp_path: Path) -> None:
    first, second, third = (split(tmp_path, number, 3) for number in range(3))
    assert read_header(first).parameters == 3 * (64 * 3 + 64 * 64)
    refused(second, "part 2", "name the first", "big-00001-of-00003.gguf")
    third.write_bytes(third.read_bytes()[:-3000])
    with pytest.raises(ModelError, match=r"big-00003-of-00003\.gguf is not complete"):
        read_header(first)
    third.unlink()
    refused(first, "big-00003-of-00003.gguf is missing", "same folder")
    second.unlink()
    refused(first, "big-00002-of-00003.gguf and 1 more is missing")
    refused(first.rename(tmp_path / "renamed.gguf"), "another name")
