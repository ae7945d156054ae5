"""Rules of tone: the word lists of a language, `assets/text/tone_*.json`, made ready for matching.

A rule is a few words in a row. `word*` is a stem, `*word` the ending of a longer word, `*word*` a part of one, `<name>`
any word of a class, `a|b` either, `a|b_c` either one word or two, `..` up to three words in between, `^` and `$` the
sentence's beginning and end.
"""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from npc_runtime.character.tone_words import Word, fold
from npc_runtime.resources import bundled

Group = Literal["sure", "fixed", "likely", "faint", "at_you", "of_you", "about_yours"]
Person = Literal["nobody", "first", "second", "third", "copula"]
_PERSONS: tuple[Person, ...] = get_args(Person)
"""What words say of whom a clause speaks; the first that fits counts, and `nobody` is for words that only look so."""

WEIGHT: Mapping[Group, float] = {
    "sure": 1.0,
    "fixed": 1.0,
    "likely": 0.7,
    "faint": 0.3,
    "at_you": 1.0,
    "of_you": 1.0,
    "about_yours": 0.8,
}
"""How much a rule of each group says.

`fixed` rules cannot be negated; `at_you` ones count only for what the listener is called, `of_you` ones only where the
listener is named as well, `about_yours` ones not for what is said of the speaker or of somebody else.
"""
LANGUAGES = ("en", "de", "tr")
"""Languages that have rules."""
_GAP = 3
_LONGEST_STEM = 24


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a rule; empty for a gap."""

    whole: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def fits(self, word: str) -> bool:
        """Whether a folded word may stand here."""
        return (
            word in self.whole
            or word.startswith(self.stems)
            or (word.endswith(self.endings) and word not in self.endings)
            or any(part in word for part in self.parts)
        )

    @property
    def is_gap(self) -> bool:
        """Whether up to three words may stand here."""
        return not (self.whole or self.stems or self.endings or self.parts)


@dataclass(frozen=True, slots=True)
class Rule:
    """A few words in a row and what they mean."""

    kind: str
    group: Group
    elements: tuple[Element, ...]
    at_start: bool
    at_end: bool
    gaps: bool = False
    """Whether words may stand between its own."""

    def match(self, words: Sequence[Word], start: int) -> int | None:
        """Where it ends if it begins at a word, the shortest way; at most 4 places are tried for each gap."""
        if self.at_start and start:
            return None
        if self.gaps:
            return self._match(words, start, 0)
        end = start + len(self.elements)
        if end > len(words) or (self.at_end and end < len(words)):
            return None
        for element, word in zip(self.elements, words[start:end], strict=True):
            if not element.fits(word.text):
                return None
        return end

    def names(self, word: str) -> bool:
        """Whether a folded word is one of those it asks for."""
        return any(element.fits(word) for element in self.elements)

    def _match(self, words: Sequence[Word], at: int, element: int) -> int | None:
        if element == len(self.elements):
            return None if self.at_end and at < len(words) else at
        wanted = self.elements[element]
        if wanted.is_gap:
            ends = (self._match(words, at + skipped, element + 1) for skipped in range(_GAP + 1))
            return next((end for end in ends if end is not None), None)
        if at >= len(words) or not wanted.fits(words[at].text):
            return None
        return self._match(words, at + 1, element + 1)


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Rules by the word with which they begin."""

    _by_word: Mapping[str, tuple[Rule, ...]]
    _by_stem: Mapping[str, tuple[Rule, ...]]
    _anywhere: tuple[Rule, ...]

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "RuleIndex":
        """Index some rules; they stay in their order."""
        by_word: dict[str, list[Rule]] = {}
        by_stem: dict[str, list[Rule]] = {}
        anywhere: list[Rule] = []
        for rule in rules:
            first = rule.elements[0]
            for word in first.whole:
                by_word.setdefault(word, []).append(rule)
            for stem in first.stems:
                by_stem.setdefault(stem, []).append(rule)
            if first.endings or first.parts or first.is_gap:
                anywhere.append(rule)
        return cls(
            {word: tuple(found) for word, found in by_word.items()},
            {stem: tuple(found) for stem, found in by_stem.items()},
            tuple(anywhere),
        )

    def opening_with(self, word: str) -> Iterator[Rule]:
        """The rules that may begin with a folded word."""
        yield from self._by_word.get(word, ())
        if self._by_stem:
            for length in range(1, min(len(word), _LONGEST_STEM) + 1):
                yield from self._by_stem.get(word[:length], ())
        yield from self._anywhere


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is known of a language's tone."""

    expand: Mapping[str, str]
    links: frozenset[str]
    persons: Mapping[Person, Element]
    negators: Element
    negators_after: Element
    conditions: Element
    stronger: Element
    weaker: Element
    tags: RuleIndex
    """Questions that only ask for assent, such as "isn't it": what is negated in them counts for nothing."""
    idioms: RuleIndex
    """Phrases that do not mean what the words in them mean."""
    meanings: RuleIndex
    """What words do."""


