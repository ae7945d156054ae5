"""The ledger: what is written of spending, and that nothing which goes wrong with it is felt by anybody."""

import json
import logging
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime import journal, ledger
from npc_runtime.journal import Journal
from npc_runtime.ledger import Ledger, entries
from npc_runtime.spending import Price, Spent, cost_of

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FILE = "usage.jsonl"


class Time:
    """The time of day, as it is set."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


def spent(cost: float | None = 0.25, model: str = "gpt") -> Spent:
    return Spent(model=model, prompt_tokens=100, cached_tokens=40, completion_tokens=7, cost=cost)


def kept(folder: Path, *costs: float, session: str = "s") -> Ledger:
    """A ledger with some lines, closed."""
    with Ledger(folder, now=Time()) as made:
        for cost in costs:
            made.add(session, spent(cost))
    return made


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [((1000, 400, 50), 600 * 2 + 400 * 0.5 + 50 * 8), ((10, 99, 0), 10 * 0.5), ((-5, -1, -3), 0.0), ((0, 0, 1), 8)],
)
def test_a_price_is_per_million_tokens(tokens: tuple[int, int, int], cost: float) -> None:
    prompt, cached, written = tokens
    took = Spent(model="m", prompt_tokens=prompt, cached_tokens=cached, completion_tokens=written)
    assert cost_of(took, Price(2, 0.5, 8)) == pytest.approx(cost / 1e6)


def test_every_answer_is_a_line(tmp_path: Path) -> None:
    kept(tmp_path / "new", 0.25)
    [line] = (tmp_path / "new" / FILE).read_text(encoding="utf-8").splitlines()
    found = json.loads(line)
    assert found.pop("by")
    assert found == {
        "at": "2026-03-04T12:00:00.000Z",
        "session": "s",
        "model": "gpt",
        "prompt_tokens": 100,
        "cached_tokens": 40,
        "completion_tokens": 7,
        "cost": 0.25,
    }
    [entry] = entries(tmp_path / "new")
    assert (entry.spent, entry.at) == (spent(), NOON)


def test_what_costs_nothing_is_told_from_what_nobody_knows(tmp_path: Path) -> None:
    with Ledger(tmp_path) as made:
        made.add("s", Spent(model="smollm2", local=True))
        made.add("s", spent(None))
        assert made.today() == made.session("s") == 0.0
    assert [(entry.spent.local, entry.spent.cost) for entry in entries(tmp_path)] == [(True, None), (False, None)]


def test_sums_count_at_once_and_by_session_and_day(tmp_path: Path) -> None:
    time = Time()
    with Ledger(tmp_path, now=time) as made:
        made.add("a", spent(1.0))
        made.add("b", spent(2.0))
        assert (made.session("a"), made.session("b"), made.session("c"), made.today()) == (1, 2, 0, 3)
        time.at += timedelta(days=1)
        assert (made.session("a"), made.today()) == (1, 0)


def test_a_clock_that_goes_back_loses_nothing(tmp_path: Path) -> None:
    time = Time()
    with Ledger(tmp_path, now=time) as made:
        made.add("a", spent(1.0))
        time.at -= timedelta(days=400)
        made.add("a", spent(2.0))
        assert (made.session("a"), made.today()) == (3, 2)
        time.at = NOON
        assert made.today() == 1
    assert len(list(entries(tmp_path))) == 2


def test_what_was_spent_today_is_known_again_and_of_other_sessions(tmp_path: Path) -> None:
    kept(tmp_path, 1.0, 2.0)
    later = kept(tmp_path, 4.0, session="s")
    assert (later.session("s"), later.today()) == (4, 7)


def test_another_process_spends_from_the_same_day(tmp_path: Path) -> None:
    write = (
        "import sys; from pathlib import Path; from npc_runtime.ledger import Ledger\n"
        "from npc_runtime.spending import Spent\n"
        "with Ledger(Path(sys.argv[1])) as made:\n"
        "    for _ in range(150): made.add('other', Spent(model='m', cost=0.01))"
    )
    with Ledger(tmp_path) as made:
        others = [subprocess.Popen([sys.executable, "-c", write, str(tmp_path)]) for _ in range(2)]
        for _ in range(100):
            made.add("mine", spent(0.01))
        assert [other.wait(60) for other in others] == [0, 0]
        made.add("mine", spent(0.0))
    assert made.today() == pytest.approx(4.0) and made.session("mine") == pytest.approx(1.0)
    assert sum(1 for _ in entries(tmp_path)) == 401


def test_a_full_file_makes_room_and_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_BYTES", 1500)
    mine = Ledger(tmp_path, now=Time())
    kept(tmp_path, *[1.0] * 12, session="other")
    mine.add("mine", spent(0.0))
    mine.close()
    assert (tmp_path / "usage.1.jsonl").exists()
    assert (tmp_path / FILE).stat().st_size <= 1500
    assert mine.today() == 12


def test_a_full_disk_stops_nothing_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_append", full)
    with caplog.at_level(logging.WARNING):
        made = kept(tmp_path, 1.0, 2.0, 4.0)
    assert (made.session("s"), made.today()) == (7, 7)
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("Records of what was spent are being lost, which is said only once: The disk is full")


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        made = kept(tmp_path / "file" / "state", 1.0, 2.0)
    assert made.today() == 3
    assert len(caplog.records) == 1
    assert not list(entries(tmp_path / "file" / "state"))


BROKEN = [
    "",
    "null",
    "[]",
    "{",
    '{"at": "2026-03-04T12:00:00Z"}',
    '{"at": "yesterday", "by": "x", "session": "s", "model": "m", "prompt_tokens": 1, "cached_tokens": 0, '
    '"completion_tokens": 1}',
    '{"at": "2026-03-04T12:00:00Z", "by": "x", "session": "s", "model": "m", "prompt_tokens": -1, "cached_tokens": 0, '
    '"completion_tokens": 1}',
    '{"at": "2026-03-04T12:00:00Z", "by": "x", "session": "s", "model": "m", "prompt_tokens": 1, "cached_tokens": 0, '
    '"completion_tokens": 1, "cost": NaN}',
    '{"at": "0001-01-01T00:00:00+14:00", "by": "x", "session": "s", "model": "m", "prompt_tokens": 1, '
    '"cached_tokens": 0, "completion_tokens": 1}',
    "[" * 100_000,
    "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
]


def test_broken_lines_are_passed_over(tmp_path: Path) -> None:
    kept(tmp_path, 1.0)
    with (tmp_path / FILE).open("a", encoding="utf-8") as file:
        file.write("\n".join(BROKEN) + "\n")
        file.write('{"half a line')
    again = kept(tmp_path, 2.0)
    assert again.today() == 3
    assert [entry.spent.cost for entry in entries(tmp_path)] == [1.0, 2.0]


@given(st.binary(max_size=400))
def test_nothing_in_the_file_is_believed(content: bytes) -> None:
    entry = ledger._entry(content)
    assert entry is None or (entry.spent.cost is None or math.isfinite(entry.spent.cost))


def test_who_is_too_slow_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_WAITING", 2)
    made = kept(tmp_path, *[1.0] * 50)
    assert made.today() == 50
