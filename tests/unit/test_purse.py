"""The budget and the purse: when services may be asked, and when the player is told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from npc_runtime.budget import Budget
from npc_runtime.events import Notice
from npc_runtime.ledger import Ledger
from npc_runtime.purse import Purse
from npc_runtime.spending import Spent


def paid(cost: float) -> Spent:
    return Spent(model="m", cost=cost)


@pytest.mark.parametrize(
    ("budget", "session", "day", "status", "limit"),
    [
        (Budget(), 99, 99, "ok", "session"),
        (Budget(session=1), 0.79, 50, "ok", "session"),
        (Budget(session=1), 0.8, 50, "warn", "session"),
        (Budget(session=1), 1.0, 50, "exceeded", "session"),
        (Budget(session=1, day=2), 0.9, 2.5, "exceeded", "day"),
        (Budget(day=2, warn=0.5), 0, 1, "warn", "day"),
        (Budget(day=2, warn=1.0), 0, 1.99, "ok", "session"),
    ],
)
def test_the_nearest_limit_counts(budget: Budget, session: float, day: float, status: str, limit: str) -> None:
    standing = budget.standing(session, day)
    assert (standing.status, standing.limit) == (status, limit)


def test_the_player_is_told_once_for_each_limit(tmp_path: Path) -> None:
    told: list[Notice] = []
    with Ledger(tmp_path) as ledger:
        purse = Purse(ledger, Budget(session=1.0, day=4.0), "a", tell=told.append)
        other = Purse(ledger, Budget(session=1.0, day=4.0), "b", tell=told.append)
        for _ in range(5):
            assert purse.may_spend()
            purse.spend(paid(0.1))
        assert not told
        for _ in range(3):
            purse.spend(paid(0.1))
        assert [notice.code for notice in told] == ["budget_warning"]
        assert told[0].message == "$0.8000 of the $1.0000 for this session are spent."
        for _ in range(4):
            purse.spend(paid(0.1))
        assert not purse.may_spend() and not purse.may_spend()
        assert [notice.code for notice in told] == ["budget_warning", "budget_exceeded"]
        assert "used up" in told[1].message and "budget.session" in told[1].hint
        assert other.may_spend(), "the session of another player"
        other.spend(paid(2.9))
    assert [notice.code for notice in told[2:]] == ["budget_exceeded", "budget_exceeded"]
    assert {notice.message.split(" is")[0] for notice in told[2:]} == {
        "The budget for this session",
        "The budget for today",
    }


def test_another_day_is_told_of_again(tmp_path: Path) -> None:
    told: list[Notice] = []
    now = [datetime(2026, 5, 4, 12, tzinfo=UTC)]
    with Ledger(tmp_path, now=lambda: now[0]) as ledger:
        purse = Purse(ledger, Budget(day=1.0), "a", tell=told.append)
        purse.spend(paid(1.0))
        assert not purse.may_spend()
        now[0] += timedelta(days=1)
        assert purse.may_spend()
        purse.spend(paid(0.9))
        purse.spend(paid(0.1))
    assert [notice.code for notice in told] == ["budget_exceeded", "budget_warning", "budget_exceeded"]
