"""`npc-runtime usage`: a table for people, JSON for programs."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from npc_runtime.cli.main import main
from npc_runtime.ledger import Ledger
from npc_runtime.spending import Spent


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["usage", *arguments])
    return int(ended.value.code or 0), capsys.readouterr().out


@pytest.fixture
def state(tmp_path: Path) -> str:
    now = datetime.now(UTC)
    with Ledger(tmp_path, now=lambda: now - timedelta(days=3)) as old:
        old.add("s", Spent(model="gpt", prompt_tokens=1000, completion_tokens=1, cost=1.0))
    with Ledger(tmp_path, now=lambda: now) as new:
        for cost in (0.5, 0.25, None):
            new.add("s", Spent(model="gpt", prompt_tokens=1000, cached_tokens=200, completion_tokens=10, cost=cost))
        new.add("s", Spent(model="smollm2\x1b[2J", prompt_tokens=5, completion_tokens=6, local=True))
        new.add("s", Spent(model="odd", prompt_tokens=5, completion_tokens=6))
    return str(tmp_path)


def test_a_row_for_each_day_and_model(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "--state", state)
    cells = [line.split() for line in out.splitlines()]
    assert code == 0
    assert cells[0] == ["day", "model", "answers", "prompt", "cached", "written", "cost"]
    assert [row[1:] for row in cells[1:5]] == [
        ["gpt", "1", "1,000", "0", "1", "$1.0000"],
        ["gpt", "3", "3,000", "600", "30", "$0.7500", "and", "more"],
        ["odd", "1", "5", "0", "6", "unknown"],
        ["smollm2[2J", "1", "5", "0", "6", "free"],
    ]
    assert cells[5][0] == "total" and "$1.7500" in cells[5]


def test_only_so_many_days(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(capsys, "--state", state, "--days", "1", "--json")[1])
    assert [row["model"] for row in found["rows"]] == ["gpt", "odd", "smollm2[2J"]
    assert (found["today"], found["total"]["cost"], found["total"]["complete"]) == (0.75, 0.75, False)
    assert found["rows"][1]["cost"] is None and found["rows"][2]["cost"] == 0.0


def test_the_budget_of_the_day_is_told(
    state: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPC_RUNTIME_BUDGET__DAY", "2")
    assert "Today $0.7500 of $2.0000 are spent." in run(capsys, "--state", state, "--days", "9" * 9)[1]


def test_nothing_was_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "--state", str(tmp_path))
    assert code == 0 and out.startswith("Nothing was used since ")
