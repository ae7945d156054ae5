"""The wording of a transcript: what Whisper adds to the words is taken away, and repetition loops are recognised."""

import re
import zlib

_ASIDE = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}|<[^<>]*>|\*[^*]*\*")
"""Captions for what is not speech, such as `[BLANK_AUDIO]`, `(music)` or `*sighs*`."""
_NOTES = re.compile(r"[♩♪♫♬♭♮♯\[\](){}<>*]")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LOOP_RATIO = 2.4
"""Compression ratio above which Whisper's own fallback (Radford et al. 2022, section 4.5) calls a text a loop."""


def cleaned(text: str) -> str:
    """The spoken words with their punctuation; empty if there are none.

    Captions, musical notes and stray brackets go, white space is single.
    """
    text = _NOTES.sub(" ", _ASIDE.sub(" ", text))
    text = " ".join(text.split()).lstrip(".,;:!? -–—…")
    return text if _WORD.search(text) else ""


def looped(text: str) -> bool:
    """Whether the text looks like a decoder that goes in circles rather than like speech.

    Either it compresses too well, or all of it is one phrase of three or more words twice, or it ends in such a phrase
    three times. People repeat themselves, too: this is a reason to listen again and not yet to disbelieve.
    """
    data = text.encode()
    if data and len(data) / len(zlib.compress(data)) > _LOOP_RATIO:
        return True
    words = _words(text)
    if any(_repeats(words, size) for size in range(3, len(words) // 2 + 1)):
        return True
    circle = _circle(words)
    return circle is not None and circle[1] >= 3


def unlooped(text: str) -> str:
    """The text with a phrase that is repeated at its end at least three times said once.

    Args:
        text: A text that still loops after listening again; a phrase that is then there twice was said twice.
    """
    circle = _circle(_words(text))
    if circle is None:
        return text
    start, size = circle
    end = list(_WORD.finditer(text))[start + size - 1].end()
    mark = text[end : end + 1]
    return text[:end] + (mark if mark in (".", "!", "?") else "")


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _circle(words: list[str]) -> tuple[int, int] | None:
    """Where a phrase that goes round to the end begins, and its number of words; one word goes round four times."""
    for start in range(len(words)):
        rest = words[start:]
        for size in range(1, len(rest) // 3 + 1):
            if len(rest) >= 4 and _repeats(rest, size):
                return start, size
    return None


def _repeats(words: list[str], size: int) -> bool:
    """Whether the words are one phrase of this size at least twice; the last round may break off."""
    return len(words) >= 2 * size and all(word == words[index % size] for index, word in enumerate(words))
