"""Boundary: what a character cannot know, such as telephones in a medieval village, and how hard it refuses that.

What exists since when is in `assets/text/worlds.json`: groups of entries with the era from which on they are known.
An entry is one thing with all its names: `phone | film ! oil dust` has two, and the second does not count in a text
that speaks of oil or dust.
In a name each word takes the endings of its language; `word*` goes on in any way, `*word` begins in any way, `=word` is
meant exactly as written, and `...` stands for up to three words.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from npc_runtime.character.words import folded
from npc_runtime.content.character import CharacterFile, Control
from npc_runtime.content.knowledge import Era, KnowledgeFile
from npc_runtime.content.told import DEFAULT, told
from npc_runtime.resources import bundled

ERAS: tuple[Era, ...] = get_args(Era)
MOST_WORDS = 600
"""Words of a text that are looked at."""
_MOST_OWN_WORDS = 20_000
"""Words of a character's own content that are looked at."""
_CLEAR = 2
"""Things of an era that content must speak of before its world is taken to be in that era."""
_GAP = 3
_LONGEST_TERM = 40

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ENDINGS = {
    "en": re.compile(r"(?:'?s'?)?"),
    "de": re.compile(r"(?:e[nrsm]?|n|ns|'?s|ern|in|innen)?"),
    "tr": re.compile(
        r"'?(?:l[ae]r|[iu]?m|[iu]?n|[iu]m[iu]z|[iu]n[iu]z|s?[iu]n?|[dt][ae]n?|y?[ae]|n[ae]|[yn][iu]n?|y?l[ae]|ki|m[iu]"
        r"|[dt][iu]r|y?[dt][iu]m?|c[iu]|l[iu]k?|s[iu]z|c[ae]|s[iu]n|y[iu]m|m[iu]s|s[ae]n){0,4}"
    ),
}
"""What may follow the stem of a word, folded: plural and case; in Turkish a chain of up to four suffixes."""
_SIBILANTS = ("s", "x", "z", "ch", "sh")
_SOFT = {"k": "g", "p": "b", "t": "d"}
"""How the last letter of a Turkish stem changes before a vowel, folded."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text."""

    exact: str
    """In small letters, with its marks."""
    folded: str
    start: int
    """Place in the text."""
    end: int


_KEY = 4
"""Letters of a name's beginning by which it is looked up."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry of a list that a text contains."""

    entry: str
    """The entry's first name."""
    first: int
    """Its first token."""
    last: int
    """Its last token."""


def tokens_of(text: str, language: str, *, most: int = MOST_WORDS) -> list[Token]:
    """The words of a text.

    Args:
        text: Any text.
        language: ISO 639-1 code; Turkish has small letters of its own.
        most: Words at most.
    """
    tokens: list[Token] = []
    for found in _TOKEN.finditer(text):
        if len(tokens) == most:
            break
        word = found.group().replace("’", "'")
        exact = word.replace("İ", "i").replace("I", "ı") if language == "tr" else word
        tokens.append(Token(exact.lower(), folded(word), found.start(), found.end()))
    return tokens


def first_name(entry: str) -> str:
    """What an entry of a list is called: its first name."""
    return entry.split(" | ")[0].partition(" ! ")[0]


