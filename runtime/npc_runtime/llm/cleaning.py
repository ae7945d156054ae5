"""Characters that no voice can say: emoji, controls, invisible and bidirectional marks."""

import unicodedata

_NEWLINES = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_EMOJI_RANGES = (
    (0x20E3, 0x20E3),  # keycap frame
    (0x2300, 0x23FF),  # clocks, media buttons
    (0x2600, 0x27BF),  # symbols and dingbats
    (0x2B00, 0x2BFF),  # stars and large arrows
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFFC, 0xFFFD),  # object and replacement characters
    (0x1F000, 0x1FAFF),
    (0xE0000, 0xE01EF),
)
"""Blocks of the Unicode standard that hold emoji and their modifiers."""


def clean_character(character: str) -> str:
    r"""What becomes of one character of a model's text.

    Args:
        character: Exactly one code point.

    Returns:
        The character itself, `\n` for any line break, a space for any other blank, or nothing.
    """
    if " " <= character <= "~":
        return character
    if character in _NEWLINES:
        return "\n"
    if character.isspace():
        return " "
    code = ord(character)
    if unicodedata.category(character) in _DROPPED_CATEGORIES:
        return ""
    if any(first <= code <= last for first, last in _EMOJI_RANGES):
        return ""
    return character
