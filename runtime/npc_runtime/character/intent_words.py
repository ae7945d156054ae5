"""What a line says, as far as words tell: stems, the groups of meaning they belong to, and whether it asks or denies.

The groups, such as everything one calls a weapon or every way to say that something is broken, are in
`assets/text/intent_words.json`. There `word*` is a beginning, `*word` an ending, `word word` stands one after the other
and `word .. word` with up to four words between.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any

from npc_runtime.character.intent_stems import softened, stem, turkish_begins, words_of
from npc_runtime.resources import bundled

MAX_CHARACTERS = 400
"""Characters of a line that are read; a wish is shorter, and what players send is not bounded."""
MAX_WORDS = 60
_GAP = 4
"""Words that `..` stands for at most."""
_ANY = ".."


class Denial(IntEnum):
    """How a line says no."""

    NONE = 0
    UNABLE = 1
    """Something does not work or did not happen: "I can't find my key"."""
    REFUSED = 2
    """Something is not wanted, never so, or had already: "I don't need a room"."""


class Form(IntEnum):
    """What kind of sentence a line is."""

    WISH = 0
    """It asks for something to be done or had: "I need …", "can you …", "bring me …"."""
    POLAR = 1
    """A question that yes or no answers."""
    OPEN = 2
    """A question with who, what, where and the like."""
    OWN = 3
    """It tells of the player: "I was …", "my …"."""
    OTHER = 4
    """It tells of anything else."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A word or a phrase that carries meaning."""

    stem: str
    """Empty for a phrase."""
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Utterance:
    """A line as it is compared."""

    units: tuple[Unit, ...]
    form: Form
    denial: Denial


@dataclass(frozen=True, slots=True)
class _Phrase:
    parts: tuple[str, ...]
    """Stems, with `..` where words may stand between."""
    group: str


@dataclass(frozen=True, slots=True)
class _Lexicon:
    language: str
    words: Mapping[str, frozenset[str]]
    beginnings: Mapping[str, frozenset[str]]
    endings: Mapping[str, frozenset[str]]
    phrases: Mapping[str, tuple[_Phrase, ...]]
    """By the first part."""
    grammar: Mapping[str, frozenset[str]]

    def groups(self, word: str) -> frozenset[str]:
        """The groups that a word belongs to; the longest entry that fits counts."""
        found = self.words.get(stem(word, self.language), frozenset())
        for length in range(len(word), 1, -1):
            beginning = self.beginnings.get(word[:length])
            if beginning and (self.language != "tr" or turkish_begins(word, word[:length])):
                found |= beginning
                break
        for start in range(1, len(word) - 2):
            ending = self.endings.get(word[start:])
            if ending:
                return found | ending
        return found

    def is_form(self, word: str, part: str) -> bool:
        """Whether a word is a form of one part of a phrase."""
        return turkish_begins(word, part) if self.language == "tr" else stem(word, self.language) == part


@lru_cache(maxsize=1024)
def utterance(line: str, language: str, names: frozenset[str] = frozenset()) -> Utterance:
    """Take a line apart.

    Args:
        line: What is said; only its beginning is read if it is very long.
        language: ISO 639-1 code; for a language without groups only the words themselves count.
        names: Words of names, in small letters; they say nothing about what is meant.
    """
    lexicon = _lexicon(language)
    words = words_of(line[:MAX_CHARACTERS], language)[:MAX_WORDS]
    inside: set[int] = set()
    units: list[Unit] = []
    for phrase, places in _phrases(words, lexicon):
        if _ANY not in phrase.parts:
            inside.update(places)
        units.append(Unit("", frozenset({phrase.group})))
    stop = lexicon.grammar["stop"]
    for index, word in enumerate(words):
        if word in names:
            continue
        groups = frozenset() if word in stop or index in inside else lexicon.groups(word)
        if groups or not (word in stop or word.isdigit() or index in inside):
            units.append(Unit(stem(word, language), groups))
    form = _form(line, words, lexicon)
    return Utterance(tuple(dict.fromkeys(units)), form, _denial(words, form, lexicon))


@cache
def weak_groups() -> frozenset[str]:
    """Groups whose words are said about anything, such as time or help."""
    return frozenset(str(_table()["weak"]).split())


def name_words(names: Iterable[str], language: str) -> frozenset[str]:
    """The words of names as `utterance` wants them."""
    return frozenset(word for name in names for word in words_of(name[:MAX_CHARACTERS], language))


def _phrases(words: list[str], lexicon: _Lexicon) -> Iterable[tuple[_Phrase, tuple[int, ...]]]:
    for start, word in enumerate(words):
        keys: Collection[str] = (
            [word[:length] for length in range(2, len(word) + 1)]
            if lexicon.language == "tr"
            else (stem(word, lexicon.language),)
        )
        for key in keys:
            for phrase in lexicon.phrases.get(key, ()):
                places = _places(phrase.parts, words, start, lexicon)
                if places:
                    yield phrase, places


def _places(parts: tuple[str, ...], words: list[str], start: int, lexicon: _Lexicon) -> tuple[int, ...]:
    """Where the parts of a phrase are; nothing if they are not all there."""
    places: list[int] = []
    at, room = start, 0
    for part in parts:
        if part == _ANY:
            room = _GAP
            continue
        found = next((i for i in range(at, min(at + room + 1, len(words))) if lexicon.is_form(words[i], part)), None)
        if found is None:
            return ()
        places.append(found)
        at, room = found + 1, 0
    return tuple(places)


