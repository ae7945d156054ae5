"""What kind of thing a line says, such as a wish to buy, a threat or mere talk: how likely each of the usual kinds is.

A goal whose author thought of three phrases is found by others like that, as both are of one kind. Kinds are told by
multinomial logistic regression: by the words of a line in one language, or by its vector in any. It was learnt from
the lines in `tests/data/intent_kinds_*.txt` with `tests/bench/fit_intents.py`, which says how.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.intent_stems import words_of
from npc_runtime.character.intent_words import MAX_CHARACTERS, MAX_WORDS, utterance
from npc_runtime.resources import bundled

Floats = NDArray[np.float32]

NOTHING = "none"
"""The kind of lines that want none of what the other kinds want."""
LANGUAGES = ("en", "de", "tr")
_FILE = "intent_kinds_{}.npz"
_SURE = 1.25
"""Examples that agree on a kind as far as 1 / 1.25 count as entirely of it."""
_MOST_GROUPS = 20
"""Groups of a line that are taken two at once."""
_LEAST = 0.01
"""Added to a share before its logarithm is taken."""


class Kinship(NamedTuple):
    """How much a line and the examples of a goal are of the same kinds."""

    same: float
    """Log of the chance that they are, as far as the kinds of the goal are known; at most about 0."""
    agreed: float
    """The chance itself, 0..1."""
    idle: float
    """The chance that the line wants nothing, as far as the kinds of the goal are known, 0..1."""
    strange: float
    """How little is known of the kinds of the goal, 0..1; the following are the same for what is not known."""
    strange_idle: float
    strange_same: float


@dataclass(frozen=True, slots=True)
class WordKinds:
    """Kinds as the words of one language tell them."""

    kinds: tuple[str, ...]
    language: str
    places: Mapping[str, int]
    """Mark → row of the weights."""
    weights: NDArray[np.int8]
    """Shape (marks, kinds), in steps."""
    step: float
    bias: Floats

    def chances(self, line: str, names: frozenset[str] = frozenset()) -> Floats:
        """How likely a line is of each kind.

        Args:
            line: What is said.
            names: Words of names; they say nothing about what is meant.

        Returns:
            Shape (kinds,), with the sum 1.
        """
        found = [self.places[mark] for mark in marks(line, self.language, names) if mark in self.places]
        scores = self.bias
        if found:
            whole = self.weights[found].sum(axis=0, dtype=np.int32)
            scores = scores + whole * np.float32(self.step / len(found) ** 0.5)
        return softmax(scores)


@dataclass(frozen=True, slots=True)
class VectorKinds:
    """Kinds as an embedder's vectors tell them."""

    kinds: tuple[str, ...]
    weights: Floats
    """Shape (dimensions, kinds)."""
    bias: Floats

    def chances(self, vector: Floats) -> Floats:
        """How likely a line is of each kind.

        Args:
            vector: The line as a query, shape (dimensions,), of length 1.

        Returns:
            Shape (kinds,), with the sum 1.
        """
        return softmax(vector @ self.weights + self.bias)


class Kin:
    """The kinds of some goals.

    Args:
        kinds: The names of the kinds.
        examples: For each goal the chances of its examples, each of shape (kinds,).
    """

    def __init__(self, kinds: Sequence[str], examples: Iterable[Sequence[Floats]]) -> None:
        self._nothing = kinds.index(NOTHING)
        mean = np.stack([np.mean(chances, axis=0) for chances in examples])
        mean[:, self._nothing] = 0
        agreed = (mean**2).sum(axis=1)
        self._known = np.minimum(_SURE * agreed, 1.0)
        self._shares = mean / np.maximum(agreed, 1e-3)[:, None]

    def compare(self, chances: Floats) -> Floats:
        """Compare a line with the goals.

        Args:
            chances: Of the line, shape (kinds,).

        Returns:
            Shape (goals, 6): the fields of `Kinship` for each goal.
        """
        chance = np.minimum(self._shares @ chances, 1.0)
        same, idle = np.log(chance + _LEAST), chances[self._nothing]
        known, strange = self._known, 1 - self._known
        found: Floats = np.stack(
            [known * same, known * chance, known * idle, strange, strange * idle, strange * same], axis=1
        )
        return found


def marks(line: str, language: str, names: frozenset[str] = frozenset()) -> list[str]:
    """What tells the kind of a line: words, their beginnings and endings, groups of meaning, two at once, and its form.

    Args:
        line: What is said; only its beginning is read if it is very long.
        language: ISO 639-1 code.
        names: Words of names; they are left out.

    Returns:
        Each once, in alphabetical order.
    """
    said = utterance(line, language, names)
    words = [word for word in words_of(line[:MAX_CHARACTERS], language)[:MAX_WORDS] if word not in names]
    found = {f"w:{word}" for word in words}
    if language != "en":  # the others have longer words, with more forms
        found.update(f"p:{word[:length]}" for word in words for length in (4, 5, 6) if len(word) > length)
        found.update(f"s:{word[-length:]}" for word in words for length in (2, 3, 4) if len(word) > length + 1)
    found.update(f"={unit.stem}" for unit in said.units if unit.stem)
    groups = sorted({group for unit in said.units for group in unit.groups})
    found.update(f"g:{group}" for group in groups)
    found.update(f"g:{group} {said.form.name}" for group in groups)
    found.update(f"g:{first} {second}" for first, second in combinations(groups[:_MOST_GROUPS], 2))
    found.update((f"f:{said.form.name}", f"d:{said.denial.name}"))
    return sorted(found)


def softmax(scores: Floats) -> Floats:
    """Chances from log-odds along the last axis."""
    raised: Floats = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return chances


@cache
def word_kinds(language: str) -> WordKinds | None:
    """Kinds by words; None for a language for which they were not learnt."""
    if language not in LANGUAGES:
        return None
    with np.load(bundled("assets", "text", _FILE.format(language))) as file:
        places = {mark: place for place, mark in enumerate(_lines(file["marks"]))}
        return WordKinds(_lines(file["kinds"]), language, places, file["weights"], float(file["step"]), file["bias"])


@cache
def vector_kinds(embedder: str) -> VectorKinds | None:
    """Kinds by the vectors of the embedder of this name; None for one for which they were not learnt."""
    path = bundled("assets", "text", _FILE.format(embedder))
    if not path.is_file():
        return None
    with np.load(path) as file:
        return VectorKinds(_lines(file["kinds"]), file["weights"].astype(np.float32), file["bias"])


def _lines(written: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(written.tobytes().decode("utf-8").split("\n"))
