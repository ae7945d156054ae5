"""GGUF files written byte by byte, so that they can be wrong in every way."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

PLAIN: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "llama.context_length": 512,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": ["a", "b", "c"],
    "tokenizer.chat_template": "{{ '<|im_start|>' }}",
    "tokenizer.ggml.scores": [0.5, 1.5],
    "general.flag": True,
}
TENSORS = (("token_embd.weight", (64, 3), 0), ("blk.0.attn_q.weight", (64, 64), 8))
"""Name, dimensions, type."""


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def value(given: Any) -> bytes:
    """A value with its type in front."""
    if isinstance(given, bool):
        return struct.pack("<I?", 7, given)
    if isinstance(given, int):
        return struct.pack("<II", 4, given)
    if isinstance(given, float):
        return struct.pack("<If", 6, given)
    if isinstance(given, str):
        return struct.pack("<I", 8) + text(given)
    if given and isinstance(given[0], str):
        return struct.pack("<IIQ", 9, 8, len(given)) + b"".join(map(text, given))
    return struct.pack("<IIQ", 9, 6, len(given)) + struct.pack(f"<{len(given)}f", *given)


def header(pairs: Sequence[bytes], tensors: Sequence[bytes] = (), *, version: int = 3) -> bytes:
    """The beginning of a file, from pairs and tensor descriptions that are bytes already."""
    counts = struct.pack("<IQQ", version, len(tensors), len(pairs))
    return b"GGUF" + counts + b"".join(pairs) + b"".join(tensors)


def file(
    values: Mapping[str, Any] | None = None,
    tensors: Sequence[tuple[str, Sequence[int], int]] = TENSORS,
    *,
    version: int = 3,
    without: Sequence[str] = (),
) -> bytes:
    """A whole file: `PLAIN` with other values, weights of zeros."""
    pairs = {key: given for key, given in (PLAIN | dict(values or {})).items() if key not in without}
    described, offset = [], 0
    for name, dimensions, kind in tensors:
        shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        described.append(text(name) + shape + struct.pack("<IQ", kind, offset))
        size = 4 if kind == 0 else 34 / 32
        for dimension in dimensions:
            size *= dimension
        offset += int(size) + -int(size) % 32
    start = header([text(key) + value(given) for key, given in pairs.items()], described, version=version)
    return start + bytes(-len(start) % 32) + bytes(offset)
