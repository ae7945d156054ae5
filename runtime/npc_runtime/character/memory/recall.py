"""Recall: which memories matter for what is being said, the most valuable first.

score = (3 · relevance + 1 · importance + 0.5 · recency) / 4.5 + congruence, after Park et al. (2023). Relevance is
BM25 as a share of the best match; with an embedder, the mean of that and nearness. Unlike there, importance and recency
are taken as they are: spread from 0 to 1 over a handful of memories, a hair's breadth would count as much as can be.
And importance weighs half: on LoCoMo a weight of 2 costs four points of R@10, 1 half a point.
Recalling changes nothing; `Changes.recalled` says which memories were used.
"""

import itertools
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.memory.embedder import Embedder
from npc_runtime.character.memory.facts import key, standing
from npc_runtime.character.memory.forgetting import THRESHOLD, strength
from npc_runtime.character.memory.reading import memory, read_memories, read_summaries
from npc_runtime.character.memory.records import MOST_TEXT, Fact, Memory, Summary, clean
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.character.memory.vectors import as_blob
from npc_runtime.character.memory.view import View, Views
from npc_runtime.errors import EngineError
from npc_runtime.events import Pad

Floats = NDArray[np.float64]

HALF_LIFE = 138 * 3600.0
"""Seconds of game time in which recency halves: 0.995 per hour (Park et al. 2023)."""
MOOD_BONUS = 0.1
"""The most that a memory gains by fitting the mood (Bower 1981)."""
CONTEXT = 0.3
"""How much of its neighbours' match a memory gets: the answer often lacks the words of the question before it."""
SAME_TALK = 3600.0
"""Seconds of game time within which neighbours belong to the same talk."""
SEMANTIC_SHARE = 0.5
"""Weight of the embedder in relevance."""
MOST_TERMS = 250
"""Terms of a query that count."""
FITTING = 0.2
"""Share of what is asked that a memory must have to do with it; of the 60 questions of tests/bench/_memory_lines.py 59
find their line like that, and one in fifteen finds another when its own is not there."""
WORDS = 10
"""Words of a usual question: of a longer one, less is needed."""
SUMMARY_IMPORTANCE = 0.5
"""Of a summary, as it was made of what mattered most."""
LEVELS = 2
"""Levels of summaries that there are."""
MOST_SUMMARIES = 4
"""Summaries of each level, the latest, that are looked at."""


def _never() -> None:
    """Nothing to check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What counts how much in a score."""

    relevance: float = 3.0
    importance: float = 1.0
    recency: float = 0.5


