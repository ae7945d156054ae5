"""PNG files as lists of chunks: the texts that carry cards, and everything else left as it is.

Chunks and their checks: Portable Network Graphics (Third Edition), sections 5 and 11.3.3.
"""

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from npc_runtime.content.cards.card_json import MAX_BYTES
from npc_runtime.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_FILE = 40_000_000
"""Bytes of a picture."""
_MAX_TEXT = MAX_BYTES * 4 // 3 + 4
"""Bytes of a chunk of text: base64 of the longest JSON."""
_MAX_CHUNKS = 50_000
_CARDS = (b"ccv3", b"chara")
"""Keywords of V3 and of V1 and V2 cards, the one to be preferred first."""
_HINT = "get the picture again, as a file and not as a preview or screenshot"
_BLANK = (256, 384)
"""Width and height of the picture of a card that has none."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One part of a PNG file."""

    kind: bytes
    """Four letters."""
    data: bytes

    @property
    def keyword(self) -> bytes:
        """What the text of a text chunk is about; empty for other chunks."""
        return self.data.split(b"\0", 1)[0] if self.kind in (b"tEXt", b"zTXt", b"iTXt") else b""


@dataclass(frozen=True, slots=True)
class Png:
    """A picture, still animated if it was."""

    chunks: tuple[Chunk, ...]

    @classmethod
    def read(cls, raw: bytes, what: str) -> Self:
        """Take a PNG file apart.

        Args:
            raw: The file.
            what: What it is, as the subject of a message.

        Raises:
            InputError: It is no PNG, too large, cut off or damaged.
        """
        if not raw.startswith(SIGNATURE):
            raise InputError(f"{what} is not a PNG picture.", hint=_HINT)
        if len(raw) > MAX_FILE:
            raise InputError(f"{what} is larger than {MAX_FILE // 1_000_000} MB.", hint="make the picture smaller")
        chunks: list[Chunk] = []
        at = len(SIGNATURE)
        while not chunks or chunks[-1].kind != b"IEND":
            if len(raw) < at + 12:
                raise InputError(f"{what} is cut off.", hint=_HINT)
            length, kind = struct.unpack_from(">I4s", raw, at)
            if len(raw) < at + 12 + length:
                raise InputError(f"{what} is cut off, or damaged.", hint=_HINT)
            data = raw[at + 8 : at + 8 + length]
            (check,) = struct.unpack_from(">I", raw, at + 8 + length)
            if zlib.crc32(kind + data) != check:
                raise InputError(f"{what} is damaged (a checksum is wrong).", hint=_HINT)
            chunk = Chunk(kind, data)
            if chunk.keyword in _CARDS and length > _MAX_TEXT:
                hint = "a card is text; large pictures belong into a .charx file"
                raise InputError(f"{what} holds a card of {length // 1_000_000} MB.", hint=hint)
            chunks.append(chunk)
            if len(chunks) > _MAX_CHUNKS:
                raise InputError(f"{what} has more than {_MAX_CHUNKS} chunks.", hint=_HINT)
            at += 12 + length
        return cls(tuple(chunks))

    def card(self, what: str) -> bytes | None:
        """The JSON of the card in it, V3 before others; None if it carries none.

        Args:
            what: What it is, as the subject of a message.

        Raises:
            InputError: The text cannot be decoded.
        """
        for keyword in _CARDS:
            for chunk in self.chunks:
                if chunk.keyword == keyword:
                    return _decoded(_text(chunk, what), what)
        return None

    def without_cards(self) -> Self:
        """The picture and all that is in it but cards."""
        return type(self)(tuple(chunk for chunk in self.chunks if chunk.keyword not in _CARDS))

    def with_cards(self, cards: Mapping[str, bytes]) -> Self:
        """The picture with these cards in place of those it has.

        Args:
            cards: JSON by keyword: `chara`, `ccv3`.
        """
        bare = self.without_cards().chunks
        texts = [
            Chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + base64.b64encode(json))
            for keyword, json in cards.items()
        ]
        return type(self)((*bare[:-1], *texts, bare[-1]))

    def to_bytes(self) -> bytes:
        """The file."""
        return SIGNATURE + b"".join(
            struct.pack(">I4s", len(chunk.data), chunk.kind)
            + chunk.data
            + struct.pack(">I", zlib.crc32(chunk.kind + chunk.data))
            for chunk in self.chunks
        )


def blank(colour: Sequence[int]) -> Png:
    """A picture of one colour, for a card that has none.

    Args:
        colour: Red, green and blue, each 0..255.
    """
    width, height = _BLANK
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * height, 9)
    return Png(
        (Chunk(b"IHDR", header), Chunk(b"PLTE", bytes(colour[:3])), Chunk(b"IDAT", rows), Chunk(b"IEND", b"")),
    )


def _text(chunk: Chunk, what: str) -> bytes:
    """What a text chunk says, unpacked."""
    text = chunk.data.partition(b"\0")[2]
    if chunk.kind == b"tEXt":
        return text
    if chunk.kind == b"zTXt":
        return _inflated(text[1:], what)
    packed = text[:1] == b"\1"
    text = text[2:].partition(b"\0")[2].partition(b"\0")[2]  # behind its language and the keyword in that language
    return _inflated(text, what) if packed else text


def _inflated(packed: bytes, what: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(packed, _MAX_TEXT)
    except zlib.error as error:
        raise InputError(f"The card in {what} is damaged (it cannot be unpacked).", hint=_HINT) from error
    if inflater.unconsumed_tail:
        raise InputError(f"The card in {what} is larger than {_MAX_TEXT // 1_000_000} MB when unpacked.", hint=_HINT)
    return text


def _decoded(text: bytes, what: str) -> bytes:
    try:
        return base64.b64decode(re.sub(rb"\s+", b"", text), validate=True)
    except binascii.Error as error:
        raise InputError(f"The card in {what} is damaged (it is not base64).", hint=_HINT) from error
