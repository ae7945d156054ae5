"""`check` and `schema`: what they print, and the exit code."""

import json
import re
from pathlib import Path

import pytest

from npc_runtime.cli.check import check
from npc_runtime.cli.schema import NAMES, schema
from npc_runtime.errors import InputError, UsageError
from npc_runtime.resources import bundled

GOOD = "name: Ann\npersona: {summary: Someone.}\n"
Out = pytest.CaptureFixture[str]


def put(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_folder(tmp_path: Path, capsys: Out) -> None:
    put(tmp_path, "characters/ann.yaml", GOOD + "actions: [go]")
    put(tmp_path, "actions/a.yaml", "actions: {go: {description: Go.}}")
    put(tmp_path, "notes/x.yaml", "not: checked")
    assert check([tmp_path]) == 0
    assert capsys.readouterr().out == "2 files checked, all good\n"


def test_problems_are_printed_one_per_line_and_fail(tmp_path: Path, capsys: Out) -> None:
    ann = put(tmp_path, "characters/ann.yaml", GOOD + "actions: [go, fly]\nnmae: x\n")
    pack = put(tmp_path, "actions/a.yaml", "actions: {go: {description: Go., target: playr}}")
    assert check([tmp_path]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{pack}:1:42: `actions.go.target` cannot be `playr` (did you mean `player`?)",
        f"{ann}:4:1: unknown key `nmae` (did you mean `name`?)",
        "2 files checked, 2 problems",
    ]


def test_an_unknown_action_is_found_from_the_file_alone(tmp_path: Path, capsys: Out) -> None:
    put(tmp_path, "actions/a.yaml", "actions: {fly_away: {description: Fly.}}")
    ann = put(tmp_path, "characters/ann.yaml", GOOD + "actions: [fly_away, fly_awy, open_trade]\n")
    assert check([ann]) == 1
    out = capsys.readouterr().out
    assert f"{ann}:3:21: no action pack defines `fly_awy` (did you mean `fly_away`?)" in out
    assert "1 file checked, 1 problem\n" in out


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"characters/ann.yml": GOOD}, "ann.yml: `ann` is already the id of ann.yaml"),
        (
            {"actions/a.yaml": "actions: {go: {description: G}}", "actions/b.yaml": "actions: {go: {description: G}}"},
            "b.yaml:1:11: the action `go` is already defined in a.yaml",
        ),
        ({"characters/bob.yaml": GOOD + "voice: {name: de_DE-thorsten-low}"}, "bob.yaml:3:15: this voice speaks `de`"),
        (
            {"characters/bob.yaml": GOOD + "goals: [{id: g, when: {event: e}, do: [{action: open_trade}]}]"},
            "bob.yaml:3:49: `open_trade` is not among this character's `actions`",
        ),
        ({"tests/t.yaml": "character: anne\nturns: [{player: Hi}]"}, "t.yaml:1:12: there is no character `anne`"),
        (
            {"tests/t.yaml": "character: ann\nturns: [{player: Hi, expect: {action: fly}}]"},
            "t.yaml:2:39: `fly` is not among the actions of `ann`",
        ),
        ({"characters/b.yaml": "[}"}, "b.yaml:1:2: a value or a closing bracket"),
    ],
)
def test_what_shows_only_across_files(tmp_path: Path, capsys: Out, files: dict[str, str], message: str) -> None:
    put(tmp_path, "characters/ann.yaml", GOOD)
    for path, text in files.items():
        put(tmp_path, path, text)
    assert check([tmp_path]) == 1
    assert message in capsys.readouterr().out


def test_the_settings_file_is_checked_too(tmp_path: Path, capsys: Out) -> None:
    put(tmp_path, "npc-runtime.toml", "[llm]\nbackendd = 'auto'\n")
    assert check([tmp_path]) == 1
    assert "npc-runtime.toml:2:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "code"),
    [(GOOD, 0), ("actions: {go: {description: Go.}}", 0), ("turns: []", 1), ("place: Mill\n", 0), ("x: y", 1), ("", 1)],
)
def test_a_file_outside_of_a_content_folder_is_known_by_its_keys(
    tmp_path: Path, capsys: Out, text: str, code: int
) -> None:
    file = put(tmp_path, "somewhere/file.yaml", text)
    assert check([file]) == code
    assert "1 file checked" in capsys.readouterr().out


def test_paths_without_content(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        check([tmp_path / "nothing"])
    with pytest.raises(InputError, match="nothing to check"):
        check([tmp_path])


def test_the_bundled_content(capsys: Out) -> None:
    folders = [bundled("characters"), bundled("actions"), bundled("assets", "knowledge"), bundled("assets", "scenes")]
    tests = sorted(bundled("tests").glob("*.yaml"))
    assert len(tests) >= 4
    assert check([*folders, *tests]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d+ files checked, all good, \d+ warnings", last)
    assert all(re.search(r"(henrike|zeynep)\.yaml:\d+:\d+: warning: .* language '(de|tr)'", line) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_json(name: str) -> None:
    read = json.loads(schema(name))
    assert read["$schema"].startswith("https://json-schema.org/")
    assert read["$defs"]


def test_the_schema_uses_the_keys_of_the_files() -> None:
    character = json.loads(schema("character"))
    assert {"schema", "name", "persona", "goals"} <= character["properties"].keys()
    assert set(character["required"]) == {"name", "persona"}
    assert character["additionalProperties"] is False
    argument = json.loads(schema("action"))["$defs"]["Argument"]["properties"]
    assert argument["tags"]["description"] == "An entity must carry at least one of these."


def test_an_unknown_schema() -> None:
    with pytest.raises(UsageError, match="did you mean character"):
        schema("charakter")
