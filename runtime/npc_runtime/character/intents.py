"""Which of a character's goals the player's words mean: by words, and by an embedder's vectors where there is one."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.intent_evidence import Evidence, EvidenceIndex
from npc_runtime.character.intent_stems import words_of
from npc_runtime.character.intent_words import MAX_CHARACTERS, MAX_WORDS, utterance
from npc_runtime.character.memory.embedder import Embedder, Vectors

MAX_EXAMPLES = 2000
"""Examples of one character that are compared; later ones only count word for word."""
THRESHOLD = 0.6
"""Confidence from which a line means a goal. Lower fires more goals nobody meant, higher misses more that somebody did:
`tests/bench/bench_intents.py` shows both for other values."""
RIVAL = 1.0
"""Log-odds by which a goal may lie behind the best and still be what is meant, should the best not be able to start."""
WEIGHTS = Evidence(
    precision=-1.82,
    coverage=-0.04,
    second=2.0,
    matched=1.94,
    core=0.96,
    foreign=-1.25,
    remarks=-1.27,
    new_wish=-0.35,
    new_polar=-0.95,
    new_open=-0.82,
    new_own=-1.29,
    new_other=-1.02,
    unable=-0.58,
    own=-1.26,
    other=-1.91,
    open=-0.9,
    told_coverage=0.02,
    told_precision=-0.6,
)
"""What each kind of evidence adds to the log-odds that a goal is meant, without an embedder."""
NONE = -0.59
"""The log-odds that a line means nothing."""
FUSED_WEIGHTS = Evidence(
    precision=-1.96,
    coverage=-0.41,
    second=2.06,
    matched=1.86,
    core=0.87,
    foreign=-1.26,
    remarks=-1.22,
    new_wish=-0.31,
    new_polar=-0.97,
    new_open=-0.68,
    new_own=-1.19,
    new_other=-1.01,
    unable=-0.56,
    own=-1.28,
    other=-1.85,
    open=-0.98,
    told_coverage=-0.08,
    told_precision=-0.64,
)
"""The same beside an embedder."""
FUSED_NEARNESS = 0.32
"""What one deviation of nearness adds."""
FUSED_NONE = -0.34
_FEWEST_EXAMPLES = 8
"""Examples from which their own nearness tells what near and far mean in an embedder's space."""
_NEAREST = 0.7
"""Share of the nearest example in a goal's nearness; the mean of all has the rest."""


@dataclass(frozen=True, slots=True)
class IntentMatch:
    """A goal that a line may mean."""

    goal: int
    """Its number in the order of authoring."""
    confidence: float
    """0..1; 1 for the words of an example."""


class IntentMatcher:
    """Finds the goal that is meant by examples of what players say.

    The evidence is weighed as in a conditional logit (McFadden 1974) over the goals and "none of them";
    `tests/bench/bench_intents.py --fit` finds the weights.

    Args:
        examples: Of each goal; a goal may have none.
        language: ISO 639-1 code of the examples and the lines.
        embedder: Judges nearness of meaning as well. Its calls take milliseconds: use the matcher in a thread then.
    """

    def __init__(self, examples: Sequence[Sequence[str]], language: str, embedder: Embedder | None = None) -> None:
        self._language = language.split("-")[0]
        self._goals = len(examples)
        self._verbatim: dict[tuple[str, ...], list[int]] = {}
        read: list[tuple[int, str]] = []
        for number, lines in enumerate(examples):
            for line in lines:
                self._verbatim.setdefault(self._words(line), []).append(number)
                if len(read) < MAX_EXAMPLES:
                    read.append((number, line))
        by_goal: dict[int, list[str]] = {}
        for number, line in read:
            by_goal.setdefault(number, []).append(line)
        self._numbers = list(by_goal)
        self._index = EvidenceIndex([[utterance(line, self._language) for line in lines] for lines in by_goal.values()])
        self._embedder = embedder
        self._space = _Space.of(embedder, read) if embedder is not None else None

    def ranked(
        self, line: str, *, names: frozenset[str] = frozenset(), vector: Vectors | None = None
    ) -> tuple[IntentMatch, ...]:
        """The goals that a line may mean: the best one, and those that come close to it.

        Args:
            line: The player's words.
            names: Words of names that say nothing about what is meant; see `intent_words.name_words`.
            vector: The line as the embedder's query, shape (dimensions,), if it is known already.

        Returns:
            Best first, the earlier one first where they are equal; empty when nothing is meant.
        """
        found = self._all(line, names, vector)
        best = max((score for _, score in found), default=-math.inf)
        close = [IntentMatch(goal, _logistic(score)) for goal, score in found if score >= best - RIVAL]
        return tuple(match for match in close if match.confidence >= THRESHOLD)

    def match(
        self, line: str, *, names: frozenset[str] = frozenset(), vector: Vectors | None = None
    ) -> IntentMatch | None:
        """The goal that a line means, or None; see `ranked`."""
        return next(iter(self.ranked(line, names=names, vector=vector)), None)

    def best(
        self, line: str, *, names: frozenset[str] = frozenset(), vector: Vectors | None = None
    ) -> IntentMatch | None:
        """The goal that is most likely meant, however unlikely that is; None where nothing is shared with any."""
        for goal, score in self._all(line, names, vector):
            return IntentMatch(goal, _logistic(score))
        return None

    def _all(self, line: str, names: frozenset[str], vector: Vectors | None) -> list[tuple[int, float]]:
        verbatim = self._verbatim.get(self._words(line), [])
        if verbatim:
            return [(number, math.inf) for number in dict.fromkeys(verbatim)]
        scores = self.scores(line, names=names, vector=vector)
        return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))

    def scores(
        self, line: str, *, names: frozenset[str] = frozenset(), vector: Vectors | None = None
    ) -> dict[int, float]:
        """Number of a goal → its log-odds; only goals that share something with the line.

        Vectors raise and lower what the words say and never speak alone: on their own they tell too little apart.
        """
        evidence = self.evidence(line, names=names)
        nearness = self._nearness(line, vector) if evidence else None
        weights = WEIGHTS if nearness is None else FUSED_WEIGHTS
        none = NONE if nearness is None else FUSED_NONE
        scores = {goal: _weighed(found, weights) - none for goal, found in evidence.items()}
        if nearness is not None:
            scores = {goal: score + FUSED_NEARNESS * nearness[goal] for goal, score in scores.items()}
        return scores

    def evidence(self, line: str, *, names: frozenset[str] = frozenset()) -> dict[int, Evidence]:
        """Number of a goal → what the words say for it."""
        found = self._index.compare(utterance(line[:MAX_CHARACTERS], self._language, names))
        return {self._numbers[number]: evidence for number, evidence in found.items()}

    def nearness(self, line: str) -> Mapping[int, float]:
        """Number of a goal → how near the embedder finds the line; empty without one."""
        return self._nearness(line, None) or {}

    def _nearness(self, line: str, vector: Vectors | None) -> dict[int, float] | None:
        if self._space is None or self._embedder is None:
            return None
        if vector is None:
            vector = self._embedder.embed([line[:MAX_CHARACTERS]], query=True)[0]
        return self._space.nearness(vector)

    def _words(self, line: str) -> tuple[str, ...]:
        return tuple(words_of(line[:MAX_CHARACTERS], self._language))