class Recall:
    """Searches a store; synchronous, in the same thread as the store.

    Args:
        store: What is remembered.
        embedder: Finds what is meant in other words or another language; None: by words alone.
        weights: What counts how much.
    """

    def __init__(self, store: MemoryStore, *, embedder: Embedder | None = None, weights: Weights | None = None) -> None:
        self._store = store
        self._weights = weights or Weights()
        self._views = Views()
        self.use(embedder)

    def use(self, embedder: Embedder | None) -> None:
        """From now on, find what is meant with this embedder; None: by words alone."""
        self._embedder = embedder
        self._space = (embedder.name, embedder.dimensions) if embedder is not None else None
        self._embedded_to = (-1, 0)
        """The database, and the last number in its log up to which every memory has a vector."""

    def prepare(self, npc: str, player: str | None, language: str, *, check: Callable[[], None] = _never) -> None:
        """Make what the first question would have to wait for: of 10,000 memories that takes half a second.

        Args:
            npc: Who will remember.
            player: With whom.
            language: As in `memories`.
            check: Called every few milliseconds; may raise, and nothing has happened then.

        Raises:
            OutputError: Another process keeps the database locked.
        """
        self._store.read(lambda connection: self._view(connection, npc, player, language, "", check))

    def memories(
        self,
        query: str,
        *,
        npc: str,
        player: str | None,
        now: float,
        language: str,
        mood: Pad = (0.0, 0.0, 0.0),
        limit: int = 10,
    ) -> list[Memory]:
        """The memories that are worth most now; what was forgotten is not among them.

        Args:
            query: What is being talked about, such as the player's words; any text.
            npc: Who remembers.
            player: With whom; only this player's private memories and those that concern nobody are found.
            now: Game time, seconds.
            language: What the memories and the query are in, an ISO 639-1 code.
            mood: What the character feels.
            limit: How many at most.

        Returns:
            The most valuable first; of equals the newer one. `relevance` 0 means that nothing in it fits the query,
            and `fits` that enough does.

        Raises:
            OutputError: Another process keeps the database locked.
        """
        text = clean(query, MOST_TEXT)
        vector = self._embedded(text)

        def search(connection: sqlite3.Connection) -> list[Memory]:
            view, terms = self._view(connection, npc, player, language, text)
            if not len(view):
                return []
            relevance, fits = _relevance(view, terms, vector, len(text.split()))
            congruence = MOOD_BONUS * np.clip(view.pads @ np.array(mood), 0.0, 1.0)
            score = self._score(relevance, view.importance, now - view.times) + congruence
            left = strength(view.importance, now - view.used, view.recalls)
            score[(left < THRESHOLD) & ~view.spared] = -1.0
            best = _best(score, limit)
            rows = read_memories(connection, view.ids[best].tolist())
            return [
                replace(
                    memory(rows[int(view.ids[at])], score=float(score[at]), relevance=float(relevance[at])),
                    fits=bool(fits[at]),
                )
                for at in best
            ]

        return self._store.read(search)

    def facts(
        self, query: str, *, npc: str, player: str | None, at: float, language: str, limit: int = 5
    ) -> list[Fact]:
        """The facts that the query is about and that hold at a moment, the best match first.

        Args:
            query: Any text.
            npc: Who remembers.
            player: With whom.
            at: Game time, seconds: now, or an earlier time.
            language: What the facts and the query are in, an ISO 639-1 code.
            limit: How many at most.

        Raises:
            OutputError: Another process keeps the database locked.
        """
        text = clean(query, MOST_TEXT)

        def search(connection: sqlite3.Connection) -> list[Fact]:
            view, terms = self._view(connection, npc, player, language, text)
            scores, whole = view.told.search(terms)
            least = _least(len(text.split())) * whole
            matches = (
                place for place in np.argsort(-scores, kind="stable") if scores[place] > 0 and scores[place] >= least
            )
            true = (
                replace(
                    fact, score=self._score(float(scores[place] / scores.max()), fact.confidence, at - fact.valid_from)
                )
                for place in matches
                if (fact := view.facts[place]) in standing(view.about[key(fact)], at).values()
            )
            return list(itertools.islice(true, limit))

        return self._store.read(search)

    def summaries(self, query: str, *, npc: str, player: str | None, now: float, language: str) -> list[Summary]:
        """The latest summaries, none of which is part of another.

        Args:
            query: Any text.
            npc: Who remembers.
            player: With whom.
            now: Game time, seconds.
            language: What the summaries and the query are in, an ISO 639-1 code.

        Returns:
            Oldest first.

        Raises:
            OutputError: Another process keeps the database locked.
        """
        text = clean(query, MOST_TEXT)

        def search(connection: sqlite3.Connection) -> list[Summary]:
            latest: list[Summary] = []
            for level in range(LEVELS, 0, -1):
                known = latest[-1].last if latest else 0
                found = read_summaries(connection, npc, player, level, MOST_SUMMARIES)
                latest += [summary for summary in found if summary.first > known]
            wanted = set(self._views.lexicon.terms(text, language)[:MOST_TERMS])
            return [self._judged(summary, wanted, len(text.split()), now, language) for summary in latest]

        return self._store.read(search)

    def _judged(self, summary: Summary, wanted: set[str], words: int, now: float, language: str) -> Summary:
        there = wanted & set(self._views.lexicon.terms(summary.text, language))
        share = len(there) / len(wanted) if wanted else 0.0
        return replace(
            summary,
            score=self._score(share, SUMMARY_IMPORTANCE, now - summary.game_time),
            fits=share >= _least(words) and share > 0,
        )

    def embed_some(self, limit: int = 16, *, check: Callable[[], None] = _never) -> int:
        """Embed memories that have no vector yet, the newest first; off the hot path, when there is time.

        Args:
            limit: How many at most.
            check: Called after each; may raise, and those before it are done.

        Returns:
            How many were embedded; 0 when there is nothing left to do, or no embedder.

        Raises:
            EngineError: The embedder failed.
            OutputError: Another process keeps the database locked.
        """
        if self._embedder is None:
            return 0
        name = self._embedder.name

        def without(connection: sqlite3.Connection) -> tuple[list[tuple[int, str]], int, int]:
            database = self._store.version[0]
            done = self._embedded_to[1] if self._embedded_to[0] == database else 0
            last = connection.execute("SELECT ifnull(max(seq), 0) FROM event").fetchone()[0]
            query = (
                "SELECT t.seq, t.text FROM event t LEFT JOIN vector v ON v.event = t.seq AND v.embedder = ?"
                " WHERE v.event IS NULL AND t.seq > ? ORDER BY t.seq DESC LIMIT ?"
            )
            return connection.execute(query, (name, done, limit)).fetchall(), database, last

        waiting, database, last = self._store.read(without)
        if not waiting:
            self._embedded_to = (database, last)
            return 0
        for event, text in waiting:
            check()
            row = (event, name, as_blob(self._embedder.embed([text], query=False)[0]))
            self._store.write(partial(_keep_vector, row=row))
        return len(waiting)

    def _view(
        self,
        connection: sqlite3.Connection,
        npc: str,
        player: str | None,
        language: str,
        text: str,
        check: Callable[[], None] = _never,
    ) -> tuple[View, Sequence[str]]:
        view = self._views.of(connection, self._store.version, (npc, player, language), self._space, check)
        return view, self._views.lexicon.terms(text, language)[:MOST_TERMS]

    def _embedded(self, text: str) -> NDArray[np.float32] | None:
        if self._embedder is not None and text.strip():
            with suppress(EngineError):  # then words alone must do
                vector: NDArray[np.float32] = self._embedder.embed([text], query=True)[0]
                return vector
        return None

    @overload
    def _score(self, relevance: float, importance: float, age: float) -> float: ...

    @overload
    def _score(self, relevance: Floats, importance: Floats, age: Floats) -> Floats: ...

    def _score(self, relevance: Any, importance: Any, age: Any) -> Any:
        weights = self._weights
        recency = 0.5 ** (np.maximum(age, 0.0) / HALF_LIFE)
        parts = weights.relevance * relevance + weights.importance * importance + weights.recency * recency
        return parts / (weights.relevance + weights.importance + weights.recency)


