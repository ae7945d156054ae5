"""Views: what one character may recall with one player, ready for searching in the computer's memory.

A view grows with the log. When rows may have disappeared, as after loading a save game, it goes back to what is still
there: rows never change, and a save game sees the beginning of them. Views that were not used for long are dropped.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.memory.bm25 import Bm25
from npc_runtime.character.memory.facts import key
from npc_runtime.character.memory.lexicon import Lexicon
from npc_runtime.character.memory.reading import JOINED, marks, read_facts, scope_ids
from npc_runtime.character.memory.records import SPARED_KINDS, Fact
from npc_runtime.character.memory.vectors import VectorTable

MOST_IN_VIEW = 20_000
"""Memories of a view: of more, the newest, and what is never forgotten."""
MOST_IN_VIEWS = 20_000
"""Memories of all views together, beyond the one in use."""
_SPREAD = 1.25
"""A view may grow to this many times its size before it is made anew."""

_AT_ONCE = 500
"""Memories that are taken in between two calls of `check`: some ten milliseconds."""
_COLUMNS = "t.seq, t.game_time, t.kind, t.text, t.importance, t.pleasure, t.arousal, t.dominance"
_SPARED = tuple(sorted(SPARED_KINDS))


class View:
    """The memories of one scope, oldest first: one row each in every array.

    Args:
        language: What the texts are written in, an ISO 639-1 code.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._last = 0
        self._last_reminder = 0
        self._place: dict[int, int] = {}
        self.ids: NDArray[np.int64] = np.zeros(0, np.int64)
        self.times: NDArray[np.float64] = np.zeros(0)
        """Game time, seconds."""
        self.importance: NDArray[np.float64] = np.zeros(0)
        self.pads: NDArray[np.float64] = np.zeros((0, 3))
        self.spared: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.used: NDArray[np.float64] = np.zeros(0)
        """Game time of the last recall, or of the experience itself."""
        self.recalls: NDArray[np.float64] = np.zeros(0)
        self.texts = Bm25()
        self.facts: list[Fact] = []
        self.about: dict[tuple[str, ...], list[Fact]] = {}
        """The facts by what they are about."""
        self.told = Bm25()
        """The facts, as texts."""
        self.vectors: VectorTable | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def go_back(self, connection: sqlite3.Connection, scopes: Sequence[int]) -> None:
        """Give up everything from the first row on that is no longer visible; within a transaction.

        Args:
            connection: With `temp.path`.
            scopes: The scopes of the view.
        """
        count = _common(self.ids, [row[0] for row in _events(connection, scopes, 0, "t.seq")])
        for gone in self.ids[count:].tolist():
            del self._place[gone]
        self._last = int(self.ids[count - 1]) if count else 0
        self.ids, self.times, self.pads = self.ids[:count], self.times[:count], self.pads[:count]
        self.importance, self.spared = self.importance[:count], self.spared[:count]
        self.texts.cut(count)
        if self.vectors is not None:
            self.vectors.cut(count)
        self._last_reminder, self.used, self.recalls = 0, self.times.copy(), np.zeros(count)
        known = np.array([fact.id for fact in self.facts], np.int64)
        self.facts = self.facts[: _common(known, [fact.id for fact in read_facts(connection, scopes)])]
        self.told.cut(len(self.facts))
        self.about = {}
        for fact in self.facts:
            self.about.setdefault(key(fact), []).append(fact)

    def follow(
        self,
        connection: sqlite3.Connection,
        scopes: Sequence[int],
        lexicon: Lexicon,
        space: tuple[str, int] | None,
        check: Callable[[], None],
    ) -> None:
        """Take in what was added to the log; within a transaction.

        Args:
            connection: With `temp.path`.
            scopes: The scopes of the view.
            lexicon: Makes terms of texts.
            space: Name and dimensions of the embedder; None without one.
            check: Called now and then; may raise.
        """
        since = self._last
        self._take_events(_events(connection, scopes, since, _COLUMNS), lexicon, check)
        self._take_reminders(connection, scopes)
        for fact in read_facts(connection, scopes, self.facts[-1].id if self.facts else 0):
            self.facts.append(fact)
            self.about.setdefault(key(fact), []).append(fact)
            self.told.add(lexicon.terms(f"{fact.subject} {fact.predicate} {fact.object or ''}", self._language))
        if space is None:
            return
        if self.vectors is None or self.vectors.space != space:
            self.vectors, since = VectorTable(space), 0
        self.vectors.follow(connection, scopes, since, self.ids, self._place)

    def _take_events(self, rows: Sequence[Sequence[Any]], lexicon: Lexicon, check: Callable[[], None]) -> None:
        if not rows:
            return
        ids, times, kinds, texts, importance, *pads = zip(*rows, strict=True)
        self._place.update(zip(ids, range(len(self._place), len(self._place) + len(ids)), strict=True))
        for start in range(0, len(texts), _AT_ONCE):
            check()
            for terms in lexicon.all_terms(texts[start : start + _AT_ONCE], self._language):
                self.texts.add(terms)
        self._last = ids[-1]
        self.ids = np.append(self.ids, np.array(ids, np.int64))
        self.times = np.append(self.times, times)
        self.importance = np.append(self.importance, importance)
        self.pads = np.concatenate([self.pads, np.array(pads).T])
        self.spared = np.append(self.spared, [kind in SPARED_KINDS for kind in kinds])
        self.used = np.append(self.used, times)
        self.recalls = np.append(self.recalls, np.zeros(len(ids)))

    def _take_reminders(self, connection: sqlite3.Connection, scopes: Sequence[int]) -> None:
        query = (
            f"SELECT t.seq, t.event, t.recalls, t.game_time FROM reminder t {JOINED}"
            f" WHERE t.scope IN ({marks(scopes)}) AND t.seq > ? ORDER BY t.seq"
        )
        for number, event, recalls, game_time in connection.execute(query, (*scopes, self._last_reminder)):
            self._last_reminder = number
            if event in self._place:
                self.recalls[self._place[event]] = recalls
                self.used[self._place[event]] = game_time


