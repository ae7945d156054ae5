"""Text from cards made fit for content files: without hidden characters, in the lengths that fields take."""

import re

LONGEST_LINE = 300
"""Characters of a `Line` field."""
LONGEST_PROSE = 8000
"""Characters of a `Prose` field."""
LONGEST_NAME = 80
"""Characters of a `Name` field."""
LONGEST_READ = 100_000
"""Characters of one card field that are looked at; nothing in a content file takes as many."""

_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]",
)
"""Control characters, marks that turn the direction of the text around them, and what is no character at all."""
_NOT_IN_NAMES = re.compile(r"[\[\]<>{}\x22=|]")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』]*")


def clean(text: str) -> str:
    """Text of any number of lines without hidden characters, blanks at line ends and rows of empty lines."""
    text = _HIDDEN.sub("", _BREAKS.sub("\n", text[:LONGEST_READ])).replace("\t", " ")
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub("\n{3,}", "\n\n", text).strip()


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(clean(text).split())


def name(text: str) -> str:
    """Text made fit for a `Name` field; may be empty."""
    return one_line(_NOT_IN_NAMES.sub(" ", one_line(text)))[:LONGEST_NAME].strip()


def split(text: str, limit: int) -> tuple[str, str]:
    """Cut a text after a paragraph, else after a sentence, else between words.

    Args:
        text: The text.
        limit: Characters of the first part at most.

    Returns:
        The first part, and the rest; both without blanks around them.
    """
    text = text.strip()
    if len(text) <= limit:
        return text, ""
    window = text[: limit + 1]
    paragraph = window.rfind("\n\n")
    sentence = max((end for found in _SENTENCE_END.finditer(window) if (end := found.end()) <= limit), default=0)
    word = max(window.rfind(" "), window.rfind("\n"))
    for end, least in ((paragraph, limit // 2), (sentence, limit // 4), (word, 1)):
        if end >= max(1, least):
            return text[:end].strip(), text[end:].strip()
    return text[:limit], text[limit:].strip()


def pieces(text: str, limit: int) -> list[str]:
    """A text in parts of at most `limit` characters; none if it is empty."""
    parts = []
    rest = text.strip()
    while rest:
        part, rest = split(rest, limit)
        parts.append(part)
    return parts
