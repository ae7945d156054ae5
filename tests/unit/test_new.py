"""`new`: what it makes passes `check`, whatever the character is called, and nothing of anyone's is overwritten."""

import os
from pathlib import Path

import pytest

from npc_runtime.cli.check import check
from npc_runtime.cli.main import main
from npc_runtime.cli.new import NAME_BY_DEFAULT, id_of, new
from npc_runtime.config import load
from npc_runtime.content.content_file import read
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError, OutputError
from npc_runtime.resources import bundled

NAMES = [
    NAME_BY_DEFAULT,
    "Zoë Ağaoğlu",
    "O'Brien",
    "山田 太郎",
    "محمد",
    "Мария",
    "#1: - 'x' & *y",
    "$name $id %s \\n",
    "no",
    "1e3",
    "🐉",
    "x" * 80,
]
Out = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", NAMES)
def test_what_it_makes_is_good(tmp_path: Path, capsys: Out, name: str) -> None:
    folder = tmp_path / "my mod"
    assert new(folder, name, force=False) == 0
    capsys.readouterr()
    assert check([folder]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 files checked, all good"
    library = Library.load([folder])
    (character,) = library.characters()
    assert (character.name, character.id) == (name, id_of(name))
    assert {action.name for action in library.actions_for(character)} == set(character.actions)
    assert library.packs_for(character)
    assert load(folder).llm.model == ""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# my mod\n") and f"--character {character.id}" in readme


@pytest.mark.parametrize("name", ["", "   ", "a\nb[c]", 'say "hi"', "x" * 81, "a\x00b", "\udc80"])
def test_what_is_no_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not a name"):
        new(tmp_path / "mod", name, force=False)
    assert not (tmp_path / "mod").exists()


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("Zoë Ağaoğlu", "zoe_agaoglu"),
        ("Işıl", "isil"),
        ("İpek", "ipek"),
        ("Großmann", "grossmann"),
        ("Ægir Łęcki", "aegir_lecki"),
        ("  --Mira-- ", "mira"),
        ("山田", "character"),
        ("CON", "con_1"),
        ("Com1", "com1_1"),
        ("007", "007_1"),
        ("True", "true_1"),
    ],
)
def test_ids_are_names_of_files_everywhere(name: str, id: str) -> None:
    assert id_of(name) == id


def test_every_file_is_explained(tmp_path: Path) -> None:
    new(tmp_path, "Ann", force=False)
    for path in [*tmp_path.rglob("*.yaml"), *tmp_path.rglob("*.toml")]:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# ") and "$" not in text
        assert max(map(len, text.splitlines())) <= 120


def test_the_character_shows_every_part_of_the_format(tmp_path: Path) -> None:
    new(tmp_path, "Ann", force=False)
    character = read(tmp_path / "characters" / "ann.yaml").model
    assert character is not None
    assert set(type(character).model_fields) - character.model_fields_set == {"model"}


def test_a_folder_that_is_not_empty(tmp_path: Path, capsys: Out) -> None:
    theirs = tmp_path / "README.md"
    theirs.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty"):
        new(tmp_path, "Ann", force=False)
    assert os.listdir(tmp_path) == ["README.md"]
    assert new(tmp_path, "Ann", force=True) == 0
    assert theirs.read_text(encoding="utf-8") == "mine"
    assert f"kept  {theirs}, which was there already\n" in capsys.readouterr().out
    assert check([tmp_path]) == 0


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert new(tmp_path, "Ann", force=False) == 0


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "mod").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="is a file"):
        new(tmp_path / "mod", "Ann", force=True)


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError):
        new(tmp_path / "file" / "mod", "Ann", force=False)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["new", "mod", "--name", "Zoë Ağaoğlu"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'Try it: npc-runtime talk --content "mod" zoe_agaoglu'
    with pytest.raises(SystemExit) as ended:
        main(["new", "mod"])
    assert ended.value.code == 1
    assert "--force" in capsys.readouterr().err


def test_templates_are_no_content_of_their_own() -> None:
    assert not [path for path in bundled("assets", "new").iterdir() if path.is_dir()]
