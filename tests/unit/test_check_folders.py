"""`check` on whole content folders: what names something that is not there, and what is allowed but rarely meant."""

from pathlib import Path

import pytest

from npc_runtime.cli.check import check
from npc_runtime.resources import bundled

ANN = "name: Ann\npersona: {summary: Someone.}\n"
BOB = "name: Bob\npersona: {summary: Someone else.}\n"
SCENE = "scene: {entities: [{id: iron_sword, name: sword}]}\n"
Out = pytest.CaptureFixture[str]


def lines(root: Path, out: Out, files: dict[str, str], code: int) -> list[str]:
    """What `check` says about files, with paths from the folder."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert check([root]) == code
    return out.readouterr().out.replace(f"{root}/", "").splitlines()


def turn(expect: str, scene: str = "") -> str:
    return f"character: ann\n{scene}turns:\n  - player: Hi\n    expect: {{{expect}}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            turn("action: mend, args: {itm: iron_sword}"),
            "t.yaml:4:35: `mend` has no argument `itm` (did you mean `item`?)",
        ),
        (
            turn("action: mend, args: {item: iron_swrd}", SCENE),
            "t.yaml:5:41: there is no `iron_swrd` in the scene (did you mean `iron_sword`?)",
        ),
        (
            turn("action: mend, args: {item: iron_sword}"),
            "t.yaml:4:41: there is no `iron_sword` in the scene (give the test a `scene` that has it)",
        ),
        (
            turn("action: mend, args: {when: later}"),
            "t.yaml:4:41: `when` cannot be `later` (known: `now`, `tomorrow`)",
        ),
        (turn("args: {item: x}"), "t.yaml:4:14: arguments without an action are never given (name the action)"),
        (turn("action: none, args: {item: x}"), "t.yaml:4:28: arguments without an action are never given"),
        (turn("action: mnd"), "t.yaml:4:22: `mnd` is not among the actions of `ann` (did you mean `mend`?)"),
        (turn("action: none", "scene: mil\n"), "t.yaml:2:8: there is no scene `mil` (did you mean `mill`?)"),
        ("character: anne\nturns: [{player: Hi}]", "t.yaml:1:12: there is no character `anne` (did you mean `ann`?)"),
    ],
)
def test_a_test_that_names_unknown_things(tmp_path: Path, capsys: Out, text: str, message: str) -> None:
    files = {
        "characters/ann.yaml": ANN + "actions: [mend]\n",
        "actions/a.yaml": "actions: {mend: {description: M, args: {item: {type: entity}, "
        "when: {type: enum, values: [now, tomorrow]}}}}",
        "scenes/mill.yaml": "place: the mill\nentities: [{id: millstone}]\n",
        "tests/t.yaml": text,
    }
    found = lines(tmp_path, capsys, files, 1)
    assert any(line.removeprefix("tests/").startswith(message) for line in found), found
    assert found[-1] == "4 files checked, 1 problem"


@pytest.mark.parametrize(
    "text",
    [
        turn("action: mend, args: {item: iron_sword, target: player}", SCENE),
        turn("action: mend, args: {item: millstone}", "scene: mill\n"),
        turn("action: none", "scene: mill\n"),
    ],
)
def test_a_test_that_names_what_is_there(tmp_path: Path, capsys: Out, text: str) -> None:
    files = {
        "characters/ann.yaml": ANN + "actions: [mend]\n",
        "actions/a.yaml": "actions: {mend: {description: M, target: player, args: {item: {type: entity}}}}",
        "scenes/mill.yaml": "place: the mill\nentities: [{id: millstone}]\n",
        "tests/t.yaml": text,
    }
    assert lines(tmp_path, capsys, files, 0) == ["4 files checked, all good"]


def test_a_scene_with_mistakes_is_reported_once(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN,
        "scenes/mill.yaml": "plce: the mill\n",
        "tests/t.yaml": turn("action: none", "scene: mill\n"),
    }
    found = lines(tmp_path, capsys, files, 1)
    assert found == [
        "scenes/mill.yaml:1:1: unknown key `plce` (did you mean `place`?)",
        "3 files checked, 1 problem",
    ]


def test_a_knowledge_pack_that_is_missing(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "knowledge: {packs: [town, twon]}\n",
        "characters/bob.yaml": BOB + "knowledge: {packs: [fen]}\n",
        "knowledge/town.yaml": "facts: [{text: There is a well.}]\n",
    }
    found = [line for line in lines(tmp_path, capsys, files, 1) if "note:" not in line]
    assert found == [
        "characters/ann.yaml:3:27: there is no knowledge pack `twon` (did you mean `town`?)",
        "characters/bob.yaml:3:21: there is no knowledge pack `fen` (known: `hollowfen`, `town`)",
        "3 files checked, 2 problems",
    ]


def test_a_knowledge_pack_that_is_empty(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "knowledge: {packs: [town, fen]}\n",
        "knowledge/town.yaml": "",
        "knowledge/fen.yaml": "facts: []\n",
    }
    found = [line for line in lines(tmp_path, capsys, files, 1) if "note:" not in line]
    assert [line.split(": ")[0] for line in found] == ["knowledge/fen.yaml:1:8", "knowledge/town.yaml", found[-1]]


def test_names_that_two_answer_to(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "aliases: [guard, Annie, ann]\n",
        "characters/bob.yaml": BOB + "aliases: [bobby, GUARD]\n",
        "characters/cid.yaml": "name: Thora\npersona: {summary: Who is also an alias of a bundled character.}\n",
    }
    found = lines(tmp_path, capsys, files, 0)
    assert [line.split(" (")[0] for line in found] == [
        "characters/ann.yaml:3:11: warning: `guard` is also what `bob` answers to",
        "characters/bob.yaml:3:18: warning: `GUARD` is also what `ann` answers to",
        "characters/cid.yaml:1:7: warning: `Thora` is also what `thora` answers to",
        "3 files checked, all good, 3 warnings",
    ]


def test_actions_that_nobody_may_do(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "actions: [go]\n",
        "actions/a.yaml": "actions:\n  go: {description: G}\n  fly: {description: F}\n"
        "  sink: {description: S, permission: never}\n",
    }
    assert lines(tmp_path, capsys, files, 0) == [
        "actions/a.yaml:3:3: warning: no character may ever do `fly`"
        " (list it among the `actions` of one, or remove it)",
        "2 files checked, all good, 1 warning",
    ]


def test_what_can_never_happen(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "actions: [dig]\nknowledge: {packs: [town]}\ngoals:\n"
        "  - {id: a, when: {keyword: bell}, do: [{say: Ding.}], repeatable: true}\n"
        "  - {id: b, when: {intent: [Ring the bell]}, do: [{say: Dong.}]}\n"
        "  - {id: c, when: {event: e}, require: [done(d)], do: [{say: x}]}\n",
        "actions/a.yaml": "actions: {dig: {description: D, require: [time.hour > 22, time.hour < 4]}}",
        "knowledge/town.yaml": "facts: [{text: It is Pell., secret: true, tell_when: [trust > 1]}]",
    }
    assert [line.split(" (")[0] for line in lines(tmp_path, capsys, files, 1)] == [
        "actions/a.yaml:1:42: `dig` is never possible: its conditions contradict one another",
        "characters/ann.yaml:7:29: when the player says this, the goal `a` starts instead of `b`",
        "characters/ann.yaml:8:41: nothing ever does `d`: it is no goal, no `done` of a goal and no action here",
        "knowledge/town.yaml:1:54: this secret is never told: its condition can never be true",
        "3 files checked, 4 problems",
    ]


def test_knowledge_that_reaches_nobody(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "knowledge: {packs: [town], groups: [guild]}\n",
        "knowledge/town.yaml": "facts: [{text: There is a well., known_by: [ANN, Guild, Thora, gild]}]\n",
        "knowledge/fen.yaml": "facts: [{text: It is wet.}]\n",
    }
    assert [line.split(" (")[0] for line in lines(tmp_path, capsys, files, 0)] == [
        "knowledge/fen.yaml:1:1: warning: no character has this pack",
        "knowledge/town.yaml:1:64: warning: `gild` is no character and no group of one",
        "3 files checked, all good, 2 warnings",
    ]
    assert lines(tmp_path, capsys, {"characters/bob.yaml": "name: [", "knowledge/fen.yaml": "facts: [{text: x}]"}, 1)[
        1:
    ] == ["4 files checked, 1 problem"], "a broken character may have it, or bear the name"


def test_a_voice_that_cannot_speak_the_language(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "language: tr\nvoice: {name: piper-en-us-joe}\n",
        "characters/bob.yaml": BOB + "language: tr\nvoice: {name: en_US-joe-medium}\n",
        "characters/cid.yaml": ANN.replace("Ann", "Cid") + "voice: {name: smollm2-135m-q4}\n",
    }
    voice = next(line for line in bundled("assets", "models.toml").read_text("utf-8").splitlines() if "joe" in line)
    files["characters/ann.yaml"] = files["characters/ann.yaml"].replace("piper-en-us-joe", voice.split('"')[1])
    found = [line for line in lines(tmp_path, capsys, files, 1) if "warning:" not in line]
    assert [line.split(" (")[0] for line in found] == [
        "characters/ann.yaml:4:15: this voice speaks `en`, but the character's language is `tr`",
        "characters/bob.yaml:4:15: this voice speaks `en`, but the character's language is `tr`",
        "characters/cid.yaml:3:15: `smollm2-135m-q4` is no voice, but a language model",
        "3 files checked, 3 problems, 1 warning",
    ]


def test_models_that_do_not_know_the_language(tmp_path: Path, capsys: Out) -> None:
    files = {
        "characters/ann.yaml": ANN + "language: de\n",
        "characters/bob.yaml": BOB + "voice: {name: my-own-voice}\n",
        "characters/cid.yaml": ANN.replace("Ann", "Cid") + "language: de\nvoice: {engine: elevenlabs, name: x}\n",
    }
    found = [line.split(" (")[0] for line in lines(tmp_path, capsys, files, 0)]
    assert found == [
        "characters/ann.yaml:3:11: warning: the language model smollm2-135m-q4 does not know the language 'de'",
        "characters/bob.yaml:3:15: warning: the voice `my-own-voice` is not known here",
        "3 files checked, all good, 2 warnings",
    ]
    settings = tmp_path / "npc-runtime.toml"
    settings.write_text("[tts]\nmodel = 'v.onnx'\n[llm]\nmodel = 'm.gguf'\n[stt]\nmodel = 'whisper-tiny-en'\n", "utf-8")
    found = [line.split(" (")[0] for line in lines(tmp_path, capsys, {}, 0)]
    assert found == [
        "characters/ann.yaml:3:11: warning: the speech-to-text model whisper-tiny-en does not know the language 'de'",
        "characters/cid.yaml:3:11: warning: the speech-to-text model whisper-tiny-en does not know the language 'de'",
        "4 files checked, all good, 2 warnings",
    ]