@dataclass(frozen=True, slots=True)
class _Space:
    """The vectors of examples around their own mean: what all of them share says nothing."""

    numbers: NDArray[np.intp]
    """The goal of each example."""
    vectors: Vectors
    middle: Vectors
    mean: float
    deviation: float
    """Of the cosines between examples of different goals."""

    @classmethod
    def of(cls, embedder: Embedder, examples: Sequence[tuple[int, str]]) -> "_Space | None":
        numbers = np.array([number for number, _ in examples], dtype=np.intp)
        if len(examples) < _FEWEST_EXAMPLES:
            return None
        vectors = embedder.embed([line for _, line in examples], query=True)
        middle = vectors.mean(axis=0)
        around = _unit(vectors - middle)
        apart = (around @ around.T)[numbers[:, None] != numbers[None, :]]
        if not apart.size or not apart.std():
            return None
        return cls(numbers, around, middle, float(apart.mean()), float(apart.std()))

    def nearness(self, vector: Vectors) -> dict[int, float]:
        """Number of a goal → how many deviations nearer than goals are to one another."""
        cosines = self.vectors @ _unit(vector - self.middle)
        found = {}
        for number in dict.fromkeys(self.numbers.tolist()):
            own = cosines[self.numbers == number]
            near = _NEAREST * float(own.max()) + (1 - _NEAREST) * float(own.mean())
            found[number] = (near - self.mean) / self.deviation
        return found


def has_keyword(keywords: Sequence[str], line: str, language: str) -> bool:
    """Whether one of the keywords is in a line: as whole words, in any case of letters.

    Accents count unless the whole line has none, as on a keyboard without them. In scripts without blanks between words
    a keyword may be anywhere.

    Args:
        keywords: Words or phrases.
        line: The player's words.
        language: ISO 639-1 code.
    """
    language = language.split("-")[0]
    line = line[:MAX_CHARACTERS]
    said = words_of(line, language)[: 2 * MAX_WORDS]
    for keyword in keywords:
        wanted = words_of(keyword, language)
        if line.isascii():
            wanted = [_bare(word) for word in wanted]
        if _within(wanted, said) or (_is_wide(keyword) and keyword in line):
            return True
    return False


def _within(wanted: Sequence[str], said: Sequence[str]) -> bool:
    length = len(wanted)
    return bool(wanted) and any(said[at : at + length] == wanted for at in range(len(said) - length + 1))


def _bare(word: str) -> str:
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))
    return plain.replace("ı", "i").replace("ß", "ss")


def _is_wide(text: str) -> bool:
    return any(unicodedata.east_asian_width(sign) in "WF" for sign in text)


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vectors = vectors / np.maximum(norms, 1e-9)
    return unit


def _weighed(evidence: Evidence, weights: Evidence) -> float:
    return sum(weight * value for weight, value in zip(weights, evidence, strict=True))


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-max(score, -30.0)))
