"""Knowledge: what a character knows that bears on what is being said, and what of it is kept secret.

Facts are found by shared words, rare ones counting more (BM25, Robertson and Zaragoza 2009, without the length of the
player's line). Forms of a word meet by their beginnings, which serves English, German and Turkish alike: cutting words
after five letters was found as good as a lemmatiser for Turkish (Can et al. 2008). With an embedder, nearness of
meaning counts for one half.

A secret whose conditions do not hold is never returned, so it cannot be in a prompt, and what is not in the prompt
cannot be let slip: replies need no check for it.
"""

import json
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npc_runtime.content import conditions
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.knowledge import Fact
from npc_runtime.resources import bundled

MOST_FACTS = 4
"""Facts of one recall."""
MOST_CHARS = 600
"""Characters that they have together; what is most relevant is cut before nothing is returned."""
MOST_LEARNT = 200
"""Facts that a character learns in the course of a game; the oldest give way."""
MOST_EVENTS = 500
_MOST_LEARNT_CHARS = 500
_MOST_WORDS = 60
"""Of a line, and of each fact."""
_RECENT_WEIGHT = 0.35
"""What a word of the line before counts, of one in this line; it halves with each line further back."""
_RELEVANT = 0.3
"""Share of the best score below which a fact is left out."""
_TELLING = 0.2
"""Share of the line's weight that a fact must match to be relevant at all."""
_UNHEARD = 0.15
"""Share of its weight that a word counts there that is in no fact at all: politeness must not hide a question."""
_ASKED_FOR = 0.4
"""The same for a secret to be what the line asks for: a mere mention must not make a character secretive."""
_FEW = 20
"""Facts that a small collection counts as, so that words of its only fact are still rare."""
_STANDS_OUT = 2.0
"""Standard deviations by which the nearness of a fact without common words must stand out among all others."""
_SATURATION, _LENGTH = 1.2, 0.3
"""k1 and b of BM25; facts are short, so length counts little."""
_STEM = 5
_SHORTEST = 3
_ENDING = 3

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNMARKED = str.maketrans({"ı": "i", "ø": "o", "æ": "ae", "ł": "l", "đ": "d"})

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors, one row per text."""

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """Embed texts; `query` tells whether they ask for something or are what may be found."""
        ...


def folded(text: str) -> str:
    """One spelling for what is written in several ways: small letters without marks, so that `İ`, `ı` and `i` meet."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_UNMARKED)


def content_words(text: str, language: str) -> tuple[str, ...]:
    """The words of a text that carry its meaning, folded, each once, in their order.

    Args:
        text: Any text; the first `_MOST_WORDS` words count.
        language: ISO 639-1 code, for the words to leave out.
    """
    stop = _stop_words(language)
    words = (found.group().split("'")[0] for found in _WORD.finditer(folded(text[: _MOST_WORDS * 20])))
    kept = (word for word in words if word not in stop and (len(word) >= _SHORTEST or not word.isascii()))
    return tuple(dict.fromkeys(kept))[:_MOST_WORDS]


@dataclass(frozen=True, slots=True)
class Learnt:
    """Something that a character came to know in the course of the game."""

    text: str
    time: float | None = None
    """Game time in seconds."""


