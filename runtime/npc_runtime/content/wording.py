"""Which texts speak of the same things: shared content words, forgiving about endings.

A plain measure that needs no model; small language models are helped by it to what is relevant to the player's words.
"""

import json
import re
from functools import cache

from npc_runtime.resources import bundled

_WORD = re.compile(r"[^\W\d_]{2,}(?:'[^\W\d_]+)?")
_ENDING = 3
"""Letters by which forms of one word may differ: sell, selling; mend, mended; Schwert, Schwertes."""
_SHORTEST = 3


@cache
def _stop_words() -> frozenset[str]:
    lists = json.loads(bundled("assets", "text", "stop_words.json").read_text(encoding="utf-8"))
    return frozenset(word for words in lists.values() for word in words.split())


def content_words(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning, in lower case."""
    stop = _stop_words()
    return frozenset(word for word in _WORD.findall(text.casefold().replace("’", "'")) if word not in stop)


def overlap(words: frozenset[str], others: frozenset[str]) -> int:
    """How many of the words have a form of themselves among the others."""
    return sum(any(_same(word, other) for other in others) for word in words)


def _same(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= _SHORTEST and long.startswith(short) and len(long) - len(short) <= _ENDING
