"""The header of a GGUF model file: what it says of the model, and whether the file is whole.

No engine is asked, nothing in the file is run, and whatever it holds, the answer is facts or a `ModelError`, soon.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from npc_runtime.errors import ModelError
from npc_runtime.llm.gguf_strangers import stranger
from npc_runtime.llm.gguf_values import AGAIN, Reader, Value

_MAGIC = b"GGUF"
_MOST_PAIRS = 4096
_MOST_TENSORS = 65_536
_MOST_DIMENSIONS = 4
_MOST_ELEMENTS = 1 << 40
"""Of one tensor."""
_MOST_PARTS = 1000
_KEY, _NAME = 256, 200
_OTHER_MODEL = "choose a language model with llm.model"

_SIZES = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82)},
    **{23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2)},
    **{34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18)},
}
"""Elements and bytes of one block, by the number of the tensor type: the tables of ggml.h and ggml-common.h."""

_NO_SPEAKERS = (
    (re.compile(r"^clip$|mmproj"), "the image part of a model (mmproj)"),
    (re.compile(r"bert|embed|^t5encoder$"), "an embedding model, which makes no text"),
    (re.compile(r"^wavtokenizer"), "the sound part of a voice"),
    (re.compile(r"^whisper"), "a speech-to-text model"),
    (re.compile(r"^(flux|sd1|sdxl|sd3|wan|ltxv|hyvid|cosmos|aura|lumina2|qwen_image|hidream)"), "an image model"),
)
_RANKING = 4
"""The pooling type of models that rank texts; other types but 0 are of embedding models (`llama_pooling_type`)."""
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a model file says of the model. Figures that it does not say are 0, words empty."""

    architecture: str
    """As llama.cpp calls it, such as `qwen2`."""
    name: str = ""
    parameters: int = 0
    weights: int = 0
    """Bytes of all weights."""
    context: int = 0
    """Tokens that it was trained for."""
    blocks: int = 0
    """Layers."""
    embedding: int = 0
    """Width of a layer."""
    heads: int = 0
    key_heads: int = 0
    cache_bytes: int = 0
    """Of the cache, for each token of the context, with 16-bit numbers."""
    vocabulary: int = 0
    file_type: int = -1
    """How most weights are stored, as `llama_ftype` numbers it; -1 if it is not said."""
    tokenizer: str = ""
    """`llama` (SentencePiece), `gpt2` (byte pairs), or another kind."""
    template: str = field(default="", repr=False)
    """The text of its chat template, of which the beginning is kept. It is looked at and never run."""


def read_header(path: Path) -> Header:
    """Read a model's header, with those of all its parts if it is split.

    Args:
        path: The file, or the first of its parts.

    Raises:
        ModelError: It is missing, cut off, damaged, of another format, or no language model.
    """
    values, tensors = _read(path)
    header = replace(_facts(path, values), parameters=tensors.elements, weights=tensors.size)
    for part in _further_parts(path, values):
        _, more = _read(part)
        header = replace(header, parameters=header.parameters + more.elements, weights=header.weights + more.size)
    _must_speak(path, values, header)
    return header


@dataclass(frozen=True, slots=True)
class _Tensors:
    """All weights of one file."""

    elements: int
    size: int
    """Bytes."""


def _read(path: Path) -> tuple[dict[str, Value], _Tensors]:
    if path.is_dir():
        raise ModelError(f"{path} is a folder, not a GGUF model", hint="name the .gguf file in it")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(256)
            if not head.startswith(_MAGIC):
                raise stranger(path, head)
            file.seek(0)
            return _contents(path, Reader(path, file, size), size)
    except FileNotFoundError as error:
        raise ModelError(f"the model file {path} does not exist", hint="check llm.model") from error
    except OSError as error:
        raise ModelError(
            f"cannot read the model file {path}: {error.strerror or error}", hint="check who may read the file"
        ) from error


def _contents(path: Path, reader: Reader, size: int) -> tuple[dict[str, Value], _Tensors]:
    reader.skip(len(_MAGIC))
    version = reader.integer("<I")
    if version not in (2, 3):
        if not version & 0xFFFF:
            raise ModelError(f"{path} is a GGUF file for a machine of another byte order", hint="download another")
        raise ModelError(
            f"{path} has version {version} of the GGUF format; versions 2 and 3 can be read",
            hint="download a newer file of the model" if version == 1 else AGAIN,
        )
    tensors, pairs = reader.integer("<Q"), reader.integer("<Q")
    if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
        raise reader.damaged(f"it announces {pairs} values and {tensors} tensors")
    values: dict[str, Value] = {}
    for _ in range(pairs):
        key = reader.text(_KEY)
        values[key] = reader.value()
    alignment = _whole(values, "general.alignment") or 32
    if alignment > 1 << 20 or alignment & (alignment - 1):
        raise reader.damaged(f"its alignment is {alignment}")
    found, end = _tensors(reader, tensors)
    start = reader.position
    start += -start % alignment
    if tensors and start + end > size:
        raise ModelError(f"{path} is not complete: {size >> 20} of {start + end >> 20} MiB are there", hint=AGAIN)
    return values, found