def _keep_vector(connection: sqlite3.Connection, row: tuple[int, str, bytes]) -> None:
    connection.execute("INSERT OR REPLACE INTO vector VALUES (?, ?, ?)", row)


def _relevance(
    view: View, terms: Sequence[str], vector: NDArray[np.float32] | None, words: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """How well each memory fits a query, 0..1, and whether it does, both of shape (n)."""
    scores, whole = view.texts.search(terms)
    lexical = _with_context(scores, view.times)
    fits = (lexical >= _least(words) * whole) & (lexical > 0)
    best = lexical.max()
    if best > 0:
        lexical /= best
    found = view.vectors.nearness(vector, len(view)) if vector is not None and view.vectors is not None else None
    if found is None:
        return lexical, fits
    near, stands_out = found
    both = (1 - SEMANTIC_SHARE) * lexical + SEMANTIC_SHARE * np.nan_to_num(near)
    return np.where(np.isnan(near), lexical, both), fits | stands_out


def _least(words: int) -> float:
    """The share of a question of so many words that a memory must have to fit it."""
    return FITTING * min(1.0, WORDS / max(words, 1))


def _with_context(scores: Floats, times: Floats) -> Floats:
    together = np.abs(np.diff(times)) <= SAME_TALK
    spread = scores.copy()
    spread[1:] += CONTEXT * scores[:-1] * together
    spread[:-1] += CONTEXT * scores[1:] * together
    return spread


def _best(scores: Floats, limit: int) -> NDArray[np.intp]:
    """The places of the highest scores that are not negative, the best first; of equals the later one."""
    if limit < len(scores):
        least = max(0.0, float(np.partition(scores, len(scores) - limit)[len(scores) - limit]))
    else:
        least = 0.0
    places = np.flatnonzero(scores >= least)
    return places[np.lexsort((-places, -scores[places]))][:limit]
