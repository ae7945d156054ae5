"""The verdict on one conversation: how often it went as its author wants, and where it did not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.yaml_tree import Location
from npc_runtime.conversations.expect import Miss
from npc_runtime.conversations.outcome import Outcome
from npc_runtime.conversations.runner import Run
from npc_runtime.errors import Problem


@dataclass(frozen=True, slots=True)
class Verdict:
    """A conversation file, judged."""

    file: ContentFile
    name: str
    """Who was spoken to; empty if that could not be told."""
    runs: tuple[Run, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Why it could not be played."""

    @property
    def rate(self) -> float:
        """The share of runs in which all went well, 0..1."""
        return sum(run.passed for run in self.runs) / len(self.runs) if self.runs else 0.0

    def lines(self, pass_rate: float, told: Callable[[Problem], str] = str) -> Iterator[str]:
        """What a person reads: one line if all went well, and otherwise what failed, where, and what was said.

        Args:
            pass_rate: The share of runs that must go well, 0..1.
            told: How a problem reads.
        """
        passed = f"{sum(run.passed for run in self.runs)} of {len(self.runs)}" if self.runs else "not played"
        yield f"{'ok  ' if self.rate >= pass_rate else 'FAIL'}  {passed:10}  {self.file.path}  {self.name}".rstrip()
        for problem in self.problems:
            yield f"      {told(problem)}"
        for number, at in self._missed():
            yield from self._failures(number, at)

    def as_json(self, pass_rate: float) -> Mapping[str, Any]:
        """The same for machines."""
        return {
            "file": str(self.file.path),
            "character": self.name,
            "passed": self.rate >= pass_rate,
            "rate": round(self.rate, 4),
            "problems": [str(problem) for problem in self.problems],
            "runs": [
                {
                    "seed": run.seed,
                    "passed": run.passed,
                    "turns": [
                        {
                            "player": turn.outcome.player,
                            "said": turn.outcome.said,
                            "actions": [
                                {"name": action.name, "args": dict(action.args), "target": action.target}
                                for action in turn.outcome.actions
                            ],
                            "emotions": [emotion.label for emotion in turn.outcome.emotions],
                            "misses": [self._miss(number, miss) for miss in turn.misses],
                        }
                        for number, turn in enumerate(run.turns)
                    ],
                }
                for run in self.runs
            ],
        }

    def _missed(self) -> list[tuple[int, Location]]:
        """Every expectation that some run did not meet, in file order: its turn, and its keys below the turn."""
        found = {(n, miss.at) for run in self.runs for n, turn in enumerate(run.turns) for miss in turn.misses}
        return sorted(found, key=lambda one: (one[0], *self._place(*one)))

    def _failures(self, number: int, at: Location) -> Iterator[str]:
        failed = [
            (run.seed, run.turns[number].outcome, miss)
            for run in self.runs
            for miss in run.turns[number].misses
            if miss.at == at
        ]
        line, column = self._place(number, at)
        yield f"      {self.file.path}:{line}:{column}: wanted {failed[0][2].wanted}"
        yield f"        player: {failed[0][1].player}"
        width = max(len(miss.found) for _, _, miss in failed)
        for seed, outcome, miss in failed:
            yield f"        seed {seed}: {miss.found:{width}} | {_told(outcome)}"

    def _miss(self, number: int, miss: Miss) -> Mapping[str, Any]:
        line, column = self._place(number, miss.at)
        where = {"file": str(self.file.path), "line": line, "column": column}
        return where | {"expectation": ".".join(map(str, miss.at)), "wanted": miss.wanted, "found": miss.found}

    def _place(self, number: int, at: Location) -> tuple[int, int]:
        assert self.file.source is not None, "what was played was read"
        mark = self.file.source.place(("turns", number, *at)).value
        return mark.line, mark.column


def summary(verdicts: Sequence[Verdict], seeds: int, pass_rate: float) -> str:
    """One line that sums up."""
    good = sum(verdict.rate >= pass_rate for verdict in verdicts)
    what = f"{len(verdicts)} conversation{'' if len(verdicts) == 1 else 's'}"
    return f"{what}, {good} passed ({seeds} seed{'s' * (seeds != 1)} each, pass rate {pass_rate:.0%})"


def _told(outcome: Outcome) -> str:
    """What a character felt, said and did, in one line."""
    feelings = " ".join(f"[{emotion.label}]" for emotion in outcome.emotions)
    actions = " ".join(
        f"→ {action.name}" + "".join(f" {key}={value}" for key, value in action.args.items())
        for action in outcome.actions
    )
    return " ".join(filter(None, (feelings, outcome.said or "(said nothing)", actions)))