@dataclass(frozen=True, slots=True)
class Awareness:
    """What the course of the game has added to a character's knowledge: the part that a saved game keeps."""

    learnt: tuple[Learnt, ...] = ()
    """Oldest first."""
    events: tuple[str, ...] = ()
    """Names of the events that the character knows of, each once."""

    def learning(self, text: str, time: float | None = None) -> "Awareness":
        """With one fact more; one that was known already moves to the end. Long texts are cut."""
        text = " ".join(text.split())[:_MOST_LEARNT_CHARS]
        if not text:
            return self
        others = tuple(known for known in self.learnt if known.text != text)
        return replace(self, learnt=(*others, Learnt(text, time))[-MOST_LEARNT:])

    def witnessing(self, event: str) -> "Awareness":
        """With one event more."""
        if event in self.events:
            return self
        return replace(self, events=(*self.events, event[:_MOST_LEARNT_CHARS])[-MOST_EVENTS:])

    def as_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes the same again."""
        return {"learnt": [[known.text, known.time] for known in self.learnt], "events": list(self.events)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Awareness":
        """What `as_json` wrote."""
        learnt = tuple(Learnt(text, time) for text, time in value["learnt"])
        return cls(learnt[-MOST_LEARNT:], tuple(value["events"])[-MOST_EVENTS:])


class Shelf:
    """Facts with an index of their words; made once for each pack and shared by all who have it.

    Args:
        facts: The facts, such as those of a pack.
        language: ISO 639-1 code of those who will use it.
    """

    def __init__(self, facts: Iterable[Fact], language: str) -> None:
        self.facts = tuple(facts)
        self.vectors: Vectors | None = None
        """Shape (facts, dimensions); None without an embedder."""
        self._language = language
        self._index: dict[str, list[int]] | None = None
        self._lengths: list[int] = []
        self._near: dict[str, list[str]] = {}

    def embed(self, embedder: Embedder) -> None:
        """Let meanings count, too; takes milliseconds per fact, so it belongs into a thread and before the talk."""
        self.vectors = embedder.embed([fact.text for fact in self.facts], query=False)

    @property
    def words(self) -> int:
        """Content words of all facts together."""
        self._indexed()
        return sum(self._lengths)

    def length(self, fact: int) -> int:
        """Content words of a fact."""
        return self._lengths[fact]

    def containing(self, word: str) -> dict[int, float]:
        """The facts that have a form of a folded word: how well it fits, 0..1, by the number of the fact."""
        found: dict[int, float] = {}
        for other in self._forms(word):
            fit = 1.0 if other == word else 0.8
            for fact in self._indexed()[other]:
                found[fact] = max(fit, found.get(fact, 0.0))
        return found

    def _forms(self, word: str) -> list[str]:
        index = self._indexed()
        near = self._near.get(word[:_SHORTEST], ())
        forms = [other for other in near if _same(word, other)]
        if self._language == "de" and len(word) >= _STEM:  # compounds: Klammern, Eisenklammern
            stem = word[: max(_STEM, len(word) - 2)]
            forms += [other for other in index if stem in other[1:] and other not in forms]
        return forms

    def _indexed(self) -> dict[str, list[int]]:
        if self._index is None:
            index: dict[str, list[int]] = {}
            for number, fact in enumerate(self.facts):
                words = content_words(" ".join((fact.text, *fact.tags)), self._language)
                self._lengths.append(len(words))
                for word in words:
                    index.setdefault(word, []).append(number)
            for word in index:
                self._near.setdefault(word[:_SHORTEST], []).append(word)
            self._index = index
        return self._index


@dataclass(frozen=True, slots=True)
class Recall:
    """What comes to a character's mind."""

    facts: tuple[str, ...] = ()
    """The most relevant first."""
    withheld: bool = False
    """Whether the line asks for a secret that is not to be told now: the character may say that it will not talk."""


class Knowledge:
    """What one character can know.

    Args:
        character: The character; its own facts are no secrets.
        shelves: Those of its packs.
        groups: Tags of the character, such as `guild`, that `known_by` may name.
    """

    def __init__(self, character: CharacterFile, shelves: Sequence[Shelf], groups: Collection[str] = ()) -> None:
        names = (character.id, character.name, *character.aliases, *groups)
        self._names = frozenset(folded(name) for name in names if name)
        self._language = character.language.split("-")[0]
        own = Shelf((Fact(text=text) for text in character.knowledge.facts), self._language)
        self.shelves = (own, *shelves)

    def knows(self, fact: Fact, awareness: Awareness) -> bool:
        """Whether the character knows a fact by now, secret or not."""
        if fact.after is not None and fact.after not in awareness.events:
            return False
        return not fact.known_by or any(folded(name) in self._names for name in fact.known_by)

    def recall(
        self,
        line: str,
        situation: conditions.Facts,
        *,
        awareness: Awareness | None = None,
        recent: Sequence[str] = (),
        query: Vectors | None = None,
        most: int = MOST_FACTS,
        most_chars: int = MOST_CHARS,
    ) -> Recall:
        """What the character knows about what is being said.

        Args:
            line: What the player says.
            situation: What the conditions of secrets are asked of.
            awareness: What the game has added.
            recent: The lines before, latest last; they say what `it` and `there` are.
            query: The embedded line, shape (1, dimensions); None without an embedder.
            most: Facts at most.
            most_chars: Characters that they have together at most.
        """
        awareness = awareness or Awareness()
        shelves = (*self.shelves, _learnt_shelf(tuple(known.text for known in awareness.learnt), self._language))
        weights = _weights(line, recent, self._language)
        ranked = sorted(
            (
                (-match.score, place, number, match.share, shelf.facts[number])
                for place, shelf in enumerate(shelves)
                for number, match in _matches(shelf, shelves, weights, query).items()
                if self.knows(shelf.facts[number], awareness)
            ),
            key=lambda found: found[:3],
        )
        kept: list[str] = []
        withheld = False
        room, best = most_chars, 0.0
        for negated, _, _, share, fact in ranked:
            if fact.secret and (not fact.tell_when or conditions.all_hold(fact.tell_when, situation) is not None):
                withheld = withheld or share >= _ASKED_FOR
                continue
            best = best or -negated
            if len(kept) == most or -negated < _RELEVANT * best:
                continue
            text = " ".join(fact.text.split())
            if len(text) > room:
                if kept:
                    continue
                text = text[:room].rpartition(" ")[0]
            kept.append(text)
            room -= len(text)
        return Recall(tuple(text for text in kept if text), withheld)


