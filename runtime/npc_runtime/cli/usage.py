"""`usage`: what the language models were used for, and what that cost, by day and model."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from npc_runtime.budget import Budget
from npc_runtime.cli import console
from npc_runtime.cli.tongue import shown
from npc_runtime.ledger import Entry, entries

_HEADINGS = ("day", "model", "answers", "prompt", "cached", "written", "cost")


@dataclass(slots=True)
class _Sum:
    answers: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unknown: int = 0
    """Answers of services whose price nobody knows."""
    local: bool = True
    """Whether all of it was done on this machine."""

    def add(self, entry: Entry) -> None:
        spent = entry.spent
        self.answers += 1
        self.prompt_tokens += spent.prompt_tokens
        self.cached_tokens += spent.cached_tokens
        self.completion_tokens += spent.completion_tokens
        self.cost += spent.cost or 0.0
        self.unknown += spent.cost is None and not spent.local
        self.local = self.local and spent.local

    @property
    def shown_cost(self) -> str:
        """For a person."""
        if self.local:
            return "free"
        if self.unknown == self.answers:
            return "unknown"
        return f"${self.cost:.4f}{' and more' if self.unknown else ''}"

    def as_json(self) -> dict[str, Any]:
        return {
            "answers": self.answers,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "cost": None if self.unknown == self.answers else round(self.cost, 6),
            "complete": not self.unknown,
        }


def usage(folder: Path, budget: Budget, *, days: int, as_json: bool, now: datetime | None = None) -> int:
    """Print what was used.

    Args:
        folder: The state folder.
        budget: What may be spent.
        days: How many, today included.
        as_json: Whether to print JSON.
        now: The time; the present one by default.

    Returns:
        The exit code.
    """
    today = (now or datetime.now(UTC)).astimezone().date()
    since = today - timedelta(days=min(days - 1, today.toordinal() - 1))
    sums: defaultdict[tuple[date, str], _Sum] = defaultdict(_Sum)
    total = _Sum()
    for entry in entries(folder):
        if since <= entry.day <= today:
            sums[entry.day, entry.spent.model].add(entry)
            total.add(entry)
    spent = sum(found.cost for (day, _), found in sums.items() if day == today)
    if as_json:
        rows = [{"day": day.isoformat(), "model": model} | sums[day, model].as_json() for day, model in sorted(sums)]
        found = {"since": since.isoformat(), "rows": rows, "total": total.as_json()}
        console.out(json.dumps(found | {"today": round(spent, 6), "budget": _limits(budget)}, ensure_ascii=False))
        return 0
    if not sums:
        console.out(shown(f"Nothing was used since {since}."))
        return 0
    headings = tuple(map(shown, _HEADINGS))
    rows_shown = [headings, *(_row(str(day), model, sums[day, model]) for day, model in sorted(sums))]
    for line in _aligned([*rows_shown, _row(shown("total"), "", total)]):
        console.out(line)
    if budget.day:
        console.out(shown(f"Today ${spent:.4f} of ${budget.day:.4f} are spent."))
    return 0


def _limits(budget: Budget) -> Mapping[str, float]:
    return {"session": budget.session, "day": budget.day, "warn": budget.warn}


def _row(day: str, model: str, found: _Sum) -> tuple[str, ...]:
    figures = (found.answers, found.prompt_tokens, found.cached_tokens, found.completion_tokens)
    return (day, model, *(f"{figure:,}" for figure in figures), shown(found.shown_cost))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
