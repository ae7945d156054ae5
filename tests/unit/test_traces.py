"""Traces: what is kept of a turn, where, and that nothing which goes wrong with it is felt by a turn."""

import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from npc_runtime.events import Usage
from npc_runtime.journal import MOST_WAITING
from npc_runtime.traces import MOST_BYTES, Traces, TurnRecord


def record(turn: int = 1, *, usage: Usage | None = None, reason: str = "done") -> TurnRecord:
    return TurnRecord(
        session="s1",
        turn=turn,
        character="brynja",
        spoken=True,
        reason=reason,
        marks={"endpoint": 250.04, "stt": 412.96, "total": 1800},
        ended_ms=4100.25,
        audio_ms=2300,
        usage=usage,
    )


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_record_tells_when_who_and_how_fast_and_nothing_that_was_said() -> None:
    traces = Traces()
    traces.add(record(7, usage=Usage(model="smollm2", prompt_tokens=310, completion_tokens=24)))
    (shown,) = traces.latest()
    at = shown.pop("at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(at)) < timedelta(minutes=1)
    assert shown == {
        "session": "s1",
        "turn": 7,
        "character": "brynja",
        "spoken": True,
        "reason": "done",
        "timings": {"endpoint_ms": 250.0, "stt_ms": 413.0, "total_ms": 1800},
        "ended_ms": 4100.2,
        "audio_ms": 2300,
        "usage": {"model": "smollm2", "prompt_tokens": 310, "completion_tokens": 24},
    }


def test_the_latest_fifty_are_kept_oldest_first() -> None:
    traces = Traces()
    for turn in range(120):
        traces.add(record(turn))
    assert [shown["turn"] for shown in traces.latest()] == list(range(70, 120))


def test_marks_that_come_later_do_not_change_a_record() -> None:
    marks = {"stt": 1.0}
    made = TurnRecord(session="s", turn=1, character="c", spoken=False, reason="done", marks=marks, ended_ms=1)
    marks["total"] = 2.0
    assert made.marks == {"stt": 1.0}


def test_the_file_and_exporters_get_every_record_in_order(tmp_path: Path) -> None:
    exported: list[TurnRecord] = []
    records = [record(turn) for turn in range(60)]
    with Traces(tmp_path / "state" / "traces", exporters=[exported.append]) as traces:
        for made in records:
            traces.add(made)
    assert exported == records
    assert lines(tmp_path / "state" / "traces" / "traces.jsonl") == [made.as_json() for made in records]


def test_after_the_end_records_are_kept_in_memory_only(tmp_path: Path) -> None:
    traces = Traces(tmp_path)
    traces.close()
    traces.add(record())
    assert len(traces.latest()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_file_makes_room_and_one_old_one_is_kept(tmp_path: Path) -> None:
    path, older = tmp_path / "traces.jsonl", tmp_path / "traces.1.jsonl"
    for round_ in range(2):
        path.write_bytes(b"%d" % round_ * (MOST_BYTES - 10) + b"\n")
        with Traces(tmp_path) as traces:
            traces.add(record(1))
            traces.add(record(2))
        assert older.read_bytes() == b"%d" % round_ * (MOST_BYTES - 10) + b"\n"
        assert [shown["turn"] for shown in lines(path)] == [1, 2]
    assert set(tmp_path.glob("*.jsonl")) == {path, older}


def test_no_file_is_larger_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    line = len(json.dumps(record().as_json())) + 1
    path.write_bytes(b"x" * (MOST_BYTES - line - 1) + b"\n")
    with Traces(tmp_path) as traces:
        traces.add(record())
    assert path.stat().st_size == MOST_BYTES
    assert list(tmp_path.glob("*.jsonl")) == [path]


def test_half_a_line_that_a_crash_left_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b'{"at": "2026')
    with Traces(tmp_path) as traces:
        traces.add(record(1))
        traces.add(record(2))
    half, *rest = path.read_text(encoding="utf-8").splitlines()
    assert half == '{"at": "2026'
    assert [json.loads(line)["turn"] for line in rest] == [1, 2]


def unusable(folder: Path) -> Path:
    """A folder that cannot be made, because a file has its name."""
    folder.write_bytes(b"")
    return folder


def full(folder: Path) -> Path:
    """A folder on a disk that is full."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    folder.mkdir()
    (folder / "traces.jsonl").symlink_to("/dev/full")
    return folder


@pytest.mark.parametrize(("make", "reason"), [(unusable, "Cannot write"), (full, "The disk is full")])
def test_a_folder_that_cannot_be_written_to_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], Path], reason: str
) -> None:
    folder = make(tmp_path / "traces")
    with Traces(folder) as traces:
        for turn in range(5):
            traces.add(record(turn))
    assert [(entry.levelno, reason in entry.getMessage()) for entry in caplog.records] == [(logging.WARNING, True)]
    assert "traces.jsonl" in caplog.text
    assert len(traces.latest()) == 5


def test_an_exporter_that_fails_is_reported_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[int] = []
    fine: list[int] = []

    def broken(made: TurnRecord) -> None:
        tried.append(made.turn)
        raise ValueError("no such collector")

    with Traces(exporters=[broken, lambda made: fine.append(made.turn)]) as traces:
        for turn in range(3):
            traces.add(record(turn))
    assert tried == fine == [0, 1, 2]
    assert caplog.text.count("no such collector") == 1


def test_an_exporter_that_hangs_holds_up_neither_turns_nor_the_file(tmp_path: Path) -> None:
    go_on = threading.Event()
    got: list[int] = []

    def hangs(made: TurnRecord) -> None:
        go_on.wait()
        got.append(made.turn)

    traces = Traces(tmp_path, exporters=[hangs])
    for turn in range(MOST_WAITING - 1):
        traces.add(record(turn))
    traces.close()
    assert len(lines(tmp_path / "traces.jsonl")) == MOST_WAITING - 1
    assert got == []
    go_on.set()


def test_a_queue_that_grows_too_long_drops_the_newest(caplog: pytest.LogCaptureFixture) -> None:
    taken, go_on = threading.Event(), threading.Event()
    got: list[int] = []

    def hangs(made: TurnRecord) -> None:
        taken.set()
        go_on.wait()
        got.append(made.turn)

    with Traces(exporters=[hangs]) as traces:
        traces.add(record(0))
        assert taken.wait(10)
        for turn in range(1, MOST_WAITING + 4):
            traces.add(record(turn))
        go_on.set()
    assert got == list(range(MOST_WAITING + 1))
    assert caplog.text.count("wait already") == 1


_WRITER = """
import sys
from pathlib import Path
from npc_runtime.traces import TraceFile, TurnRecord
write = TraceFile(Path(sys.argv[1]))
for turn in range(300):
    write(TurnRecord(session=sys.argv[2], turn=turn, character="c", spoken=True, reason="done", marks={}, ended_ms=0))
"""


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = lines(tmp_path / "traces.jsonl")
    for name in ("a", "b"):
        assert [shown["turn"] for shown in found if shown["session"] == name] == list(range(300))
