"""Hotwords: names that recognition should expect, as a short prompt that cannot do harm."""

import unicodedata
from collections.abc import Callable, Iterable

MAX_TOKENS = 60
"""Each token costs decoding time, and a long list makes Whisper recite it."""
MAX_NAMES = 32
MAX_LETTERS = 40


def prompt(names: Iterable[str], count_tokens: Callable[[str], int]) -> str:
    """The names as one line, such as `Brynja, Hollowfen.`; empty if there are none.

    Names come from authors and games: only letters, digits, spaces, apostrophes, hyphens and dots survive, so that none
    can contain one of Whisper's control tokens. The first names win when there are too many.

    Args:
        names: The most important first; duplicates and empty ones are skipped.
        count_tokens: How many tokens a text has.
    """
    taken: dict[str, str] = {}
    for name in names:
        if len(taken) == MAX_NAMES:
            break
        plain = _plain(name)
        if not plain or plain.casefold() in taken:
            continue
        if count_tokens(" " + ", ".join([*taken.values(), plain]) + ".") > MAX_TOKENS:
            break
        taken[plain.casefold()] = plain
    # Whisper imitates its prompt: after one without a full stop it writes lower case and no punctuation itself.
    return ", ".join(taken.values()) + "." if taken else ""


def _plain(name: str) -> str:
    kept = "".join(
        char if char in "'’-." or unicodedata.category(char)[0] in "LMN" else " " for char in name[: 4 * MAX_LETTERS]
    )
    plain = " ".join(kept.split()).strip("-. ")
    return plain if len(plain) <= MAX_LETTERS else ""