@lru_cache(maxsize=64)
def _learnt_shelf(texts: tuple[str, ...], language: str) -> Shelf:
    # what was learnt came from the game and is bounded already, so it need not pass the checks for authored texts
    return Shelf((Fact.model_construct(text=text) for text in texts), language)


def _weights(line: str, recent: Sequence[str], language: str) -> dict[str, float]:
    """The words to look for: 1 for those of the line, less for those that were said before."""
    weights = dict.fromkeys(content_words(line, language), 1.0)
    for back, said in enumerate(reversed(recent[-3:])):
        for word in content_words(said, language):
            weights.setdefault(word, _RECENT_WEIGHT / 2**back)
    return weights


@dataclass(frozen=True, slots=True)
class _Match:
    score: float
    share: float
    """How much of what the line asks for the fact has, 0..1."""


def _matches(
    shelf: Shelf, shelves: Sequence[Shelf], weights: Mapping[str, float], query: Vectors | None
) -> dict[int, _Match]:
    """How relevant the facts of a shelf are, as far as they are at all; by their numbers."""
    facts = sum(len(other.facts) for other in shelves)
    usual_length = max(1.0, sum(other.words for other in shelves) / max(1, facts))
    total = max(_FEW, facts)
    asked = 0.0
    scores: dict[int, float] = {}
    shared: dict[int, float] = {}
    for word, weight in weights.items():
        having = sum(len(other.containing(word)) for other in shelves)
        rarity = weight * math.log(1 + (total - having + 0.5) / (having + 0.5))
        asked += rarity * (1.0 if having else _UNHEARD)
        for number, fit in shelf.containing(word).items():
            norm = 1 - _LENGTH + _LENGTH * shelf.length(number) / usual_length
            scores[number] = scores.get(number, 0.0) + rarity * fit * (_SATURATION + 1) / (fit + _SATURATION * norm)
            shared[number] = shared.get(number, 0.0) + rarity * fit
    lexical = {
        number: _Match(score, shared[number] / asked)
        for number, score in scores.items()
        if shared[number] >= _TELLING * asked
    }
    if query is None or shelf.vectors is None or not shelf.facts:
        return lexical
    near = (shelf.vectors @ query[0]).astype(float)
    lowest, spread, width = float(near.min()), float(near.std()), float(np.ptp(near))
    best = max((match.score for match in lexical.values()), default=1.0)
    fused: dict[int, _Match] = {}
    for number, nearness in enumerate(near):
        stands_out = spread > 0 and (nearness - near.mean()) / spread >= _STANDS_OUT
        if number in lexical or stands_out:
            match = lexical.get(number, _Match(0.0, 0.0))
            relative = (float(nearness) - lowest) / width if width else 0.0
            fused[number] = _Match(0.5 * match.score + 0.5 * best * relative, 1.0 if stands_out else match.share)
    return fused


def _same(one: str, other: str) -> bool:
    """Whether two folded words are forms of one word."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= _STEM and short[:_STEM] == long[:_STEM]:
        return True
    return len(short) >= _SHORTEST and long.startswith(short) and len(long) - len(short) <= _ENDING


@cache
def _stop_words(language: str) -> frozenset[str]:
    lists: dict[str, str] = json.loads(bundled("assets", "text", "stop_words.json").read_text(encoding="utf-8"))
    chosen = [lists[language]] if language in lists else lists.values()
    return frozenset(folded(word).split("'")[0] for words in chosen for word in words.split())