class Terms:
    """A list of entries, ready to be looked for; the module says how entries are written.

    Args:
        entries: The entries.
        language: ISO 639-1 code, for the endings of words; of other languages than the three words have none.
    """

    def __init__(self, entries: Iterable[str], language: str) -> None:
        self._endings = _ENDINGS.get(language)
        self._language = language
        self._starting: dict[str, list[_Name]] = defaultdict(list)
        self._inside: list[_Name] = []
        for entry in entries:
            for name in entry.split(" | "):
                words, _, unless = name.partition(" ! ")
                made = _Name(first_name(entry), _parts(words, language), _parts(unless, language))
                if made.parts[0].kind == "ending":
                    self._inside.append(made)
                    continue
                for beginning in {folded(form)[:_KEY] for form in made.parts[0].forms or (made.parts[0].text,)}:
                    self._starting[beginning].append(made)

    def hits(self, tokens: Sequence[Token]) -> Iterator[Hit]:
        """Every entry that is there, from left to right."""
        for first, token in enumerate(tokens):
            for name in self._possible(token):
                last = self._match(name.parts, tokens, first)
                if last is not None and not any(self._fits(part, other) for part in name.unless for other in tokens):
                    yield Hit(name.entry, first, last)

    def _possible(self, token: Token) -> "Iterator[_Name]":
        """The names that may begin with a token."""
        for length in range(1, min(len(token.folded), _KEY) + 1):
            yield from self._starting.get(token.folded[:length], ())
        yield from self._inside

    def _match(self, parts: "tuple[_Part, ...]", tokens: Sequence[Token], first: int) -> int | None:
        """The last token of a name that begins at a token."""
        at, room, last = first, 0, first
        for part in parts:
            if part.kind == "gap":
                room = _GAP
                continue
            places = range(at, min(at + room + 1, len(tokens)))
            place = next((place for place in places if self._fits(part, tokens[place])), None)
            if place is None:
                return None
            last, at, room = place, place + 1, 0
        return last

    def _fits(self, part: "_Part", token: Token) -> bool:
        if part.kind == "exact":
            return token.exact == part.text
        if part.kind == "beginning":
            return token.folded.startswith(part.text)
        if part.kind == "ending":
            at = token.folded.rfind(part.text, 1)
            return at > 0 and self._ends(part.text, token.folded[at + len(part.text) :])
        return any(token.folded.startswith(form) and self._ends(form, token.folded[len(form) :]) for form in part.forms)

    def _ends(self, stem: str, rest: str) -> bool:
        if not rest:
            return True
        if self._endings is None:
            return False
        if self._language == "en" and rest == "es":
            return stem.endswith(_SIBILANTS)
        return self._endings.fullmatch(rest) is not None


@dataclass(frozen=True, slots=True)
class _Part:
    kind: Literal["word", "exact", "beginning", "ending", "gap"]
    text: str
    forms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Name:
    entry: str
    parts: tuple[_Part, ...]
    unless: tuple[_Part, ...]
    """Words beside which it does not count."""


def _parts(text: str, language: str) -> tuple[_Part, ...]:
    return tuple(_part(word, language) for word in text.split())


def _part(word: str, language: str) -> _Part:
    if word == "...":
        return _Part("gap", "")
    if word.startswith("="):
        return _Part("exact", word[1:])
    if word.startswith("*"):
        return _Part("ending", folded(word[1:]))
    if word.endswith("*"):
        return _Part("beginning", folded(word[:-1]))
    stem = folded(word)
    soft = (stem[:-1] + _SOFT[stem[-1]],) if language == "tr" and len(stem) > 3 and stem[-1] in _SOFT else ()
    return _Part("word", stem, (stem, *soft))


@dataclass(frozen=True, slots=True)
class World:
    """What exists where a character lives."""

    era: Era = "medieval"
    earth: bool = False
    """Whether it is our Earth, with its countries and cities."""
    known: frozenset[str] = frozenset()
    """Entries that exist there in spite of the era."""
    language: str = "en"
    """ISO 639-1 code."""

    def including(self, texts: Sequence[str]) -> "World":
        """The same world with everything that texts speak of, such as the names of what is in the scene."""
        return replace(self, known=self.known | _lately_spoken_of(tuple(texts), self.language)) if texts else self


@dataclass(frozen=True, slots=True)
class Verdict:
    """That a line speaks of something the character cannot know."""

    refused: bool
    """Whether the reply is a line that somebody wrote, without the model; otherwise `instruction` goes to the model."""
    term: str
    """What the player said, in the player's words."""
    group: str
    """The group of `worlds.json` it belongs to."""
    language: str = DEFAULT
    """Of the character, ISO 639-1."""

    @property
    def about_itself(self) -> bool:
        """Whether the line takes the character for a program or a figure in a game."""
        return self.group in ("models", "machines")

    @property
    def instruction(self) -> str:
        """What the model is told instead."""
        if self.about_itself:
            return told("unknown_self", self.language)
        return told("unknown", self.language, term=self.term)


def world_of(character: CharacterFile, packs: Sequence[KnowledgeFile] = ()) -> World:
    """The world a character lives in: what it declares, then what its packs do, and otherwise what its content shows.

    Everything that its own content and its packs speak of exists. The era is that of the latest two such things, or of
    one word that tells an era, such as `starship`; without any it is medieval.
    """
    language = character.language.split("-")[0]
    worlds = (character.knowledge.world, *(pack.world for pack in packs))
    declared = [world for world in worlds if world is not None]
    texts = [*_own_texts(character), *(fact.text for pack in packs for fact in pack.facts)]
    texts += [thing for world in declared for thing in world.has]
    known = _spoken_of(texts, language)
    era = next((world.era for world in declared if world.era is not None), None) or _era(texts, known, language)
    earth = next((world.earth for world in declared if world.earth is not None), None)
    if earth is None:
        earth = any(group.earth and not known.isdisjoint(group.entries) for group in _groups(language))
    return World(era, earth, known, language)


