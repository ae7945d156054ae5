"""Whether conditions can hold at all, and together: tried out on facts made for the purpose."""

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from npc_runtime.content.conditions import AXES, HAS_MET, Axis, MoodAxis, Question, parse

_MOST_TRIES = 3_000
_LAST_DAY = 100_000.0
_HOUR, _DAY = 3_600.0, 86_400.0


def can_hold(texts: Iterable[str], never_done: Collection[str] = ()) -> bool:
    """Whether there are facts of which all conditions are true.

    Args:
        texts: The conditions.
        never_done: What can never be done.

    Returns:
        False only when it is certain: conditions that ask about too much to try everything count as possible.
    """
    conditions = [parse(text) for text in texts]
    questions = sorted({q for c in conditions for q in c.questions}, key=lambda q: (q.kind, q.name))
    constants = {number for condition in conditions for number in condition.constants}
    answers = [_answers(question, constants, never_done) for question in questions]
    if math.prod(len(values) for values in answers) > _MOST_TRIES:
        return True
    tries = (_Supposed(dict(zip(questions, values, strict=True))) for values in itertools.product(*answers))
    return any(all(condition.holds(facts) for condition in conditions) for facts in tries)


def why_never(texts: Sequence[str]) -> str:
    """Why conditions of which `can_hold` is false never hold, in words."""
    return "its condition can never be true" if len(texts) == 1 else "its conditions contradict one another"


def asked_done(texts: Iterable[str]) -> frozenset[str]:
    """Everything of which conditions ask whether it is done."""
    return frozenset(q.name for text in texts for q in parse(text).questions if q.kind == "done")


def _answers(question: Question, constants: Collection[float], never_done: Collection[str]) -> Sequence[float]:
    """What is worth trying: every number that is compared with, and one between each two."""
    if question.kind == "time.hour":
        return _steps({c for c in constants if 0 <= c < 24}, 0.0, 23.99)
    if question.kind == "time.day":
        return sorted(
            {float(math.floor(c) + d) for c in constants for d in (0, 1) if 0 <= c < _LAST_DAY} | {0.0, _LAST_DAY}
        )
    if question.kind in AXES or question.kind.startswith("mood."):
        return _steps({c for c in constants if -1 < c < 1}, -1.0, 1.0)
    return (0.0,) if question.kind == "done" and question.name in never_done else (0.0, 1.0)


def _steps(inside: Collection[float], lowest: float, highest: float) -> Sequence[float]:
    points = sorted({lowest, *inside, highest})
    between = [(one + other) / 2 for one, other in itertools.pairwise(points)]
    return sorted({*points, *between})


@dataclass(frozen=True, slots=True)
class _Supposed:
    """Facts that answer as was decided."""

    answers: Mapping[Question, float]

    def standing(self, axis: Axis) -> float:
        return self.answers[Question(axis)]

    def in_scene(self, name: str) -> bool:
        return bool(self.answers[Question("scene.has", name)])

    def is_done(self, name: str) -> bool:
        return bool(self.answers[Question("done", name)])

    def mood(self, axis: MoodAxis) -> float:
        return self.answers[Question(f"mood.{axis}")]

    def game_time(self) -> float | None:
        hour = self.answers.get(Question("time.hour"), 12.0)
        return self.answers.get(Question("time.day"), 0.0) * _DAY + hour * _HOUR

    def knows(self, tag: str) -> bool:
        return bool(self.answers[Question("knows", tag)])

    def has_met(self) -> bool:
        return bool(self.answers[Question(HAS_MET)])
