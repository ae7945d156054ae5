"""Which of a character's goals the player's words mean: by words, and by an embedder's vector where there is one."""

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from npc_runtime.character.intent_evidence import Evidence, EvidenceIndex
from npc_runtime.character.intent_kinds import Floats, Kin, VectorKinds, WordKinds, vector_kinds, word_kinds
from npc_runtime.character.intent_stems import words_of
from npc_runtime.character.intent_weights import Meaning, weights_for
from npc_runtime.character.intent_words import MAX_CHARACTERS, MAX_WORDS, utterance
from npc_runtime.character.memory.embedder import Embedder, Vectors

_SHARED, _DECLINED = Evidence._fields.index("shared"), Evidence._fields.index("declined")

MAX_EXAMPLES = 2000
"""Examples of one character that are compared; later ones only count word for word."""
THRESHOLD = 0.6
"""Confidence from which a line means a goal. Lower fires more goals nobody meant, higher misses more that somebody did,
and the model still answers those: `tests/bench/bench_intents.py` says how it was chosen, and shows other values."""
RIVAL = 1.0
"""Log-odds by which a goal may lie behind the best and still be what is meant, should the best not be able to start."""
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


@dataclass(frozen=True, slots=True)
class Signs:
    """All that speaks for and against each goal; the first axis of each is the goals that have examples."""

    evidence: Floats
    """Shape (goals, fields of `Evidence`)."""
    kinds: Floats | None
    """Shape (goals, fields of `Kinship`), by words; None for a language without kinds."""
    vector: Floats | None
    """The same by the line's vector; None without one, or for an embedder without kinds."""
    near: Floats | None
    """Shape (goals,): how many deviations nearer than goals are to one another, for an embedder without kinds."""


