"""The database file: broken, newer, foreign, full, read-only or shared, the characters go on remembering."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from npc_runtime.character.memory import database, schema
from npc_runtime.character.memory.recall import Recall
from npc_runtime.character.memory.records import Changes, Experience
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.errors import NpcError, OutputError, SetupError


def said(text: str) -> Changes:
    return Changes(experiences=(Experience(npc="brynja", player="ann", game_time=0.0, kind="dialogue", text=text),))


def texts(store: MemoryStore) -> list[str]:
    return [memory.text for memory in store.recent("brynja", "ann", limit=100_000)]


def filled(folder: Path, count: int = 300) -> Path:
    with MemoryStore(folder) as store:
        for number in range(count):
            store.commit(said(f"line {number} " + "word " * 50))
        store.save("a")
    return folder / "memory.db"


def garble(path: Path) -> None:
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(whole[:4096] + b"\xa5" * (half - 4096) + whole[half:])


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever it is called " * 300)


@pytest.mark.parametrize("damage", [garble, shorten, overwrite])
def test_a_broken_file_is_kept_and_a_new_one_begins(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = filled(tmp_path)
    damage(path)
    broken = path.read_bytes()
    warnings: list[NpcError] = []
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        assert texts(store) == []
        store.commit(said("anew"))
    (warning,) = warnings
    assert isinstance(warning, SetupError)
    assert warning.code == "memory_broken"
    assert "is damaged. It was kept as memory.broken-1.db" in warning.message
    assert (tmp_path / "memory.broken-1.db").read_bytes() == broken
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        assert texts(store) == ["anew"]
    assert len(warnings) == 1


def test_a_second_broken_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        overwrite(filled(tmp_path, 1))
        MemoryStore(tmp_path).close()
    assert {"memory.broken-1.db", "memory.broken-2.db"} <= {path.name for path in tmp_path.iterdir()}


def test_a_file_that_breaks_while_it_is_used_is_replaced_at_once(tmp_path: Path) -> None:
    path = filled(tmp_path)
    warnings: list[NpcError] = []
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        with sqlite3.connect(path) as other:  # so that the store reads the file again
            other.execute("UPDATE meta SET value = value + 1")
        other.close()
        garble(path)
        assert texts(store) == []
        store.commit(said("anew"))
        assert texts(store) == ["anew"]
        assert store.slots() == ()
    assert [warning.code for warning in warnings] == ["memory_broken"]


def test_nothing_of_a_broken_file_is_recalled_from_its_successor(tmp_path: Path) -> None:
    with MemoryStore(tmp_path) as store:
        recall = Recall(store)

        def recalled() -> list[tuple[str, float]]:
            found = recall.memories("wolf", npc="brynja", player="ann", now=0.0, language="en")
            return [(memory.text, memory.relevance) for memory in found]

        (first,) = store.commit(said("a wolf"))
        assert recalled() == [("a wolf", 1.0)]
        other = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
        other.execute("UPDATE event SET text = 'a fox'")  # so that the store reads the file again
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        garble(tmp_path / "memory.db")
        assert store.commit(said("the king")) == (first,)
        assert recalled() == [("the king", 0.0)]


def test_a_newer_file_is_kept_as_it_is(tmp_path: Path) -> None:
    path = filled(tmp_path, 3)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    newer = path.read_bytes()
    warnings: list[NpcError] = []
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        assert texts(store) == []
    (warning,) = warnings
    assert warning.code == "memory_newer"
    assert "made by a newer version of this program. It was kept as memory.newer-1.db" in warning.message
    assert warning.hint == "update this program and give the file its name back"
    assert (tmp_path / "memory.newer-1.db").read_bytes() == newer


def test_a_database_of_another_program_is_kept_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "memory.db") as connection:
        connection.execute("CREATE TABLE theirs (value)")
    connection.close()
    warnings: list[NpcError] = []
    MemoryStore(tmp_path, warn=warnings.append).close()
    assert [warning.code for warning in warnings] == ["memory_foreign"]
    with sqlite3.connect(tmp_path / "memory.foreign-1.db") as connection:
        assert connection.execute("SELECT count(*) FROM theirs").fetchone() == (0,)
    connection.close()


def test_an_empty_file_is_no_reason_to_worry(tmp_path: Path) -> None:
    (tmp_path / "memory.db").touch()
    warnings: list[NpcError] = []
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        store.commit(said("one"))
        assert texts(store) == ["one"]
    assert warnings == []


def test_an_older_file_becomes_one_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path, 3)
    step = ("ALTER TABLE event ADD COLUMN place TEXT", "UPDATE event SET place = 'forge'")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with MemoryStore(tmp_path) as store:
        assert len(texts(store)) == 3
        store.load("a")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT DISTINCT place FROM event").fetchall() == [("forge",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_a_step_that_fails_leaves_the_older_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, 3)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("DELETE FROM event", "NONSENSE")))
        with pytest.raises(OutputError, match="cannot be opened"):
            MemoryStore(tmp_path)
    with MemoryStore(tmp_path) as store:
        assert len(texts(store)) == 3


def full_disk(store: MemoryStore) -> None:
    """Let the database have no more pages than it has; SQLite then says what it says of a full disk."""
    connection = store._database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def test_on_a_full_disk_memory_goes_on_without_it(tmp_path: Path) -> None:
    filled(tmp_path, 20)
    warnings: list[NpcError] = []
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        full_disk(store)
        for number in range(20):
            store.commit(said(f"more {number} " + "word " * 300))
        assert len(texts(store)) == 40
        store.save("b")
        store.load("a")
        assert len(texts(store)) == 20
        assert store.path is None
    (warning,) = warnings
    assert isinstance(warning, OutputError)
    assert warning.code == "memory_unwritable"
    assert warning.message.startswith("The disk is full: ")
    assert "what happens is forgotten when the program ends" in warning.hint
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        assert 20 <= len(texts(store)) < 40
    assert len(warnings) == 1


def test_where_no_folder_can_be_memory_goes_on_without_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    warnings: list[NpcError] = []
    with MemoryStore(tmp_path / "file", warn=warnings.append) as store:
        store.commit(said("one"))
        store.save("a")
        assert texts(store) == ["one"]
    assert [warning.code for warning in warnings] == ["memory_unwritable"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may write everywhere")
def test_in_a_read_only_folder_what_is_there_is_remembered(tmp_path: Path) -> None:
    path = filled(tmp_path, 20)
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    warnings: list[NpcError] = []
    try:
        with MemoryStore(tmp_path, warn=warnings.append) as store:
            store.commit(said("more"))
            assert len(texts(store)) == 21
    finally:
        tmp_path.chmod(0o700)
    assert [warning.code for warning in warnings] == ["memory_unwritable"]


def test_what_a_file_holds_that_cannot_be_opened_for_writing_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, 20)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(database, "held", refuse)
    warnings: list[NpcError] = []
    with MemoryStore(tmp_path, warn=warnings.append) as store:
        store.commit(said("more"))
        assert len(texts(store)) == 21
    assert [warning.message for warning in warnings] == [f"Cannot write {tmp_path / 'memory.db'}: Permission denied."]


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    other = """
import sys
from pathlib import Path
from npc_runtime.character.memory.records import Changes, Experience
from npc_runtime.character.memory.store import MemoryStore
with MemoryStore(Path(sys.argv[1])) as store:
    for number in range(150):
        said = Experience(npc="brynja", player="ann", game_time=0.0, kind="dialogue", text=f"{sys.argv[2]} {number}")
        store.commit(Changes(experiences=(said,)))
