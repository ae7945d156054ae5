"""Knowledge: what a character knows that bears on what is being said, and what of it is kept secret.

Facts are found by shared words, rare ones counting more (BM25, Robertson and Zaragoza 2009, without the length of the
player's line). Forms of a word meet by their beginnings, which serves English, German and Turkish alike: cutting words
after five letters was found as good as a lemmatiser for Turkish (Can et al. 2008). With an embedder, nearness of
meaning counts for one half. Facts whose keys are said are as relevant as the best match, whatever their words.

A secret whose conditions do not hold is never returned, so it cannot be in a prompt, and what is not in the prompt
cannot be let slip: replies need no check for it.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.fact_keys import FactKeys
from npc_runtime.character.words import SHORTEST, STEM, content_words, folded, same_word
from npc_runtime.content import conditions
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.knowledge import Fact

MOST_FACTS = 4
"""Facts of one recall."""
MOST_CHARS = 600
"""Characters that they have together; what is most relevant is cut before nothing is returned."""
MOST_LEARNT = 200
"""Facts that a character learns in the course of a game; the oldest give way."""
MOST_EVENTS = 500
_MOST_LEARNT_CHARS = 500
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
Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors, one row per text."""

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """Embed texts; `query` tells whether they ask for something or are what may be found."""
        ...


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
        self._keys: FactKeys | None = None

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

    def keyed(self, line: str) -> Mapping[int, frozenset[str]]:
        """The facts of which a key is said in a line, by number, each with the words of the line that say it."""
        if self._keys is None:
            self._keys = FactKeys(self.facts, self._language)
        return self._keys.said_in(line)

    def _forms(self, word: str) -> list[str]:
        index = self._indexed()
        near = self._near.get(word[:SHORTEST], ())
        forms = [other for other in near if same_word(word, other)]
        if self._language == "de" and len(word) >= STEM:  # compounds: Klammern, Eisenklammern
            stem = word[: max(STEM, len(word) - 2)]
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
                self._near.setdefault(word[:SHORTEST], []).append(word)
            self._index = index
        return self._index


@dataclass(frozen=True, slots=True)
class Recall:
    """What comes to a character's mind."""

    facts: tuple[str, ...] = ()
    """What bears on the line, the most relevant first."""
    withheld: bool = False
    """Whether the line asks for a secret that is not to be told now: the character may say that it will not talk."""
    always: tuple[str, ...] = ()
    """What is in mind besides, whatever is said; together with `facts` within the bounds of the recall."""
    meant: tuple[str, ...] = ()
    """Those of the facts that more than a single word of the line points to."""


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
        always = self._always(situation, awareness, most // 2, most_chars // 2)
        most, room = most - len(always), most_chars - sum(map(len, always))
        kept: list[str] = []
        meant: list[str] = []
        withheld = False
        best = 0.0
        weights = _weights(line, recent, self._language)
        for score, match, fact in self._ranked(shelves, weights, line, query, awareness):
            if not _may_tell(fact, situation):
                withheld = withheld or (match.meant and match.share >= _ASKED_FOR)
                continue
            best = best or score
            text = _one_line(fact)
            if score < _RELEVANT * best:
                continue
            if text in always:  # it has its room already
                most += 1
            elif len(kept) >= most:
                continue
            elif len(text) > room:
                if kept:
                    continue
                text = text[:room].rpartition(" ")[0]
                room = 0
            else:
                room -= len(text)
            if text:
                kept.append(text)
                meant += [text] if match.meant else []
        return Recall(tuple(kept), withheld, tuple(text for text in always if text not in kept), tuple(meant))

    def _always(self, situation: conditions.Facts, awareness: Awareness, most: int, room: int) -> list[str]:
        """What is always in mind, as far as there is room: by priority, then in the order of the files."""
        facts = [fact for shelf in self.shelves for fact in shelf.facts if fact.always]
        kept: list[str] = []
        for fact in sorted(facts, key=lambda fact: -fact.priority):
            text = _one_line(fact)
            fits = len(kept) < most and len(text) <= room and text not in kept
            if fits and self.knows(fact, awareness) and _may_tell(fact, situation):
                kept.append(text)
                room -= len(text)
        return kept

    def _ranked(
        self,
        shelves: Sequence[Shelf],
        weights: Mapping[str, float],
        line: str,
        query: Vectors | None,
        awareness: Awareness,
    ) -> "list[tuple[float, _Match, Fact]]":
        """All known facts that may bear on a line with how much they do, the most relevant first."""
        found = [
            (match, shelf.facts[number], number in keyed)
            for shelf in shelves
            for keyed in [shelf.keyed(line)]
            for number, match in sorted(_matches(shelf, shelves, weights, query, keyed).items())
            if self.knows(shelf.facts[number], awareness)
        ]
        top = max((match.score for match, _, _ in found), default=0.0)
        scored = [(top if keyed else match.score, match, fact) for match, fact, keyed in found]
        return sorted(scored, key=lambda one: (-one[0], -one[2].priority, -one[1].score))


def _may_tell(fact: Fact, situation: conditions.Facts) -> bool:
    return not fact.secret or (bool(fact.tell_when) and conditions.all_hold(fact.tell_when, situation) is None)


def _one_line(fact: Fact) -> str:
    return " ".join(fact.text.split())


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
    meant: bool = False
    """Whether more than one word of the line, a key, or its meaning points to the fact."""


def _matches(
    shelf: Shelf,
    shelves: Sequence[Shelf],
    weights: Mapping[str, float],
    query: Vectors | None,
    keyed: Mapping[int, frozenset[str]],
) -> dict[int, _Match]:
    """How relevant facts of a shelf are: those that are so at all, and those with a key that was said; by number."""
    facts = sum(len(other.facts) for other in shelves)
    usual_length = max(1.0, sum(other.words for other in shelves) / max(1, facts))
    total = max(_FEW, facts)
    asked = 0.0
    scores: dict[int, float] = dict.fromkeys(keyed, 0.0)
    shared: dict[int, float] = dict.fromkeys(keyed, 0.0)
    words: Counter[int] = Counter()
    for word, weight in weights.items():
        having = sum(len(other.containing(word)) for other in shelves)
        rarity = weight * math.log(1 + (total - having + 0.5) / (having + 0.5))
        fits = {number: 1.0 for number, words in keyed.items() if word in words}
        asked += rarity * (1.0 if having or fits else _UNHEARD)
        for number, fit in (fits | shelf.containing(word)).items():
            norm = 1 - _LENGTH + _LENGTH * shelf.length(number) / usual_length
            scores[number] = scores.get(number, 0.0) + rarity * fit * (_SATURATION + 1) / (fit + _SATURATION * norm)
            shared[number] = shared.get(number, 0.0) + rarity * fit
            words[number] += weight == 1.0
    lexical = {
        number: _Match(score, shared[number] / asked if asked else 0.0, number in keyed or words[number] > 1)
        for number, score in scores.items()
        if shared[number] >= _TELLING * asked or number in keyed
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
            score = 0.5 * match.score + 0.5 * best * relative
            share = 1.0 if stands_out else match.share
            fused[number] = _Match(score, share, bool(stands_out) or match.meant)
    return fused