class Views:
    """The views of a store, the latest used last."""

    def __init__(self) -> None:
        self._views: OrderedDict[tuple[str, str | None, str], View] = OrderedDict()
        self._version: tuple[int, int] | None = None
        self._doubtful: set[tuple[str, str | None, str]] = set()
        """Views that may have rows which are no longer visible."""
        self.lexicon = Lexicon()

    def of(
        self,
        connection: sqlite3.Connection,
        version: tuple[int, int],
        who: tuple[str, str | None, str],
        space: tuple[str, int] | None,
        check: Callable[[], None],
    ) -> View:
        """The view of a character, up to date; within a transaction.

        Args:
            connection: With `temp.path`.
            version: The database, and another number when rows may have disappeared.
            who: Character, player, language.
            space: Name and dimensions of the embedder; None without one.
            check: Called now and then while there is much to do; may raise.
        """
        if version != self._version:
            if self._version is None or self._version[0] != version[0]:
                self._views.clear()
            self._doubtful, self._version = set(self._views), version
        scopes = scope_ids(connection, who[0], who[1])
        # A view that fails half-way would miss rows for ever: it is kept only when it is complete.
        view = self._views.pop(who, None)
        if view is None or len(view) > _SPREAD * MOST_IN_VIEW:
            view = View(who[2])
        elif who in self._doubtful:
            view.go_back(connection, scopes)
        self._doubtful.discard(who)
        view.follow(connection, scopes, self.lexicon, space, check)
        while self._views and sum(map(len, self._views.values())) + len(view) > MOST_IN_VIEWS:
            self._views.popitem(last=False)
        self._views[who] = view
        return view


def _common(known: NDArray[np.int64], visible: Sequence[int]) -> int:
    """How many of the first are the same."""
    count = min(len(known), len(visible))
    differing = np.flatnonzero(known[:count] != np.array(visible[:count], np.int64))
    return int(differing[0]) if len(differing) else count


def _events(connection: sqlite3.Connection, scopes: Sequence[int], after: int, columns: str) -> list[Sequence[Any]]:
    where = f"event t {JOINED} WHERE t.scope IN ({marks(scopes)}) AND t.seq > ?"
    oldest = connection.execute(
        f"SELECT t.seq FROM {where} ORDER BY t.seq DESC LIMIT 1 OFFSET ?", (*scopes, after, MOST_IN_VIEW)
    ).fetchone()
    return connection.execute(
        f"SELECT {columns} FROM {where} AND (t.seq > ? OR t.kind IN ({marks(_SPARED)})) ORDER BY t.seq",
        (*scopes, after, oldest[0] if oldest else 0, *_SPARED),
    ).fetchall()
