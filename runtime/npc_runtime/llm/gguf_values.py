"""The values in a GGUF header: read in small pieces, however large the header says that they are.

The format is described in ggml's `docs/gguf.md`. Everything in such a file may have been written to do harm: what is
kept is bounded, what is not needed is passed over without being loaded, and lists in lists, which no model has, are
refused.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from npc_runtime.errors import ModelError

Value = bool | int | float | str | tuple[bool | int | float, ...]

AGAIN = "download it again"

_CHUNK = 1 << 20
_KEPT_TEXT = 64 << 10
"""Bytes of a text that are kept: enough of the longest chat template to know it by."""
_KEPT_NUMBERS = 1024
"""Numbers of a list that are kept: one for each layer."""
_MOST_STRINGS = 2_000_000
"""In the lists of a header: the largest vocabularies with their merges have a million."""
_STRING, _LIST = 8, 9
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""The number types of the format and how `struct` calls them."""


class Reader:
    """A GGUF file from its beginning on.

    Args:
        path: For messages.
        file: Open for reading.
        size: Bytes that the file has.
    """

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self._path = path
        self._file = file
        self._size = size
        self._chunk = b""
        self._at = 0
        self._read = 0
        self._strings = 0

    @property
    def position(self) -> int:
        """Bytes from the beginning of the file."""
        return self._read - len(self._chunk) + self._at

    def damaged(self, what: str) -> ModelError:
        """The error that says what is wrong with the header."""
        return ModelError(f"the header of {self._path} is damaged: {what}", hint=AGAIN)

    def number(self, form: str) -> bool | int | float:
        """The next number.

        Args:
            form: As `struct` calls it.
        """
        length = struct.calcsize(form)
        self._fill(length)
        (number,) = struct.unpack_from(form, self._chunk, self._at)
        self._at += length
        return number  # type: ignore[no-any-return]  # it is what the form says

    def integer(self, form: str) -> int:
        """The next number, which is a whole one."""
        return int(self.number(form))

    def text(self, most: int) -> str:
        """The next text, of which `most` bytes are kept."""
        length = self.integer("<Q")
        kept = min(length, most)
        self._fill(kept)
        text = self._chunk[self._at : self._at + kept].decode("utf-8", "replace")
        self._at += kept
        self.skip(length - kept)
        return text

    def value(self) -> Value:
        """The next value with its type; of a list, its first numbers, or nothing but its length if it is of texts."""
        kind = self.integer("<I")
        if kind == _STRING:
            return self.text(_KEPT_TEXT)
        if kind == _LIST:
            return self._list()
        if kind not in _SCALARS:
            raise self.damaged(f"it has a value of the unknown type {kind}")
        return self.number(_SCALARS[kind])

    def skip(self, length: int) -> None:
        """Pass over some bytes."""
        if self.position + length > self._size:
            raise self.cut()
        held = len(self._chunk) - self._at
        if length <= held:
            self._at += length
            return
        self._read = self._file.seek(self.position + length)
        self._chunk, self._at = b"", 0

    def cut(self) -> ModelError:
        """The error that says that the file ends too early."""
        return ModelError(f"{self._path} is not complete: it ends in the middle of its header", hint=AGAIN)

    def _list(self) -> Value:
        kind, count = self.integer("<I"), self.integer("<Q")
        if kind == _STRING:
            self._skip_strings(count)
            return count
        if kind not in _SCALARS:
            raise self.damaged(f"it has a list of the type {kind}")
        form = _SCALARS[kind]
        kept = tuple(self.number(form) for _ in range(min(count, _KEPT_NUMBERS)))
        self.skip((count - len(kept)) * struct.calcsize(form))
        return kept

    def _skip_strings(self, count: int) -> None:
        self._strings += count
        if self._strings > _MOST_STRINGS:
            raise self.damaged(f"it has lists of {self._strings} texts")
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            if len(self._chunk) - self._at < 8:
                self._fill(8)
            (length,) = unpack(self._chunk, self._at)
            self._at += 8
            if length <= len(self._chunk) - self._at:
                self._at += length
            else:
                self.skip(length)

    def _fill(self, length: int) -> None:
        """Have the next bytes, a few at most, at hand."""
        held = len(self._chunk) - self._at
        if held >= length:
            return
        more = self._file.read(max(_CHUNK, length - held))
        self._read += len(more)
        self._chunk, self._at = self._chunk[self._at :] + more, 0
        if len(self._chunk) < length:
            raise self.cut()
