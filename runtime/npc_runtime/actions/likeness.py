"""Which spoken words are forms of a word, and which near misses of speech recognition, as `latay` is of `latte`."""

import re
from enum import IntEnum
from functools import lru_cache

_SHORTEST_STEM = 3
_SHORTEST_SOUND = 4
"""Letters of words that are compared by how they sound."""
_ONE_SLIP, _TWO_SLIPS = 7, 9
"""Letters from which one and two may be wrong: a short word with a wrong letter is mostly another word."""
_LONGEST = 40

_ENDINGS = {
    "en": re.compile(r"(?:s|es|d|ed|ing)"),
    "de": re.compile(r"(?:e|n|s|r|en|er|es|em|ern|ens|se)"),
    "tr": re.compile(
        r"(?:l[ae]r|l[iu]|[dt][ae]n?|[nys]?[iu]n?|[yn]?[ae]|[iu]?m|[iu]?m[iu]z|yl[ae]|l[ae]|c[iu]|[dt][iu]r|k[iı])+"
    ),
}
"""What may stand behind a word; Turkish ones are the folded suffixes of number, case and possession."""
_SOFT = {"k": "g", "c": "c", "t": "d", "p": "b"}
_VOICELESS = "fstkchp"
_FINAL_E = re.compile(r"(?:ay|ey|ai|ei|ee|ie|eh|e|y|i)$")
_SPELLINGS = (
    (re.compile(r"(.)\1+"), r"\1"),
    (re.compile(r"x"), "s"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"sch|sh"), "x"),
    (re.compile(r"tch"), "k"),
    (re.compile(r"ck|ch|kh|cq|q"), "k"),
    (re.compile(r"c(?=[eiy])"), "s"),
    (re.compile(r"c"), "k"),
    (re.compile(r"z"), "s"),
    (re.compile(r"gh(?=t|$)"), ""),
    (re.compile(r"^kn"), "n"),
    (re.compile(r"^wh"), "w"),
    (re.compile(r"^y(?![aeiou])"), "i"),
    (re.compile(r"(.)\1+"), r"\1"),
)


class Likeness(IntEnum):
    """How much a spoken word is like another one."""

    NONE = 0
    NEAR = 1
    """It may have been misheard or misspelled."""
    FORM = 2
    """A form of it, such as a plural."""
    SAME = 3


@lru_cache(maxsize=16384)
def likeness(said: str, word: str, language: str) -> Likeness:
    """How much a spoken word is like a word.

    Args:
        said: The spoken word, folded.
        word: The other one, folded.
        language: ISO 639-1 code, for endings.
    """
    if said == word:
        return Likeness.SAME
    if not (said.isalpha() and word.isalpha()) or max(len(said), len(word)) > _LONGEST:
        return Likeness.NONE
    if _is_form(said, word, language) or _is_form(word, said, language):
        return Likeness.FORM
    return Likeness.NEAR if _is_near(said, word) else Likeness.NONE


def distance(one: str, other: str, most: int) -> int:
    """Letters left out, put in, replaced or swapped with their neighbour (Damerau 1964, each part changed once).

    Args:
        one: A word.
        other: Another one.
        most: What is more than this is given as `most + 1`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        earlier, before, row = before, row, [place]
        for column, wanted in enumerate(other, 1):
            cost = min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != wanted))
            swapped = place > 1 and column > 1 and letter == other[column - 2] and one[place - 2] == wanted
            row.append(min(cost, earlier[column - 2] + 1) if swapped else cost)
    return min(row[-1], most + 1)


@lru_cache(maxsize=8192)
def sound(word: str) -> str:
    """How a folded word sounds, roughly: `mocha` and `mocca` alike, `latte` and `latay` alike."""
    for spelling, heard in _SPELLINGS:
        word = spelling.sub(heard, word)
    return _FINAL_E.sub("e", word)


def _is_form(longer: str, word: str, language: str) -> bool:
    endings = _ENDINGS.get(language)
    if endings is None or len(word) < _SHORTEST_STEM or len(longer) <= len(word):
        return False
    rest = longer[len(word) :]
    if language == "tr":
        soft = word[:-1] + _SOFT.get(word[-1], word[-1])
        if not longer.startswith((word, soft)) or (rest[0] in "dt" and (rest[0] == "t") != (word[-1] in _VOICELESS)):
            return False
        return endings.fullmatch(rest) is not None
    if language == "en" and longer.endswith("ves") and word in (longer[:-3] + "f", longer[:-3] + "fe"):
        return True
    return longer.startswith(word) and endings.fullmatch(rest) is not None


def _is_near(said: str, word: str) -> bool:
    short = min(len(said), len(word))
    heard, wanted = sound(said), sound(word)
    if short < _SHORTEST_SOUND or not heard or heard[:1] != wanted[:1]:
        return False
    if heard == wanted:
        return True
    most = 2 if short >= _TWO_SLIPS else 1 if short >= _ONE_SLIP else 0
    return most > 0 and min(distance(said, word, most), distance(heard, wanted, most)) <= most