def judge(line: str, world: World, control: Control) -> Verdict | None:
    """Whether a line speaks of something that a character cannot know.

    Args:
        line: The player's words.
        world: From `world_of`.
        control: The character's `knowledge.filter`.

    Returns:
        None if it does not, or if nothing is filtered.
    """
    if control == "none":
        return None
    tokens = tokens_of(line, world.language)
    groups = _groups(world.language)
    terms, places = _strange(world.language, world.era, world.earth)
    strange = (hit for hit in terms.hits(tokens) if hit.entry not in world.known)
    hit = min(strange, key=lambda hit: (places[hit.entry], hit.first), default=None)
    if hit is None:
        return None
    term = " ".join(line[tokens[hit.first].start : tokens[hit.last].end].split())[:_LONGEST_TERM]
    return Verdict(control == "strict", term, groups[places[hit.entry]].name, world.language)


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    known_in: frozenset[Era]
    """The eras in which its things are known."""
    earth: bool
    entries: frozenset[str]
    """By their first names."""
    written: tuple[str, ...]
    """The same as in the list."""


@cache
def _groups(language: str) -> tuple[_Group, ...]:
    groups = []
    for name, group in _table()["groups"].items():
        entries = (*group.get("any", ()), *group.get(language, ()))
        since = group["since"]
        known_in = frozenset(ERAS[ERAS.index(since) :]) if since in ERAS else frozenset[Era]()
        first_names = frozenset(map(first_name, entries))
        groups.append(_Group(name, known_in, group.get("earth", False), first_names, entries))
    return tuple(groups)


@cache
def _strange(language: str, era: Era, earth: bool) -> tuple[Terms, Mapping[str, int]]:
    """All that is not known in a world, and the place of each entry's group."""
    written: list[str] = []
    places: dict[str, int] = {}
    for place, group in enumerate(_groups(language)):
        if era not in group.known_in or (group.earth and not earth):
            written += group.written
            for entry in group.entries:
                places.setdefault(entry, place)
    return Terms(written, language), places


@cache
def _everything(language: str) -> Terms:
    """All entries of all groups."""
    return Terms([entry for group in _groups(language) for entry in group.written], language)


@cache
def _signs(language: str) -> Mapping[Era, Terms]:
    signs = _table()["signs"]
    return {era: Terms(signs[era].get(language, ()), language) for era in ERAS if era in signs}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(bundled("assets", "text", "worlds.json").read_text(encoding="utf-8"))
    return table


@lru_cache(maxsize=32)
def _lately_spoken_of(texts: tuple[str, ...], language: str) -> frozenset[str]:
    """The same of what is in a scene, which is asked for again with every line."""
    return _spoken_of(texts, language)


def _spoken_of(texts: Sequence[str], language: str) -> frozenset[str]:
    """The entries of all groups that texts contain."""
    tokens = tokens_of("\n".join(texts), language, most=_MOST_OWN_WORDS)
    return frozenset(hit.entry for hit in _everything(language).hits(tokens))


def _era(texts: Sequence[str], known: frozenset[str], language: str) -> Era:
    tokens = tokens_of("\n".join(texts), language, most=_MOST_OWN_WORDS)
    for era in reversed(ERAS):
        sign = _signs(language).get(era)
        if sign is not None and next(sign.hits(tokens), None) is not None:
            return era
        begun = [group for group in _groups(language) if group.known_in and min(group.known_in, key=ERAS.index) == era]
        if sum(len(known & group.entries) for group in begun if not group.earth) >= _CLEAR:
            return era
    return "medieval"


def _own_texts(character: CharacterFile) -> list[str]:
    persona, goals = character.persona, character.goals
    texts = [character.name, persona.summary, persona.motivation, *persona.flaws, persona.backstory]
    texts += [character.style.tone, *character.style.sample_lines, *character.knowledge.facts]
    # What it refuses with is left out: `I know of no telephones` does not make one known.
    texts += [*character.barks.greet, *character.barks.busy, *character.barks.failed]
    for goal in goals:
        texts += [*goal.when.intent, *goal.when.keyword]
        texts += [text for step in goal.do for text in (step.instruct, step.say) if text]
    return texts