def _form(line: str, words: list[str], lexicon: _Lexicon) -> Form:
    grammar = lexicon.grammar
    if not words or not grammar["wish"].isdisjoint(words) or words[0] in grammar["please"]:
        return Form.WISH
    if not (grammar["need"].isdisjoint(words) or grammar["we"].isdisjoint(words)):
        return Form.WISH
    if words[:2] == ["do", "not"] and words[2:3] not in (["you"], ["we"]):
        return Form.WISH
    if words[0] in grammar["open"] or not grammar["anywhere"].isdisjoint(words):
        return Form.OPEN
    if "?" in line or words[0] in grammar["polar"] or not grammar["particle"].isdisjoint(words):
        return Form.POLAR
    if lexicon.language == "tr":
        wishes = words[-1].endswith(_TURKISH_WISH)
        return Form.WISH if wishes else Form.OWN if words[-1].endswith(_TURKISH_OWN) else Form.OTHER
    if words[0] in grammar["own"]:
        return Form.OWN
    return Form.OTHER if words[0] in grammar["other"] or _has_subject(words, lexicon) else Form.WISH


def _has_subject(words: list[str], lexicon: _Lexicon) -> bool:
    """Whether a sentence begins with what it is about rather than with an order, as "music heals" does."""
    second = words[1] if len(words) > 1 else ""
    if second in lexicon.grammar["being"]:
        return True
    finite = {"en": ("s",), "de": ("t", "en")}.get(lexicon.language, ())
    return bool(finite) and second not in lexicon.grammar["stop"] and len(second) > 3 and second.endswith(finite)


_TURKISH_WISH = ("alım", "elim", "ayım", "eyim", "sana", "sene")
"""Let us, let me, and do it now."""
_TURKISH_OWN = ("ım", "im", "um", "üm", "mam", "mem", "dık", "dik", "duk", "dük", "tık", "tik")
"""The first person, of verbs and of what one has."""
_TURKISH_DENIES_NOW = ("miyorum", "mıyorum", "muyorum", "müyorum", "miyoruz", "mıyoruz")
_TURKISH_DENIES = (*_TURKISH_DENIES_NOW, "mam", "mem", "maz", "mez", "mayız", "meyiz")
"""At the end of a sentence; elsewhere the aorist looks like an infinitive."""
_TURKISH_OPEN_STEMS = ("ara", "oyna", "başla", "ağla", "anla", "dinle", "iste", "söyle", "bekle", "bile")
"""Verbs that end in a vowel: before the sign of denial it looks as if they said "cannot"."""
_TURKISH_UNABLE = ("medi", "madı", "medim", "madım", "amıyor", "emiyor", "amam", "emem", "amıyorum", "emiyorum")


def _denial(words: list[str], form: Form, lexicon: _Lexicon) -> Denial:
    grammar = lexicon.grammar
    if form in (Form.POLAR, Form.OPEN):
        return Denial.NONE  # "Don't you sell swords?" asks for the same as "Do you sell swords?".
    if not grammar["never"].isdisjoint(words):
        return Denial.REFUSED
    if form in (Form.OWN, Form.OTHER) and not grammar["had"].isdisjoint(words):
        return Denial.REFUSED
    if lexicon.language == "tr":
        return _turkish_denial(words, grammar)
    for index, word in enumerate(words):
        if word in grammar["not"]:
            near = words[max(0, index - 1) : index] if lexicon.language == "en" else words
            return Denial.REFUSED if grammar["unable"].isdisjoint(near) else Denial.UNABLE
    return Denial.NONE


def _turkish_denial(words: list[str], grammar: Mapping[str, frozenset[str]]) -> Denial:
    unable = False
    for index, word in enumerate(words):
        last = index == len(words) - 1
        cannot = word.endswith(_TURKISH_UNABLE) and not word.startswith(_TURKISH_OPEN_STEMS)
        unable |= cannot
        denies = (
            word in grammar["not"]
            or word.startswith("değil")
            or word.endswith(_TURKISH_DENIES if last else _TURKISH_DENIES_NOW)
        )
        if (denies and not cannot) or (last and len(word) > 4 and word.endswith(("me", "ma"))):
            return Denial.REFUSED
    return Denial.UNABLE if unable else Denial.NONE


@cache
def _lexicon(language: str) -> _Lexicon:
    table = _table()
    words: dict[str, set[str]] = defaultdict(set)
    beginnings: dict[str, set[str]] = defaultdict(set)
    endings: dict[str, set[str]] = defaultdict(set)
    phrases: dict[str, list[_Phrase]] = defaultdict(list)
    for group, entries in table["concepts"].items():
        for entry in entries.get(language, "").split(", "):
            if entry.startswith("*"):
                endings[entry[1:]].add(group)
            elif entry.endswith("*"):
                beginnings[entry[:-1]].add(group)
            elif " " in entry:
                parts = tuple(_part(part, language) for part in entry.split())
                phrases[parts[0]].append(_Phrase(parts, group))
            elif language == "tr":
                for form in (entry, softened(entry)):
                    if form:
                        beginnings[form].add(group)
            elif entry:
                words[stem(entry, language)].add(group)
    written = table["grammar"].get(language, {})
    grammar = {key: frozenset(written.get(key, "").split()) for key in table["grammar"]["en"]}
    return _Lexicon(
        language,
        _frozen(words),
        _frozen(beginnings),
        _frozen(endings),
        {first: tuple(found) for first, found in phrases.items()},
        grammar,
    )


def _part(text: str, language: str) -> str:
    if text == _ANY or language == "tr":
        return text
    return stem(text.strip("*"), language)


def _frozen(groups: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(names) for key, names in groups.items()}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(bundled("assets", "text", "intent_words.json").read_text(encoding="utf-8"))
    return table
