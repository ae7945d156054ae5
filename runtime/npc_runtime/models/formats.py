"""Is a file that a person named a model at all? Cheap looks at the first bytes, each with its own message."""

import json
import struct
from pathlib import Path

from npc_runtime.errors import ModelError
from npc_runtime.models.registry import KIND_NAMES, Kind

_LFS_POINTER = b"version https://git-lfs"
_WHISPER_SPEC = b"WhisperSpec"


def recognise(path: Path, kind: Kind | None) -> tuple[Kind, tuple[Path, ...]]:
    """What a file or folder is, judged by its form.

    Args:
        path: A `.gguf` file, an `.onnx` file, or a folder with a Whisper model in the CTranslate2 format.
        kind: What it is wanted for, if that is known.

    Returns:
        What it is, and its files.

    Raises:
        ModelError: It is missing, empty, of another form, or not what it is wanted for.
    """
    if not path.exists():
        raise ModelError(f"the model file {path} does not exist", hint="check the path in the configuration")
    if path.is_dir():
        found, files = _whisper_folder(path)
    elif path.suffix.lower() == ".gguf":
        found, files = _gguf(path)
    elif path.suffix.lower() == ".onnx":
        found, files = _onnx(path, kind)
    else:
        raise ModelError(
            f"{path} is not a kind of model file that can be used",
            hint="a language model is a .gguf file, a voice an .onnx file with its .onnx.json, "
            "a speech-to-text model a folder with model.bin",
        )
    if kind and found != kind:
        raise ModelError(
            f"{path} is a {KIND_NAMES[found]}, and a {KIND_NAMES[kind]} is wanted", hint="check the configuration"
        )
    return found, files


def _head(path: Path, size: int = 64) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(size)
    except OSError as error:
        raise ModelError(
            f"cannot read the model file {path}: {error.strerror or error}", hint="check who may read the file"
        ) from error
    if not head:
        raise ModelError(f"the model file {path} is empty (0 bytes)", hint="download or copy it again")
    if head.startswith(_LFS_POINTER):
        raise ModelError(
            f"{path} is a Git LFS pointer, not the model itself",
            hint="run `git lfs pull` in its repository, or download the file from its page",
        )
    return head


def _gguf(path: Path) -> tuple[Kind, tuple[Path, ...]]:
    if not _head(path).startswith(b"GGUF"):
        raise ModelError(
            f"{path} is not a GGUF file: it does not begin with the letters GGUF",
            hint="an interrupted download or a saved web page looks like this; download it again",
        )
    return "llm", (path,)


def _onnx(path: Path, kind: Kind | None) -> tuple[Kind, tuple[Path, ...]]:
    # Exporters write the fields of an ONNX model in order, and the first one is the format's version: the byte 8.
    if _head(path)[0] != 8:
        raise ModelError(f"{path} is not an ONNX file", hint="download or copy it again")
    if kind == "embedding":
        return "embedding", (path,)
    config = path.with_name(path.name + ".json")
    if not config.is_file():
        raise ModelError(
            f"the voice {path} has no configuration beside it", hint=f"put its {config.name} in the same folder"
        )
    _json(config, "audio")
    return "tts", (path, config)


def _whisper_folder(path: Path) -> tuple[Kind, tuple[Path, ...]]:
    model, config = path / "model.bin", path / "config.json"
    if not model.is_file():
        ggufs = sorted(path.glob("*.gguf")) or sorted(path.glob("*.onnx"))
        hint = (
            f"name the file itself: {ggufs[0]}" if ggufs else "a speech-to-text model is a folder with model.bin in it"
        )
        raise ModelError(f"the folder {path} has no model.bin", hint=hint)
    head = _head(model)
    (length,) = struct.unpack_from("<H", head.ljust(6, b"\0"), 4)
    name = head[6 : 6 + min(length, 58)].rstrip(b"\0")
    if name != _WHISPER_SPEC:
        told = f"it holds a {name.decode()}" if name.isalnum() else "it does not begin like one"
        raise ModelError(
            f"{model} is not a Whisper model in the CTranslate2 format: {told}",
            hint="convert the model with ct2-transformers-converter, or download a converted one",
        )
    vocabularies = [file for file in (path / "vocabulary.txt", path / "vocabulary.json") if file.is_file()]
    missing = [] if config.is_file() else [config.name]
    if not vocabularies:
        missing.append("vocabulary.txt (or vocabulary.json)")
    if missing:
        raise ModelError(
            f"the speech-to-text model {path} is not complete: {' and '.join(missing)} missing",
            hint="copy all files of the model into the folder",
        )
    _json(config, "")
    _head(vocabularies[0])
    tokenizer = path / "tokenizer.json"
    return "stt", (model, config, vocabularies[0], *([tokenizer] if tokenizer.is_file() else []))


def _json(path: Path, key: str) -> None:
    _head(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not valid JSON: {error}", hint="download or copy it again") from error
    if not isinstance(data, dict) or (key and key not in data):
        raise ModelError(f"{path} is not the configuration of such a model", hint="download or copy it again")