class IntentMatcher:
    """Finds the goal that is meant by examples of what players say.

    The evidence is weighed as in a conditional logit (McFadden 1974) over the goals and "none of them".

    Args:
        examples: Of each goal; a goal may have none.
        language: ISO 639-1 code of the examples and the lines.
        embedder: Makes the vectors of the examples, at once, in milliseconds for each; lines that come with a vector
            are then judged by that as well.
        kinds: Whether it counts of what kind a line is; not for lines that are no whole sentences.
    """

    def __init__(
        self,
        examples: Sequence[Sequence[str]],
        language: str,
        embedder: Embedder | None = None,
        *,
        kinds: bool = True,
    ) -> None:
        self._language = language.split("-")[0]
        self._verbatim: dict[tuple[str, ...], list[int]] = {}
        by_goal: dict[int, list[str]] = {}
        for number, lines in enumerate(examples):
            for line in lines:
                self._verbatim.setdefault(self._words(line), []).append(number)
        for number, line in examples_of(examples):
            by_goal.setdefault(number, []).append(line)
        self._numbers = list(by_goal)
        read = list(by_goal.values())
        self._index = EvidenceIndex([[utterance(line, self._language) for line in lines] for lines in read])
        self._kinds = word_kinds(self._language) if read and kinds else None
        self._kin = _kin_by_words(self._kinds, read) if self._kinds is not None else None
        self._vector_kinds: VectorKinds | None = None
        self._vector_kin: Kin | None = None
        self._nearness: Callable[[Vectors], Floats] | None = None
        if embedder is not None and read:
            self._embed(embedder, read)

    def _embed(self, embedder: Embedder, read: Sequence[Sequence[str]]) -> None:
        vectors = iter(embedder.embed([line for lines in read for line in lines], query=True))
        by_goal = [list(islice(vectors, len(lines))) for lines in read]
        self._vector_kinds = vector_kinds(embedder.name)
        if self._vector_kinds is None:
            self._nearness = nearness_to(by_goal)
        else:
            told = self._vector_kinds
            self._vector_kin = Kin(told.kinds, [[told.chances(one) for one in vectors] for vectors in by_goal])

    def ranked(
        self, line: str, *, names: frozenset[str] = frozenset(), vector: Vectors | None = None
    ) -> tuple[IntentMatch, ...]:
        """The goals that a line may mean: the best one, and those that come close to it.

        Args:
            line: The player's words.
            names: Words of names that say nothing about what is meant; see `intent_words.name_words`.
            vector: The line as the embedder's query, shape (dimensions,); None: the words alone count.

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
        """The goal that is most likely meant, however unlikely that is; None where nothing speaks for any."""
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
        """Number of a goal → its log-odds; only goals for which anything speaks."""
        if not self._numbers:
            return {}
        signs = self.signs(line, names=names, vector=vector)
        weights = weights_for(signs.kinds is not None, _judging(signs))
        whole = signs.evidence @ weights.evidence - weights.none
        if signs.kinds is not None:
            whole = whole + signs.kinds @ weights.kinds
        if signs.vector is not None:
            whole = whole + signs.vector @ weights.vector
        if signs.near is not None:
            whole = whole + signs.near * weights.near
        by_kind = signs.kinds is not None or signs.vector is not None
        possible = (by_kind | (signs.evidence[:, _SHARED] > 0)) & (signs.evidence[:, _DECLINED] == 0)
        return {self._numbers[at]: float(whole[at]) for at in np.flatnonzero(possible)}

    def signs(self, line: str, *, names: frozenset[str] = frozenset(), vector: Vectors | None = None) -> Signs:
        """What speaks for each goal that has examples, in their order; there must be one.

        Args:
            line: The player's words.
            names: As for `ranked`.
            vector: As for `ranked`.
        """
        line = line[:MAX_CHARACTERS]
        said = utterance(line, self._language, names)
        by_words, by_vector, near = None, None, None
        if self._kinds is not None and self._kin is not None:
            by_words = self._kin.compare(self._kinds.chances(line, names))
        if vector is not None and self._vector_kinds is not None and self._vector_kin is not None:
            by_vector = self._vector_kin.compare(self._vector_kinds.chances(vector))
        elif vector is not None and self._nearness is not None:
            near = self._nearness(vector)
        return Signs(np.array(self._index.compare(said), np.float32), by_words, by_vector, near)

    def _words(self, line: str) -> tuple[str, ...]:
        return tuple(words_of(line[:MAX_CHARACTERS], self._language))


def examples_of(examples: Sequence[Sequence[str]]) -> list[tuple[int, str]]:
    """The examples that are compared, each with the number of its goal."""
    return list(islice(((number, line) for number, lines in enumerate(examples) for line in lines), MAX_EXAMPLES))


def _kin_by_words(kinds: WordKinds, read: Sequence[Sequence[str]]) -> Kin:
    return Kin(kinds.kinds, [[kinds.chances(line) for line in lines] for lines in read])


def _judging(signs: Signs) -> Meaning:
    if signs.vector is not None:
        return "vector"
    return "near" if signs.near is not None else ""


def nearness_to(goals: Sequence[Sequence[Vectors]]) -> Callable[[Vectors], Floats] | None:
    """Compares vectors with those of examples, all around the mean of the examples: what they share says nothing.

    Args:
        goals: For each goal the vectors of its examples, each of shape (dimensions,).

    Returns:
        A vector → shape (goals,): how many deviations nearer than goals are to one another. None where the examples are
        too few to tell what near and far mean in an embedder's space.
    """
    numbers = np.array([number for number, vectors in enumerate(goals) for _ in vectors], dtype=np.intp)
    if len(numbers) < _FEWEST_EXAMPLES:
        return None
    examples = np.stack([vector for vectors in goals for vector in vectors])
    middle = examples.mean(axis=0)
    around = _unit(examples - middle)
    apart = (around @ around.T)[numbers[:, None] != numbers[None, :]]
    if not apart.size or not apart.std():
        return None

    def nearness(vector: Vectors) -> Floats:
        cosines = around @ _unit(vector - middle)
        own = [cosines[numbers == goal] for goal in range(len(goals))]
        near = np.array([_NEAREST * one.max() + (1 - _NEAREST) * one.mean() for one in own], np.float32)
        found: Floats = (near - apart.mean()) / apart.std()
        return found

    return nearness


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


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-max(score, -30.0)))
