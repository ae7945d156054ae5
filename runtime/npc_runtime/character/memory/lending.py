"""One embedder for many: what was asked last is known, long work gives way, and what was once made can be looked up."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from npc_runtime.character.memory.embedder import Embedder, Vectors

_MOST_QUERIES = 16
"""Queries, the latest, whose vectors are known: one turn asks several times for the same."""

Result = TypeVar("Result")


class Lender(Protocol):
    """Who has an embedder, and the thread in which it works."""

    async def meaning(self, work: Callable[[Embedder], Result], *, rank: int = 0) -> Result | None:
        """Do something with the embedder; see `Chronicle.meaning`."""
        ...


class Attentive:
    """An embedder that knows the latest queries; like any, to be used from one thread at a time.

    Args:
        embedder: Makes the vectors.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self._embedder = embedder
        self._queries: OrderedDict[str, Vectors] = OrderedDict()

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """See `Embedder.embed`."""
        if not query or len(texts) != 1:
            return self._embedder.embed(texts, query=query)
        key = " ".join(texts[0].split())
        if key not in self._queries:
            self._queries[key] = self._embedder.embed(texts, query=True)
        self._queries.move_to_end(key)
        if len(self._queries) > _MOST_QUERIES:
            self._queries.popitem(last=False)
        return self._queries[key]


class Yielding:
    """An embedder that asks after each text whether it should stop.

    Args:
        embedder: Makes the vectors.
        check: Raises if it should.
    """

    def __init__(self, embedder: Embedder, check: Callable[[], None]) -> None:
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self._embedder = embedder
        self._check = check

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """See `Embedder.embed`.

        Raises:
            Exception: Whatever `check` raises.
        """
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for at, text in enumerate(texts):
            self._check()
            vectors[at] = self._embedder.embed([text], query=query)[0]
        return vectors


class Known:
    """Vectors that were made before, as an embedder.

    Args:
        name: Of the embedder that made them.
        dimensions: Length of a vector.
        vectors: By text and whether it is a query.
    """

    def __init__(self, name: str, dimensions: int, vectors: Mapping[tuple[str, bool], Vectors]) -> None:
        self.name = name
        self.dimensions = dimensions
        self._vectors = vectors

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """See `Embedder.embed`.

        Raises:
            KeyError: One of the texts has no vector.
        """
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for at, text in enumerate(texts):
            vectors[at] = self._vectors[text, query]
        return vectors
