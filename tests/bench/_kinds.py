"""The lines from which the kinds of intents are learnt, and how that is done.

`tests/data/intent_kinds_*.txt` holds patterns under the name of their kind: `a|b` stands for one or the other, `_` for
a blank inside of one. Of each pattern some lines are made, so that every alternative is in some of them.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from _common import ROOT
from numpy.typing import NDArray

from npc_runtime.character.intent_kinds import NOTHING, Floats, VectorKinds, WordKinds, marks, softmax

_MOST_LINES = 12
"""Lines of a pattern."""
_FEWEST = 2
"""Lines in which a mark must be to count."""
_SHARPNESS = 5.0
"""The length of a line's marks as a vector: longer ones learn faster."""
_SPREAD = 8.0
"""The same for what an embedder's vector differs from the mean by."""
_BATCH, _RATE, _PENALTY = 512, 0.02, 1e-4
_IDLE = 0.5
"""What lines that mean nothing count for, of all: so much of what players say is just talk."""
_FAINT = 0.08
"""Weights below this are left out: the file is half as large, and finds as much."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A line of a known kind."""

    line: str
    kind: str
    weight: float
    """All lines of a pattern together count as the square root of their number."""


def taught(language: str) -> list[Taught]:
    """All lines of a language."""
    kind, found = "", []
    for row in (ROOT / "tests" / "data" / f"intent_kinds_{language}.txt").read_text(encoding="utf-8").splitlines():
        if row.startswith("["):
            kind = row.strip("[]")
        elif row and not row.startswith("#"):
            lines = lines_of(row)
            found += [Taught(line, kind, len(lines) ** -0.5) for line in lines]
    return found


def lines_of(pattern: str) -> list[str]:
    """Some lines of a pattern, always the same ones."""
    places = [[one.replace("_", " ") for one in part.split("|")] for part in pattern.split()]
    most = min(_MOST_LINES, 2 * max(map(len, places)), int(np.prod([len(place) for place in places])))
    chance = random.Random(pattern)
    columns = []
    for place in places:
        column = (place * (most // len(place) + 1))[:most]
        chance.shuffle(column)
        columns.append(column)
    return list(dict.fromkeys(" ".join(" ".join(row).split()) for row in zip(*columns, strict=True)))


def learn_words(lines: Sequence[Taught], language: str) -> WordKinds:
    """Kinds as the words of a language tell them."""
    read = [marks(one.line, language) for one in lines]
    often = Counter(mark for found in read for mark in found)
    places = {mark: at for at, mark in enumerate(sorted(mark for mark, lines in often.items() if lines >= _FEWEST))}
    rows = np.zeros((len(lines), len(places)), np.float32)
    for row, found in zip(rows, read, strict=True):
        known = [places[mark] for mark in found if mark in places]
        row[known] = _SHARPNESS / max(1, len(known)) ** 0.5
    kinds, weights, bias = _learn(rows, lines, passes=20)
    weights[np.abs(weights) < _FAINT] = 0
    step = float(np.abs(weights).max()) / 127
    return WordKinds(kinds, language, places, np.round(weights / step).astype(np.int8), step * _SHARPNESS, bias)


def learn_vectors(lines: Sequence[Taught], vectors: Mapping[str, Floats]) -> VectorKinds:
    """Kinds as an embedder's vectors tell them."""
    rows = np.stack([vectors[one.line] for one in lines])
    middle = rows.mean(axis=0)
    kinds, weights, bias = _learn((rows - middle) * np.float32(_SPREAD), lines, passes=60)
    weights *= _SPREAD
    return VectorKinds(kinds, weights, bias - middle @ weights)


def without(model: WordKinds | VectorKinds, kinds: set[str]) -> WordKinds | VectorKinds:
    """The same for somebody who has never heard of some kinds."""
    kept = np.array([kind not in kinds for kind in model.kinds])
    left = tuple(kind for kind in model.kinds if kind not in kinds)
    if isinstance(model, WordKinds):
        return WordKinds(left, model.language, model.places, model.weights[:, kept], model.step, model.bias[kept])
    return VectorKinds(left, model.weights[:, kept], model.bias[kept])


def _learn(rows: Floats, lines: Sequence[Taught], *, passes: int) -> tuple[tuple[str, ...], Floats, Floats]:
    """Multinomial logistic regression by Adam (Kingma and Ba 2015) with an L2 penalty."""
    kinds = tuple(sorted({one.kind for one in lines}))
    wanted = np.array([kinds.index(one.kind) for one in lines])
    counts = np.array([one.weight for one in lines], np.float32)
    idle = np.array([one.kind == NOTHING for one in lines])
    counts[idle] *= _IDLE / counts[idle].sum()
    counts[~idle] *= (1 - _IDLE) / counts[~idle].sum()
    counts /= counts.mean()
    rows = np.concatenate([rows, np.ones((len(rows), 1), np.float32)], axis=1)
    weights = np.zeros((rows.shape[1], len(kinds)), np.float32)
    mean: NDArray[np.floating] = np.zeros_like(weights)
    square: NDArray[np.floating] = np.zeros_like(weights)
    order, step = np.random.default_rng(0), 0
    for turn in range(passes):
        shuffled = order.permutation(len(rows))
        for start in range(0, len(rows), _BATCH):
            batch: NDArray[np.intp] = shuffled[start : start + _BATCH]
            step += 1
            wrong = softmax(rows[batch] @ weights)
            wrong[np.arange(len(batch)), wanted[batch]] -= 1
            wrong *= counts[batch, None] / len(batch)
            slope = rows[batch].T @ wrong + np.float32(_PENALTY) * weights
            mean = 0.9 * mean + 0.1 * slope
            square = 0.99 * square + 0.01 * slope**2
            rate = _RATE * (1 - turn / passes)
            weights -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-6)
    return kinds, weights[:-1], weights[-1]
