"""Ids for characters from their names, whatever script these are written in."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping

_LONGEST = 48
"""Characters; short enough for a path on any system."""
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
"""Names that no file may have on Windows, with whatever ending."""


def _table(letters: str, latin: str) -> dict[str, str]:
    return dict(zip(letters, latin.split(), strict=True))


_LATIN: Mapping[str, str] = {
    **_table("ßæœøłđðþıħŧŋ", "ss ae oe o l d d th i h t ng"),
    # ISO 9 without its marks, with the common digraphs for letters that have no Latin sign of their own.
    **_table(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяєіїґћђљњџ",
        "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya ye i yi g c dj lj nj dz",
    ),
    **_table("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o"),
}
_SYLLABLE = re.compile(r"(?:HANGUL SYLLABLE|(?:HIRAGANA|KATAKANA) LETTER(?: SMALL)?) ([A-Z]+)")
"""What Unicode calls a sign whose name is its sound."""


def id_from(*names: str) -> str:
    """An id for a character: safe as the name of a file on every system, and the same each time.

    Args:
        names: What it may be made from; the first that can be written in Latin letters is used.

    Returns:
        Small letters, digits and `_`, at most 48.
    """
    for name in names:
        slug = _slug(name)
        if slug:
            return f"{slug}_npc" if _RESERVED.fullmatch(slug) else slug
    digest = hashlib.sha256(unicodedata.normalize("NFC", names[0]).encode("utf-8", "replace")).hexdigest()
    return f"npc_{digest[:8]}"


def _slug(name: str) -> str:
    composed = unicodedata.normalize("NFKC", name[:400]).casefold()
    plain = "".join(_latin(letter) for letter in composed)
    return re.sub(r"[^a-z0-9]+", "_", plain.replace("'", "").replace("’", ""))[:_LONGEST].strip("_")


def _latin(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in _LATIN:
        return _LATIN[letter].replace("-", "")
    if found := _SYLLABLE.fullmatch(unicodedata.name(letter, "")):
        return found.group(1).lower()
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) > 1 and not unicodedata.combining(parts[0]):
        return _latin(parts[0])
    return "" if unicodedata.combining(letter) else " "
