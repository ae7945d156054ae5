"""BM25: how well each of some texts fits a few words, by the words of these texts alone.

The statistics must not know the memories of other players or of other save games: a full-text index over the whole
database would let them shift every score.
"""

import math
from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

K1 = 0.9
"""How soon repetition stops counting."""
B = 0.4
"""How much long texts are held back: little, as what is said is short. Both as in Anserini (Yang et al. 2017)."""
_TAIL = 20_000
"""Terms that are looked through one by one before the index is arranged anew."""

Scores = NDArray[np.float64]
_Places = NDArray[np.int32]


class Bm25:
    """An index that texts are added to, in the computer's memory."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        """Term → its number."""
        self._terms = array("i")
        """The terms of all texts, one text after the other."""
        self._lengths = array("i")
        """How many terms each text has."""
        self._arranged = 0
        """How many of the terms are in the two arrays below; the others are the tail."""
        self._texts: _Places = np.zeros(0, np.int32)
        """The text of each term, ordered by term, then by text."""
        self._starts: NDArray[np.int64] = np.zeros(1, np.int64)
        """Where each term begins in it; one more for the end."""

    def add(self, terms: Iterable[str]) -> None:
        """Add the terms of one more text."""
        before, numbers = len(self._terms), self._numbers
        self._terms.extend([numbers.setdefault(term, len(numbers)) for term in terms])
        self._lengths.append(len(self._terms) - before)

    def cut(self, count: int) -> None:
        """Keep the first texts only."""
        del self._terms[sum(self._lengths[:count]) :]
        del self._lengths[count:]
        if self._arranged > len(self._terms):
            self._arrange()

    def scores(self, terms: Iterable[str]) -> Scores:
        """The score of every text for a set of terms, 0 where none occurs; shape (n).

        Robertson and Zaragoza (2009), with the inverse document frequency of Lucene, which is never negative.
        """
        return self.search(terms)[0]

    def search(self, terms: Iterable[str]) -> tuple[Scores, float]:
        """The score of every text, as `scores`; and that of a text of usual length which has each term once."""
        if len(self._terms) - self._arranged >= _TAIL:
            self._arrange()
        lengths = np.array(self._lengths, np.float64)
        found, whole = np.zeros(len(lengths)), 0.0
        if not len(lengths):
            return found, whole
        held_back = K1 * (1 - B + B * lengths / max(lengths.mean(), 1.0))
        tail = np.array(self._terms[self._arranged :], np.int32)
        texts = np.repeat(np.arange(len(lengths), dtype=np.int32), np.array(self._lengths))[self._arranged :]
        for term in sorted(set(terms)):  # sums of floats depend on their order
            number = self._numbers.get(term, -1)
            places, times = _counted(np.concatenate([self._of(number), texts[tail == number]]))
            rarity = math.log(1 + (len(lengths) - len(places) + 0.5) / (len(places) + 0.5))
            whole += rarity
            found[places] += rarity * times * (K1 + 1) / (times + held_back[places])
        return found, whole

    def _of(self, number: int) -> _Places:
        if not 0 <= number < len(self._starts) - 1:
            return self._texts[:0]
        return self._texts[self._starts[number] : self._starts[number + 1]]

    def _arrange(self) -> None:
        terms = np.array(self._terms, np.int32)
        texts = np.repeat(np.arange(len(self._lengths), dtype=np.int32), np.array(self._lengths))
        self._texts = texts[np.argsort(terms, kind="stable")]
        self._starts = np.append(0, np.cumsum(np.bincount(terms, minlength=len(self._numbers))))
        self._arranged = len(terms)


def _counted(ascending: _Places) -> tuple[_Places, NDArray[np.int64]]:
    """The different values, and how often each occurs."""
    first = np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1])[: len(ascending)])
    return ascending[first], np.diff(np.append(first, len(ascending)))
