"""When each word of a clause is spoken, estimated for subtitles."""

from collections.abc import Sequence
from dataclasses import dataclass

_PAUSE = {",": 2.0, ";": 2.0, ":": 2.0, "-": 1.0, "–": 2.0, "—": 2.0, ".": 3.0, "!": 3.0, "?": 3.0, "…": 3.0}
"""How many letters' time a mark at the end of a word takes, when more words follow."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its time from the start of the turn's audio."""

    text: str
    start_ms: float
    end_ms: float


def spread(text: str, start_ms: float, end_ms: float) -> tuple[Word, ...]:
    """Share out a clause's time among its words, by their length in characters.

    Args:
        text: The clause; words are what white space separates.
        start_ms: When its first sound starts.
        end_ms: When its last sound ends.

    Returns:
        The words in order; the first starts and the last ends with the clause.
    """
    words = text.split()
    # Even one-letter words have an onset and a release, hence the constant.
    spoken = [sum(char.isalnum() for char in word) + 1.5 for word in words]
    pauses = [_PAUSE.get(word[-1], 0.0) for word in words[:-1]] + [0.0] * bool(words)
    whole = sum(spoken) + sum(pauses)
    span = max(0.0, end_ms - start_ms)
    timed: list[Word] = []
    at = 0.0
    for word, length, pause in zip(words, spoken, pauses, strict=True):
        first, at = at, at + length
        timed.append(Word(word, round(start_ms + span * first / whole, 1), round(start_ms + span * at / whole, 1)))
        at += pause
    return tuple(timed)


def given(words: Sequence[Sequence[object]]) -> tuple[Word, ...]:
    """Words whose times a voice reported, as `[[start_ms, end_ms, text], …]`; entries of another shape are skipped."""
    return tuple(
        Word(str(entry[2]), float(entry[0]), float(entry[1]))
        for entry in words
        if len(entry) == 3 and isinstance(entry[0], int | float) and isinstance(entry[1], int | float)
    )