@functools.lru_cache(maxsize=16)
def rules_of(language: str, *, plain: bool = False) -> Rules:
    """The rules of a language and those for picture signs; a language without a list has only the latter.

    Args:
        language: ISO 639-1 code.
        plain: For Turkish that was written without its own letters.
    """
    made = _Maker(language, _lists(language), plain=plain)
    return made.rules()


def _lists(language: str) -> Mapping[str, Any]:
    if language not in LANGUAGES:
        return {}
    lists: Mapping[str, Any] = json.loads(
        bundled("assets", "text", f"tone_{language}.json").read_text(encoding="utf-8")
    )
    return lists


class _Maker:
    def __init__(self, language: str, lists: Mapping[str, Any], *, plain: bool) -> None:
        self._language = language
        self._lists = lists
        self._plain = plain
        self._distinct = frozenset(fold(word, language) for word in lists.get("distinct", ()))
        self._expand = {self._fold(short): self._fold(long) for short, long in lists.get("expand", {}).items()}
        self._single = frozenset(short for short, long in self._expand.items() if long and " " not in long)
        self._classes = {name: self._element(words) for name, words in lists.get("classes", {}).items()}

    def rules(self) -> Rules:
        lists = self._lists
        return Rules(
            expand=self._expand,
            links=frozenset(self._fold(word) for word in lists.get("links", ())),
            persons={person: self._element(lists.get("persons", {}).get(person, ())) for person in _PERSONS},
            negators=self._element(lists.get("negators", ())),
            negators_after=self._element(lists.get("negators_after", ())),
            conditions=self._element(lists.get("conditions", ())),
            stronger=self._element(lists.get("stronger", ())),
            weaker=self._element(lists.get("weaker", ())),
            tags=self._phrases("tags"),
            idioms=self._phrases("idioms"),
            meanings=RuleIndex.of(self._all()),
        )

    def _phrases(self, name: str) -> RuleIndex:
        return RuleIndex.of(self._rule(name, "fixed", text) for text in self._lists.get(name, ()))

    def _all(self) -> Iterator[Rule]:
        for kind, groups in self._lists.get("rules", {}).items():
            for group, texts in groups.items():
                for text in texts:
                    for spelled in _spelled_out(text):
                        yield self._rule(kind, group, spelled)
        pictures = json.loads(bundled("assets", "text", "tone_pictures.json").read_text(encoding="utf-8"))
        for kind, signs in pictures.items():
            yield Rule(kind, "likely", (Element(whole=frozenset(signs)),), at_start=False, at_end=False)

    def _rule(self, kind: str, group: Group, text: str) -> Rule:
        places = text.split()
        at_start, at_end = places[0] == "^", places[-1] == "$"
        inner = places[at_start : len(places) - at_end]
        return Rule(kind, group, tuple(self._place(place) for place in inner), at_start, at_end, ".." in inner)

    def _place(self, place: str) -> Element:
        if place == "..":
            return Element()
        choices = place.split("|")
        named = [self._classes[choice[1:-1]] for choice in choices if choice.startswith("<")]
        made = self._element([choice for choice in choices if not choice.startswith("<")])
        return functools.reduce(_either, named, made)

    def _element(self, words: Sequence[str]) -> Element:
        whole: set[str] = set()
        stems: list[str] = []
        endings: list[str] = []
        parts: list[str] = []
        for word in words:
            bare = self._fold(word.strip("*"))
            if word.startswith("*"):
                (parts if word.endswith("*") else endings).append(bare)
            elif word.endswith("*"):
                stems.append(bare)
            else:
                whole.add(bare)
                # A text is expanded before it is read, so what rules are written with must be, too.
                whole.update([self._expand[bare]] if bare in self._single else ())
        return Element(frozenset(whole), tuple(stems), tuple(endings), tuple(parts))

    def _fold(self, word: str) -> str:
        folded = fold(word, self._language)
        return folded if folded in self._distinct else fold(word, self._language, plain=self._plain)


def _either(one: Element, other: Element) -> Element:
    return Element(
        one.whole | other.whole, one.stems + other.stems, one.endings + other.endings, one.parts + other.parts
    )


def _spelled_out(text: str) -> Iterator[str]:
    """A rule, once with the choices of one word at each place and once for each choice of several words."""
    before, joined, after = "", "", text
    for place in text.split():
        if "_" in place:
            joined = place
            before, _, after = text.partition(place)
            break
    if not joined:
        yield text
        return
    choices = joined.split("|")
    single = "|".join(choice for choice in choices if "_" not in choice)
    for choice in (single, *(choice.replace("_", " ") for choice in choices if "_" in choice)):
        if choice:
            yield from _spelled_out(f"{before}{choice}{after}")