"""
    writers = [subprocess.Popen([sys.executable, "-c", other, str(tmp_path), name]) for name in ("x", "y")]
    assert [writer.wait() for writer in writers] == [0, 0]
    with MemoryStore(tmp_path) as store:
        assert sorted(texts(store)) == sorted(f"{name} {number}" for name in "xy" for number in range(150))


def test_what_one_does_the_other_sees(tmp_path: Path) -> None:
    with MemoryStore(tmp_path) as one, MemoryStore(tmp_path) as other:
        one.commit(said("one"))
        one.save("a")
        other.commit(said("two"))
        assert texts(one) == ["one", "two"]
        other.load("a")
        assert texts(one) == ["one"]
        one.commit(said("three"))
        assert texts(other) == ["one", "three"]


def test_a_turn_that_cannot_be_kept_does_not_hide_what_another_did(tmp_path: Path) -> None:
    with MemoryStore(tmp_path) as one, MemoryStore(tmp_path) as other:
        one.commit(said("one"))
        one.save("a")
        one.commit(said("two"))
        one.save("b")
        other.load("a")
        with pytest.raises(ValueError, match="empty"):
            one.commit(Changes(experiences=(replace(said("three").experiences[0], npc=""),)))
        assert texts(one) == ["one"]


def test_a_database_that_stays_locked_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with MemoryStore(tmp_path) as store:
        store.commit(said("one"))
        blocker = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutputError, match="in use by another program: this was not remembered") as raised:
            store.commit(said("two"))
        assert raised.value.code == "memory_busy"
        assert texts(store) == ["one"]
        blocker.execute("ROLLBACK")
        blocker.close()
        store.commit(said("three"))
        assert texts(store) == ["one", "three"]


def test_a_store_may_be_used_in_another_thread_than_it_was_made_in(tmp_path: Path) -> None:
    found: list[list[str]] = []
    with MemoryStore(tmp_path) as store:

        def work() -> None:
            store.commit(said("one"))
            found.append(texts(store))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [["one"]]
