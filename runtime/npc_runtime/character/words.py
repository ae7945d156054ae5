"""Words: how texts are taken apart and spelled alike, so that what is said meets what is known."""

import json
import re
import unicodedata
from functools import cache

from npc_runtime.resources import bundled

MOST_WORDS = 60
"""Of a line, and of each fact."""
SHORTEST = 3
"""Letters that a word has at least; single signs of other scripts are words, too."""
STEM = 5
"""Letters after which forms of a word may differ."""
_ENDING = 3

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNMARKED = str.maketrans({"ı": "i", "ø": "o", "æ": "ae", "ł": "l", "đ": "d"})


def folded(text: str) -> str:
    """One spelling for what is written in several ways: small letters without marks, so that `İ`, `ı` and `i` meet."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_UNMARKED)


def content_words(text: str, language: str) -> tuple[str, ...]:
    """The words of a text that carry its meaning, folded, each once, in their order.

    Args:
        text: Any text; the first `MOST_WORDS` words count.
        language: ISO 639-1 code, for the words to leave out.
    """
    stop = _stop_words(language)
    words = (found.group().split("'")[0] for found in _WORD.finditer(folded(text[: MOST_WORDS * 20])))
    kept = (word for word in words if word not in stop and (len(word) >= SHORTEST or not word.isascii()))
    return tuple(dict.fromkeys(kept))[:MOST_WORDS]


def same_word(one: str, other: str) -> bool:
    """Whether two folded words are forms of one word."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= STEM and short[:STEM] == long[:STEM]:
        return True
    return len(short) >= SHORTEST and long.startswith(short) and len(long) - len(short) <= _ENDING


def is_wide(text: str) -> bool:
    """Whether a text has signs of a script such as Chinese or Japanese, which has no blanks between words."""
    return any(unicodedata.east_asian_width(sign) in "WF" for sign in text)


@cache
def _stop_words(language: str) -> frozenset[str]:
    lists: dict[str, str] = json.loads(bundled("assets", "text", "stop_words.json").read_text(encoding="utf-8"))
    chosen = [lists[language]] if language in lists else lists.values()
    return frozenset(folded(word).split("'")[0] for words in chosen for word in words.split())
