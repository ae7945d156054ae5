"""Hot reload: what an edit brings, what a mistake must not take away, and when a file counts as written."""

import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from npc_runtime.content import reload
from npc_runtime.content.library import Library
from npc_runtime.content.reload import DOUBTFUL, SETTLED, Change, Reloader
from npc_runtime.errors import ContentError

ANN = "name: Ann\npersona: {summary: A miller.}\nactions: [grind]\n"
BEA = "name: Bea\npersona: {summary: A baker.}\n"
MILL = "actions:\n  grind: {description: Grind corn.}\n"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    ticks = count(1)

    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        moment = next(ticks) * 1_000_000_000  # file systems do not tell two writes of the same moment apart
        os.utime(path, ns=(moment, moment))
        return path

    return put


@pytest.fixture
def mod(write: Write, tmp_path: Path) -> Reloader:
    write("characters/ann.yaml", ANN)
    write("characters/bea.yaml", BEA)
    write("actions/mill.yaml", MILL)
    return Reloader(Library.load([tmp_path]))


def settled(reloader: Reloader, looks: int = SETTLED) -> Change:
    """The change, which must come at the look at which it is due and not before."""
    for _ in range(looks):
        assert reloader.look() is None
    change = reloader.look()
    assert change is not None
    assert reloader.library is change.library
    assert reloader.look() is None
    return change


def test_nothing_changes_nothing(mod: Reloader) -> None:
    before = mod.library
    assert [mod.look() for _ in range(5)] == [None] * 5
    assert mod.library is before


def test_an_edit(mod: Reloader, write: Write) -> None:
    old = mod.library
    path = write("characters/ann.yaml", ANN.replace("miller", "smuggler"))
    change = settled(mod)
    assert (change.files, change.changed, change.gone, change.problems) == ((path,), ("ann",), (), ())
    assert change.library.character("ann").persona.summary == "A smuggler."
    assert change.library.character("bea") is old.character("bea")
    assert old.character("ann").persona.summary == "A miller."


def test_many_edits_are_one_change(mod: Reloader, write: Write, tmp_path: Path) -> None:
    write("characters/ann.yaml", ANN.replace("miller", "smuggler"))
    write("characters/cid.yaml", BEA.replace("Bea", "Cid"))
    (tmp_path / "characters/bea.yaml").unlink()
    change = settled(mod, DOUBTFUL)
    assert (change.changed, change.gone) == (("ann", "cid"), ("bea",))
    assert change.library.ids == ("ann", "cid")


def test_an_edited_action_changes_those_who_may_do_it(mod: Reloader, write: Write) -> None:
    write("actions/mill.yaml", MILL.replace("corn", "wheat"))
    change = settled(mod)
    assert change.changed == ("ann",)
    assert change.library.actions_for("ann")[0].description == "Grind wheat."


def test_edited_knowledge_changes_those_who_have_it(write: Write, tmp_path: Path) -> None:
    write("characters/ann.yaml", ANN.replace("actions: [grind]", "knowledge: {packs: [mill]}"))
    write("characters/bea.yaml", BEA)
    write("knowledge/mill.yaml", "facts: [{text: The mill stands still.}]")
    reloader = Reloader(Library.load([tmp_path]))
    write("knowledge/mill.yaml", "facts: [{text: The mill turns.}]")
    change = settled(reloader)
    assert change.changed == ("ann",)
    (pack,) = change.library.packs_for(change.library.character("ann"))
    assert pack.facts[0].text == "The mill turns."
    write("knowledge/mill.yaml", "fcts: []")
    change = settled(reloader)
    assert (change.changed, len(change.problems)) == ((), 2)
    assert change.library.packs_for(change.library.character("ann")) == (pack,)


def test_a_file_that_was_only_touched(mod: Reloader, write: Write) -> None:
    path = write("characters/bea.yaml", BEA)
    change = settled(mod)
    assert (change.files, change.changed, change.gone, change.problems) == ((path,), (), (), ())


def test_a_mistake_leaves_the_last_good_version(mod: Reloader, write: Write) -> None:
    path = write("characters/ann.yaml", ANN + "nmae: x\n")
    write("characters/bea.yaml", BEA.replace("baker", "brewer"))
    change = settled(mod)
    assert [str(problem) for problem in change.problems] == [f"{path}:4:1: unknown key `nmae` (did you mean `name`?)"]
    assert change.changed == ("bea",)
    assert change.library.problems == change.problems
    assert change.library.character("Ann").persona.summary == "A miller."
    assert [action.name for action in change.library.actions_for("ann")] == ["grind"]

    write("characters/ann.yaml", "[}")
    change = settled(mod)
    assert len(change.problems) == 1 and change.problems[0].line == 1
    assert change.library.character("ann").persona.summary == "A miller."

    write("characters/ann.yaml", ANN.replace("miller", "smuggler"))
    change = settled(mod)
    assert (change.changed, change.problems, change.library.problems) == (("ann",), (), ())


