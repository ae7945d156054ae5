"""Files that are taken out of a folder."""

import logging
import os
from pathlib import Path

import pytest

from npc_runtime.server import letters
from npc_runtime.server.letters import Letters


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "game" / "in"
    path.mkdir(parents=True)
    return path


def test_a_file_that_the_game_keeps_open_on_windows_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rename = os.rename
    held = {"more.jsonl"}

    def sharing(old: Path, new: Path) -> None:
        if old.name in held:
            raise PermissionError(13, "The process cannot access the file")
        rename(old, new)

    monkeypatch.setattr(letters, "_WINDOWS", True)
    monkeypatch.setattr(os, "rename", sharing)
    caplog.set_level(logging.WARNING)
    box = Letters(folder, most=1000, settle=0.5, stale=0.0)
    (folder / "0001.json").write_bytes(b"1")
    (folder / "more.jsonl").write_bytes(b"2\n")
    (folder / "then.json").write_bytes(b"3")
    assert box.look(0.0) == [1]
    assert box.look(4.0) == []
    assert not caplog.records
    for now in (5.0, 6.0, 60.0):
        assert box.due(now)
        assert box.look(now) == []
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith(f"mailbox {folder.parent}: more.jsonl cannot be taken")
    assert message.endswith("open, append and close for each message")
    held.clear()
    assert box.look(61.0) == [2, 3]


def test_what_is_appended_after_every_close_arrives(folder: Path) -> None:
    box, found = Letters(folder, most=1000, settle=0.5, stale=0.0), []
    for number in range(6):
        with (folder / "more.jsonl").open("a") as file:
            file.write(f"{number}\n")
        found += box.look(number * 0.4)
    assert found == list(range(6))