def _tensors(reader: Reader, count: int) -> tuple[_Tensors, int]:
    """The table of weights, and where the last of them ends, counted from where the first begins."""
    elements = size = end = 0
    for _ in range(count):
        reader.text(_NAME)
        dimensions = reader.integer("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise reader.damaged(f"it has a tensor with {dimensions} dimensions")
        number = 1
        for _ in range(dimensions):
            number *= reader.integer("<Q")
        if number > _MOST_ELEMENTS:
            raise reader.damaged("it has a tensor larger than any model")
        kind, offset = reader.integer("<I"), reader.integer("<Q")
        # A type that is newer than this table takes a byte or more for each 8 elements.
        block, length = _SIZES.get(kind, (8, 1))
        elements += number
        size += number // block * length
        end = max(end, offset + number // block * length)
    return _Tensors(elements, size), end


def _facts(path: Path, values: Mapping[str, Value]) -> Header:
    architecture = _text(values, "general.architecture")
    if not architecture:
        raise ModelError(f"{path} does not say what kind of model it is (general.architecture)", hint=_OTHER_MODEL)

    def own(key: str) -> int:
        return _whole(values, f"{architecture}.{key}")

    heads, embedding, blocks = own("attention.head_count"), own("embedding_length"), own("block_count")
    width = embedding // heads if heads else 0
    key_heads = own("attention.head_count_kv") or heads
    widths = (own("attention.key_length") or width) + (own("attention.value_length") or width)
    return Header(
        architecture=architecture,
        name=_text(values, "general.name"),
        context=own("context_length"),
        blocks=blocks,
        embedding=embedding,
        heads=heads,
        key_heads=key_heads,
        cache_bytes=2 * blocks * key_heads * widths,
        vocabulary=own("vocab_size") or _whole(values, "tokenizer.ggml.tokens"),
        file_type=_whole(values, "general.file_type") if "general.file_type" in values else -1,
        tokenizer=_text(values, "tokenizer.ggml.model"),
        template=_text(values, "tokenizer.chat_template"),
    )


def _further_parts(path: Path, values: Mapping[str, Value]) -> list[Path]:
    """The files that hold the rest of a split model."""
    count, number = _whole(values, "split.count"), _whole(values, "split.no")
    if count < 2:
        return []
    match = _PART.search(path.name)
    if match is None or int(match[2]) != count or int(match[1]) != number + 1 or count > _MOST_PARTS:
        raise ModelError(
            f"{path} is part {number + 1} of a model in {count} files, and has another name",
            hint="give all parts the names that they had, such as model-00001-of-00003.gguf",
        )
    stem = path.name[: match.start()]
    parts = [path.with_name(f"{stem}-{index:05}-of-{count:05}.gguf") for index in range(1, count + 1)]
    if number:
        raise ModelError(f"{path} is part {number + 1} of a model in {count} files", hint=f"name the first: {parts[0]}")
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ModelError(
            f"{path} is the first of {count} files of a model, and {missing[0]}{more} is missing",
            hint="download all parts into the same folder",
        )
    return parts[1:]


def _must_speak(path: Path, values: Mapping[str, Value], header: Header) -> None:
    """Refuse files that hold something else than a language model."""
    kind, architecture = _text(values, "general.type"), header.architecture.casefold()
    what = {"mmproj": _NO_SPEAKERS[0][1], "adapter": "an adapter (LoRA), not a whole model"}.get(kind, "")
    if not what:
        what = next((name for pattern, name in _NO_SPEAKERS if pattern.search(architecture)), "")
    pooling = _whole(values, f"{header.architecture}.pooling_type")
    if not what and pooling:
        what = "a reranker, which makes no text" if pooling == _RANKING else "an embedding model, which makes no text"
    if what:
        raise ModelError(f"{path} is no language model but {what}", hint=_OTHER_MODEL)
    if not header.parameters or not header.blocks:
        raise ModelError(f"{path} holds no weights, only a vocabulary or settings", hint=_OTHER_MODEL)


def _text(values: Mapping[str, Value], key: str) -> str:
    value = values.get(key, "")
    return value if isinstance(value, str) else ""


def _whole(values: Mapping[str, Value], key: str) -> int:
    """A number; of a list of them, one for each layer, the largest; 0 if it is none, or none that makes sense."""
    value = values.get(key, 0)
    if isinstance(value, tuple):
        value = max(value, default=0)
    return value if isinstance(value, int) and 0 <= value < 1 << 40 else 0
