"""`memory show`, `export` and `forget`: what a person sees, and that nothing is changed by looking."""

import json
import sqlite3
from pathlib import Path

import pytest

from npc_runtime.character.memory.database import FILE_NAME
from npc_runtime.character.memory.records import Changes, Experience, Fact, StateDocument, Summary
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.cli import doctor, memory, tongue
from npc_runtime.config import Settings
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError, SetupError, UsageError

BRYNJA = "name: Brynja Ironhand\naliases: [Smith]\npersona: {summary: Blacksmith.}\n"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    folder = tmp_path / "content" / "characters"
    folder.mkdir(parents=True)
    (folder / "brynja.yaml").write_text(BRYNJA, encoding="utf-8")
    return Library.load([tmp_path / "content"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder in which Brynja remembers two players, and another character, which has no file, one."""
    state = tmp_path / "state"
    home = Fact(subject="ann", predicate="lives in", object="Hollowfen", valid_from=3.0)
    with MemoryStore(state) as store:
        store.commit(
            Changes(
                experiences=(
                    said("I promise a\nhammer.", 90061.0, kind="promise", importance=0.75, facts=(home,)),
                    said("Bread!", 5.0, player="bob"),
                    said("It rained.", 3.0, player=None, source="seen", kind="event"),
                    said("Old.", 1.0, npc="gone"),
                ),
                summaries=(
                    Summary(
                        npc="brynja", player="ann", level=1, first=1, last=1, game_time=7.0, text="Ann: A\nhammer."
                    ),
                ),
                states=(StateDocument(npc="brynja", player="ann", name="bond", document={"trust": 0.5}),),
            )
        )
    return state


def said(text: str, at: float, **more: object) -> Experience:
    values = {"npc": "brynja", "player": "ann", "kind": "dialogue", "source": "heard", "importance": 0.3}
    return Experience(game_time=at, text=text, **(values | more))  # type: ignore[arg-type]


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_show_tells_everything_by_character_and_player(
    library: Library, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert memory.show(library, folder, world="default", limit=20) == 0
    assert shown(capsys) == [
        "Brynja Ironhand (brynja) with nobody in particular",
        "  day 0 00:00:03  seen, event (0.30): It rained.",
        "",
        "Brynja Ironhand (brynja) with ann",
        "  day 0 00:00:07  summary: Ann: A hammer.",
        "  day 0 00:00:03  fact: ann lives in Hollowfen",
        "  day 1 01:01:01  heard, promise (0.75): I promise a hammer.",
        "  states: bond",
        "",
        "Brynja Ironhand (brynja) with bob",
        "  day 0 00:00:05  heard (0.30): Bread!",
        "",
        "gone with ann",
        "  day 0 00:00:01  heard (0.30): Old.",
        "",
    ]


@pytest.mark.parametrize("character", ["brynja", "Smith", "Brynja Ironhand"])
def test_show_one_character_and_player(
    library: Library, folder: Path, character: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert memory.show(library, folder, character, player="bob", world="default", limit=20) == 0
    assert shown(capsys)[0] == "Brynja Ironhand (brynja) with bob"


def test_show_says_how_much_it_leaves_out(library: Library, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with MemoryStore(folder) as store:
        store.commit(Changes(experiences=tuple(said(f"Line {n}.", 10.0 + n, player="bob") for n in range(5))))
        assert memory.show(library, folder, "brynja", player="bob", world="default", limit=2) == 0
    assert [line.strip() for line in shown(capsys)[1:4]] == [
        "(4 earlier)",
        "day 0 00:00:13  heard (0.30): Line 3.",
        "day 0 00:00:14  heard (0.30): Line 4.",
    ]


def test_show_speaks_the_language_of_whoever_reads(
    library: Library, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with MemoryStore(folder) as store:
        store.commit(Changes(experiences=tuple(said(f"Line {n}.", 10.0 + n, player="bob") for n in range(5))))
    tongue.use(["--lang", "de"], {})
    try:
        assert memory.show(library, folder, "brynja", player="bob", world="default", limit=1) == 0
    finally:
        tongue.use([], {})
    assert [line.strip() for line in shown(capsys)[:3]] == [
        "Brynja Ironhand (brynja) mit bob",
        "(5 frühere)",
        "Tag 0 00:00:14  gehört (0.30): Line 4.",
    ]


def test_export_is_json_on_stdout_or_in_a_file(
    library: Library, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert memory.export(library, folder, "brynja", player="bob", world="default", out=None) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["text"] for row in data["experiences"]] == ["Bread!"]
    out = tmp_path / "out" / "all.json"
    assert memory.export(library, folder, world="default", out=out) == 0
    assert len(json.loads(out.read_text(encoding="utf-8"))["experiences"]) == 4
    assert shown(capsys) == [f"Wrote {out}."]


def test_forget_removes_what_was_named_and_nothing_else(
    library: Library, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert memory.forget(library, folder, "Smith", player="ann", sure=True) == 0
    assert shown(capsys) == ["Removed what brynja remembers of the player ann: 1 experience."]
    with MemoryStore(folder) as store:
        assert {row["text"] for row in store.export()["experiences"]} == {"Bread!", "It rained.", "Old."}
        assert store.states("brynja", "ann") == {}
    assert memory.forget(library, folder, "gone", sure=True) == 0
    assert memory.forget(library, folder, "brynja", sure=True) == 0
    with pytest.raises(InputError, match="Nobody remembers anything"):
        memory.show(library, folder, world="default", limit=20)


@pytest.mark.parametrize(("answer", "code", "left"), [(True, 0, 0), (False, 1, 1)])
def test_forget_asks(
    library: Library, folder: Path, answer: bool, code: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr("npc_runtime.cli.console.interactive", lambda: True)
    monkeypatch.setattr("typer.confirm", confirm)
    assert memory.forget(library, folder, "gone") == code
    assert asked == ["Remove what gone remembers, from every save game? It cannot be brought back."]
    with MemoryStore(folder) as store:
        assert len(store.export("gone")["experiences"]) == left


def test_forget_without_anybody_to_ask(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npc_runtime.cli.console.interactive", lambda: False)
    with pytest.raises(UsageError, match="nobody is there to be asked"):
        memory.forget(library, folder, "brynja")


def test_without_a_database_nothing_is_made(library: Library, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Nothing is remembered yet"):
        memory.show(library, tmp_path / "none", world="default", limit=1)
    with pytest.raises(InputError, match="Nothing is remembered yet"):
        memory.forget(library, tmp_path / "none", "brynja", sure=True)
    assert not (tmp_path / "none").exists()


def test_who_or_where_nothing_is_remembered_is_said(library: Library, folder: Path) -> None:
    with pytest.raises(InputError, match="There is no character 'nobody'"):
        memory.show(library, folder, "nobody", world="default", limit=1)
    with pytest.raises(InputError, match="brynja remembers nothing of the player eve"):
        memory.show(library, folder, "brynja", player="eve", world="default", limit=1)
    with pytest.raises(InputError, match="in the world skyrim") as caught:
        memory.show(library, folder, world="skyrim", limit=1)
    assert caught.value.hint == "other worlds: default"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ("PRAGMA user_version = 99", "memory_newer"),
        ("PRAGMA application_id = 7", "memory_foreign"),
        ("", "memory_broken"),
    ],
)
def test_a_database_that_cannot_be_used_is_left_as_it_is(library: Library, folder: Path, spoil: str, code: str) -> None:
    path = folder / FILE_NAME
    if spoil:
        connection = sqlite3.connect(path)
        connection.execute(spoil)
        connection.close()
    else:
        path.write_bytes(b"junk" * 999)
    before = path.read_bytes()
    with pytest.raises(SetupError) as caught:
        memory.show(library, folder, world="default", limit=1)
    assert caught.value.code == code
    assert path.read_bytes() == before
    found = doctor._memory(Settings.model_validate({"state": folder}))
    assert (found.state, found.message) == ("note", caught.value.message)


def test_while_a_runtime_has_it_open(library: Library, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with MemoryStore(folder) as runtime:
        runtime.commit(Changes(experiences=(said("Just now.", 9.0, player="bob"),)))
        assert memory.show(library, folder, "brynja", player="bob", world="default", limit=20) == 0
        assert "Just now." in capsys.readouterr().out
        assert memory.forget(library, folder, "brynja", sure=True) == 0
        assert runtime.recent("brynja", "bob") == []
        runtime.commit(Changes(experiences=(said("Hello again.", 10.0, player="bob"),)))
        assert [one.text for one in runtime.recent("brynja", "bob")] == ["Hello again."]


def test_doctor_says_where_memory_is_and_what_finds_it(folder: Path) -> None:
    found = doctor._memory(Settings.model_validate({"state": folder, "memory": {"embedder": "none"}}))
    assert found.state == "ok"
    for words in ("FTS5 and WAL", str(folder / FILE_NAME), "0.1 MB", "found by words alone"):
        assert words in found.message
    off = doctor._memory(Settings.model_validate({"state": folder, "memory": {"enabled": False}}))
    assert (off.state, off.fix) == ("note", "set memory.enabled to true")
    unmade = doctor._memory(Settings.model_validate({"state": folder / "new"}))
    assert "not made yet" in unmade.message
    assert not (folder / "new").exists()
