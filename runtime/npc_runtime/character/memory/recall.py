"""Recall: which memories matter for what is being said, the most valuable first.

score = (3 · relevance + 1 · importance + 0.5 · recency) / 4.5 + congruence, after Park et al. (2023). Relevance is
BM25 as a share of the best match; with an embedder, the mean of that and nearness. Unlike there, importance and recency
are taken as they are: spread from 0 to 1 over a handful of memories, a hair's breadth would count as much as can be.
And importance weighs half: on LoCoMo a weight of 2 costs four points of R@10, 1 half a point.
Recalling changes nothing; `Changes.recalled` says which memories were used.
"""

import itertools
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.memory.embedder import Embedder
from npc_runtime.character.memory.facts import key, standing
from npc_runtime.character.memory.forgetting import THRESHOLD, strength
from npc_runtime.character.memory.reading import memory, read_memories
from npc_runtime.character.memory.records import MOST_TEXT, Fact, Memory, clean
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
        self._embedder = embedder
        self._space = (embedder.name, embedder.dimensions) if embedder is not None else None
        self._weights = weights or Weights()
        self._views = Views()

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
            The most valuable first; of equals the newer one. `relevance` 0 means that nothing in it fits the query.

        Raises:
            OutputError: Another process keeps the database locked.
        """
        text = clean(query, MOST_TEXT)
        vector = self._embedded(text)

        def search(connection: sqlite3.Connection) -> list[Memory]:
            view, terms = self._view(connection, npc, player, language, text)
            if not len(view):
                return []
            relevance = _relevance(view, terms, vector)
            score = self._score(view, relevance, now, mood)
            left = strength(view.importance, now - view.used, view.recalls)
            score[(left < THRESHOLD) & ~view.spared] = -1.0
            best = _best(score, limit)
            rows = read_memories(connection, view.ids[best].tolist())
            return [
                memory(rows[int(view.ids[at])], score=float(score[at]), relevance=float(relevance[at])) for at in best
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
            scores = view.told.scores(terms)
            matches = (view.facts[place] for place in np.argsort(-scores, kind="stable") if scores[place] > 0)
            true = (fact for fact in matches if fact in standing(view.about[key(fact)], at).values())
            return list(itertools.islice(true, limit))

        return self._store.read(search)

    def embed_some(self, limit: int = 16) -> int:
        """Embed memories that have no vector yet, the newest first; off the hot path, when there is time.

        Returns:
            How many were embedded; 0 when there is nothing left to do, or no embedder.

        Raises:
            EngineError: The embedder failed.
            OutputError: Another process keeps the database locked.
        """
        if self._embedder is None:
            return 0
        name = self._embedder.name
        waiting = self._store.read(
            lambda connection: connection.execute(
                "SELECT t.seq, t.text FROM event t LEFT JOIN vector v ON v.event = t.seq AND v.embedder = ?"
                " WHERE v.event IS NULL ORDER BY t.seq DESC LIMIT ?",
                (name, limit),
            ).fetchall()
        )
        if not waiting:
            return 0
        vectors = self._embedder.embed([text for _, text in waiting], query=False)
        rows = [(event, name, as_blob(vector)) for (event, _), vector in zip(waiting, vectors, strict=True)]
        self._store.write(
            lambda connection: connection.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?, ?)", rows)
        )
        return len(rows)

    def _view(
        self, connection: sqlite3.Connection, npc: str, player: str | None, language: str, text: str
    ) -> tuple[View, Sequence[str]]:
        view, lexicon = self._views.of(connection, self._store.version, (npc, player, language), self._space)
        return view, lexicon.terms(text, language)[:MOST_TERMS]

    def _embedded(self, text: str) -> NDArray[np.float32] | None:
        if self._embedder is not None and text.strip():
            with suppress(EngineError):  # then words alone must do
                vector: NDArray[np.float32] = self._embedder.embed([text], query=True)[0]
                return vector
        return None

    def _score(self, view: View, relevance: Floats, now: float, mood: Pad) -> Floats:
        weights = self._weights
        recency = 0.5 ** (np.maximum(now - view.times, 0.0) / HALF_LIFE)
        parts = weights.relevance * relevance + weights.importance * view.importance + weights.recency * recency
        congruence = MOOD_BONUS * np.clip(view.pads @ np.array(mood), 0.0, 1.0)
        score: Floats = parts / (weights.relevance + weights.importance + weights.recency) + congruence
        return score


def _relevance(view: View, terms: Sequence[str], vector: NDArray[np.float32] | None) -> Floats:
    """How well each memory fits a query, 0..1, shape (n)."""
    lexical = _with_context(view.texts.scores(terms), view.times)
    best = lexical.max()
    if best > 0:
        lexical /= best
    near = view.vectors.nearness(vector, len(view)) if vector is not None and view.vectors is not None else None
    if near is None:
        return lexical
    return np.where(np.isnan(near), lexical, (1 - SEMANTIC_SHARE) * lexical + SEMANTIC_SHARE * np.nan_to_num(near))


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
