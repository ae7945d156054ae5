"""The words of a spoken line, spelled alike, and what English, German and Turkish words do in it."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from npc_runtime.resources import bundled

MAX_CHARACTERS = 400
"""Characters of a line that are read: an order is shorter, and what players send is not bounded."""
MAX_TOKENS = 80

Phrase = tuple[str, ...]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b", re.IGNORECASE)
_UNMARKED = str.maketrans({"ı": "i", "ø": "o", "æ": "ae", "ł": "l", "đ": "d"})
_THOUSANDS = {"en": ",", "de": ".", "tr": "."}
_LARGEST = 1e12


@dataclass(frozen=True, slots=True)
class Token:
    """One word or figure."""

    text: str
    """In small letters without marks; short forms cut down, `don't` to `not`."""
    raw: str
    start: int
    """Where it begins in the line, in characters."""
    end: int
    gap: str
    """What punctuation stands before it: nothing, `,` within a sentence, `.` between two."""
    number: float | None = None
    """The value of a figure."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What words do; every word as in `Token.text`."""

    numbers: Mapping[str, float]
    weak: frozenset[str]
    """Words that are a number and an article alike, such as `one`."""
    multiples: Mapping[str, float]
    sets: Mapping[str, float]
    half: frozenset[str]
    and_half: Phrase
    joins: frozenset[str]
    units: Mapping[str, str]
    phrases: Mapping[str, frozenset[Phrase]]
    """Kind → its words and phrases."""

    def has(self, kind: str, word: str) -> bool:
        """Whether a single word is of a kind."""
        return (word,) in self.phrases[kind]

    def length(self, kind: str, words: Sequence[str], at: int) -> int:
        """How many words from here on are the longest phrase of a kind; 0 for none.

        Args:
            kind: A key of `phrases`.
            words: The words of a line.
            at: Where to look.
        """
        known = self.phrases[kind]
        longest = min(_longest(known), len(words) - at)
        return next((size for size in range(longest, 0, -1) if tuple(words[at : at + size]) in known), 0)


def folded(text: str) -> str:
    """One spelling for what is written in several ways: small letters without marks."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_UNMARKED)


@lru_cache(maxsize=4096)
def tokens(text: str, language: str) -> tuple[Token, ...]:
    """The words and figures of a text.

    Args:
        text: Any text; only its beginning is read if it is very long.
        language: ISO 639-1 code: says what separates thousands.
    """
    text = unicodedata.normalize("NFC", text[:MAX_CHARACTERS])
    found: list[Token] = []
    before = 0
    for match in _TOKEN.finditer(text):
        between, raw = text[before : match.start()], match.group()
        before = match.end()
        number = _figure(text, match, language) if raw[0].isdigit() else None
        word = raw if raw[0].isdigit() else _word(raw, language)
        if word:
            found.append(Token(word, raw, match.start(), match.end(), _gap(between), number))
        if len(found) == MAX_TOKENS:
            break
    return tuple(found)


def words_of(text: str, language: str) -> Phrase:
    """The words of a text, in the spelling of `Token.text`."""
    return tuple(token.text for token in tokens(text, language))


@cache
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language; an empty one where there is none.

    Args:
        language: ISO 639-1 code.
    """
    table: dict[str, dict[str, str]] = json.loads(
        bundled("assets", "text", "spoken_words.json").read_text(encoding="utf-8")
    )
    written = table.get(language, {})
    phrases: dict[str, frozenset[Phrase]] = {}
    for kind in table["en"]:
        entries = written.get(kind, "")
        split = entries.split(", ") if ", " in entries else entries.split()
        phrases[kind] = frozenset(words for entry in split if (words := words_of(entry, language)))
    return Lexicon(
        numbers=_values(written.get("numbers", "")),
        weak=frozenset(written.get("weak", "").split()),
        multiples=_values(written.get("multiples", "")),
        sets=_values(written.get("sets", "")),
        half=frozenset(written.get("half", "").split()),
        and_half=tuple(written.get("and_half", "").split()),
        joins=frozenset(written.get("joins", "").split()),
        units=MappingProxyType(dict(_pairs(written.get("units", "")))),
        phrases=MappingProxyType(phrases),
    )


@cache
def _longest(known: frozenset[Phrase]) -> int:
    return max(map(len, known), default=0)


def _word(raw: str, language: str) -> str:
    head, _, rest = folded(raw.replace("’", "'")).partition("'")
    if language == "en" and (rest == "t" or head in ("dont", "cannot", "cant", "wont")):
        return "not"
    return head


def _gap(between: str) -> str:
    """A dash between blanks parts a sentence, one inside a word does not."""
    if any(sign in between for sign in ".!?;:…\n"):
        return "."
    if "," in between or (any(sign in between for sign in "-–—") and between != "-"):
        return ","
    return ""


def _figure(text: str, match: re.Match[str], language: str) -> float | None:
    """The value of a figure; None for times of day, ordinals and what is no number."""
    raw, start, end = match.group(), match.start(), match.end()
    if _ORDINAL.match(text, end) or text[end : end + 1] == ":" or text[max(0, start - 1) : start] in ("#", ":"):
        return None
    thousands = _THOUSANDS.get(language, ",")
    decimal = "," if thousands == "." else "."
    groups = raw.split(thousands)
    if len(groups) > 1 and all(len(group) == 3 and group.isdigit() for group in groups[1:]):
        plain = "".join(groups)
    elif raw.count(".") + raw.count(",") <= 1:
        plain = raw.replace(",", ".")
    elif raw.count(decimal) == 1 and raw.rfind(decimal) > raw.rfind(thousands):
        plain = raw.replace(thousands, "").replace(decimal, ".")
    else:
        return None
    value = float(plain) if plain.isascii() and len(plain) <= 16 else None
    negative = start > 0 and text[start - 1] in "-−" and not text[max(0, start - 2) : start - 1].isalnum()
    if value is None or value > _LARGEST:
        return None
    return -value if negative else value


def _values(written: str) -> Mapping[str, float]:
    return MappingProxyType({name: float(value) for name, value in _pairs(written)})


def _pairs(written: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (pair.partition("=") for pair in written.split(", ") if pair)]