def test_a_file_that_was_never_good_is_no_character(mod: Reloader, write: Write) -> None:
    write("characters/cid.yaml", "name: Cid\n")
    change = settled(mod)
    assert len(change.problems) == 1
    with pytest.raises(ContentError):
        change.library.character("cid")


@pytest.mark.parametrize("text", ["actions: [", "actions: {grind: {descripton: Grind.}}", "actions: {}"])
def test_actions_that_are_broken_or_gone_stay_possible(mod: Reloader, write: Write, text: str) -> None:
    write("actions/mill.yaml", text)
    change = settled(mod)
    assert change.problems
    assert change.changed == ()
    assert [action.description for action in change.library.actions_for("ann")] == ["Grind corn."]
    write("actions/mill.yaml", MILL.replace("corn", "wheat"))
    change = settled(mod)
    assert change.library.problems == ()
    assert [action.description for action in change.library.actions_for("ann")] == ["Grind wheat."]


def test_a_character_waits_for_the_action_it_names(mod: Reloader, write: Write) -> None:
    write("characters/ann.yaml", ANN.replace("[grind]", "[grind, sift]"))
    write("actions/mill.yaml", MILL + "  sift: {descripton: Sift flour.}\n")
    change = settled(mod)
    assert [action.name for action in change.library.actions_for("ann")] == ["grind"]
    write("actions/mill.yaml", MILL + "  sift: {description: Sift flour.}\n")
    change = settled(mod)
    assert change.changed == ("ann",)
    assert [action.name for action in change.library.actions_for("ann")] == ["grind", "sift"]


def test_a_file_is_read_when_it_is_whole(mod: Reloader, write: Write) -> None:
    write("characters/ann.yaml", "")
    assert mod.look() is None
    for size in (10, 20, 30):
        write("characters/ann.yaml", ANN[:size])
        assert mod.look() is None
    write("characters/ann.yaml", ANN.replace("miller", "smuggler"))
    change = settled(mod)
    assert (change.changed, change.problems) == (("ann",), ())


def test_a_file_that_stays_empty_is_a_mistake(mod: Reloader, write: Write) -> None:
    write("characters/ann.yaml", "")
    change = settled(mod, DOUBTFUL)
    assert [problem.message for problem in change.problems] == ["the file is empty"]
    assert change.library.character("ann").name == "Ann"


def test_a_file_that_is_written_while_it_is_read(mod: Reloader, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    load = Library.load
    half = write("characters/ann.yaml", ANN[:30])

    def reading(roots: list[Path], *, last: Library) -> Library:
        library = load(roots, last=last)
        write("characters/ann.yaml", ANN.replace("miller", "smuggler"))
        monkeypatch.setattr(Library, "load", load)
        return library

    monkeypatch.setattr(Library, "load", reading)
    assert [mod.look(), mod.look()] == [None, None]
    change = settled(mod)
    assert (change.files, change.changed, change.problems) == ((half,), ("ann",), ())


def test_what_changed_before_anyone_looked(write: Write, tmp_path: Path) -> None:
    write("characters/ann.yaml", BEA)
    library = Library.load([tmp_path])
    write("characters/ann.yaml", BEA.replace("baker", "brewer"))
    assert settled(Reloader(library)).changed == ("ann",)


def test_a_folder_that_is_away_takes_nobody_with_it(mod: Reloader, write: Write, tmp_path: Path) -> None:
    before = mod.library
    shutil.move(tmp_path, away := tmp_path.with_name("away"))
    change = mod.look()
    assert change is not None and change.library is before
    assert [problem.file for problem in change.problems] == [str(tmp_path)]
    assert [mod.look() for _ in range(5)] == [None] * 5
    shutil.move(away, tmp_path)
    write("characters/bea.yaml", BEA.replace("baker", "brewer"))
    assert settled(mod).changed == ("bea",)


def test_folders_that_come_later(write: Write, tmp_path: Path) -> None:
    reloader = Reloader(Library.load([tmp_path / "mod", tmp_path / "mod"]))
    write("mod/characters/bea.yaml", BEA)
    assert settled(reloader).changed == ("bea",)


@pytest.mark.anyio
async def test_changes_come_by_themselves(mod: Reloader, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(reload, "SOON_SECONDS", 0.001)
    wanted = ["brewer", "butcher"]
    write("characters/bea.yaml", BEA.replace("baker", wanted[0]))
    found = []
    async for change in mod.changes():
        found.append(change.library.character("bea").persona.summary)
        if len(found) == len(wanted):
            break
        write("characters/bea.yaml", BEA.replace("baker", wanted[len(found)]))
    assert found == ["A brewer.", "A butcher."]
