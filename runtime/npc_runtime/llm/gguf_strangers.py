"""What a file is that should be a GGUF model and is none."""

from pathlib import Path

from npc_runtime.errors import ModelError
from npc_runtime.llm.gguf_values import AGAIN

_CONVERTED = "download a GGUF version of the model; most model pages link to one"
_PAGE = "the link led to a page, not to the file; use the page's download button"

_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the model itself", "run `git lfs pull` in its repository"),
    (b"PK\x03\x04", "a zip archive or a PyTorch checkpoint", f"unpack it if it is an archive, else {_CONVERTED}"),
    (b"\x80\x02", "a PyTorch checkpoint", _CONVERTED),
    (b"\x1f\x8b", "a compressed archive", "unpack it first"),
    (b"7z\xbc\xaf", "a compressed archive", "unpack it first"),
    (b"lmgg", "a model in the old GGML format", _CONVERTED),
    (b"fmgg", "a model in the old GGML format", _CONVERTED),
    (b"tjgg", "a model in the old GGML format", _CONVERTED),
    (b"algg", "an adapter in the old GGML format", _CONVERTED),
    (b"\x89HDF", "a Keras model", _CONVERTED),
    (b"FUGG", "a GGUF file for a machine of another byte order", _CONVERTED),
)


def stranger(path: Path, head: bytes) -> ModelError:
    """The error that says what a file is that does not begin as a GGUF model does.

    Args:
        path: The file.
        head: Its first bytes, 64 at least if it has them.
    """
    what, hint = _known(head)
    if not what:
        return ModelError(
            f"{path} is not a GGUF model: it does not begin with the letters GGUF",
            hint=f"an interrupted download looks like this; {AGAIN}",
        )
    return ModelError(f"{path} is {what}, not a GGUF model", hint=hint)


def _known(head: bytes) -> tuple[str, str]:
    if not head.strip(b"\0"):
        return "empty" if not head else "an unfinished download, full of zeros", AGAIN
    for beginning, what, hint in _BEGINNINGS:
        if head.startswith(beginning):
            return what, hint
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page", _PAGE
    if text.startswith((b"{", b"[")):
        return "a JSON text", "an error message of a download service looks like this; open it in an editor"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "a model in the safetensors format", f"{_CONVERTED}, or use its folder with llm.backend = transformers"
    return "", ""
