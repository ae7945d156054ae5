"""Conversation tests on scripted models: how they are played, judged and told."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.flow._scripted import Mind, Script

from npc_runtime.cli import conversations
from npc_runtime.cli.conversations import Request, content_of, found, run
from npc_runtime.config import Settings
from npc_runtime.errors import EngineError, InputError, UsageError
from npc_runtime.llm.backend import Completion

FILES = {
    "characters/ann.yaml": "name: Ann Mill\npersona: {summary: A smith.}\nactions: [mend, refuse]\n"
    "style: {response_length: long}\nrelationships: {default: {trust: 0.2}}\n",
    "actions/a.yaml": "actions:\n  mend:\n    description: Mend it.\n    cooldown: 10s\n"
    "    args: {item: {type: entity}}\n  refuse: {description: Refuse.}\n",
    "scenes/forge.yaml": "entities: [{id: sword, name: sword}]\n",
    "tests/mend.yaml": "character: ann\nscene: forge\nturns:\n  - player: Mend my sword.\n"
    "    expect: {action: mend, args: {item: sword}, said: aye}\n  - player: Now my axe.\n"
    "    expect: {action: none, emotion_in: [anger], relation: {trust: unchanged}}\n",
}
GOOD: list[Script] = [
    ["[emotion joy weak] Aye, leave it. [action mend item=sword]"],
    ["[emotion anger strong] No more today."],
]
BAD: list[Script] = [["[emotion joy weak] Off with you. [action refuse]"], ["[emotion anger strong] No more today."]]
Out = pytest.CaptureFixture[str]
Play = Callable[..., int]


class Scripted(Mind):
    """Says the lines of each run in turn."""

    def __init__(self, *runs: list[Script]) -> None:
        super().__init__()
        self._lines = [line for run in runs for line in run]

    def script(self, request: Completion) -> Script:
        return self._lines[len(self.requests)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    def put(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    put(FILES)
    return put


@pytest.fixture
def play(tmp_path: Path, write: Any, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays all tests of the folder with scripted runs."""

    def start(*runs: list[Script], pass_rate: float = 1.0, json: bool = False) -> int:
        @asynccontextmanager
        async def running(*_: object, **__: object) -> AsyncIterator[Any]:
            class Engines:
                mind = Scripted(*runs)
                context_tokens = 2048

            yield Engines

        monkeypatch.setattr(conversations, "running", running)
        monkeypatch.chdir(tmp_path)
        seeds = max(1, len(runs) // len(found([Path("tests")])))
        return run(Request(found([Path("tests")]), seeds, pass_rate, json), Settings())

    return start


def test_a_conversation_that_goes_well(play: Play, capsys: Out) -> None:
    assert play(GOOD, GOOD) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok    2 of 2      tests/mend.yaml  Ann Mill",
        "1 conversation, 1 passed (2 seeds each, pass rate 100%)",
    ]


def test_what_went_wrong_is_told_with_its_place(play: Play, capsys: Out) -> None:
    assert play(GOOD, BAD, BAD) == 1
    assert capsys.readouterr().out.splitlines() == [
        "FAIL  1 of 3      tests/mend.yaml  Ann Mill",
        "      tests/mend.yaml:5:22: wanted mend",
        "        player: Mend my sword.",
        "        seed 2: refuse | [joy] Off with you. → refuse",
        "        seed 3: refuse | [joy] Off with you. → refuse",
        '      tests/mend.yaml:5:55: wanted "aye"',
        "        player: Mend my sword.",
        "        seed 2: not said | [joy] Off with you. → refuse",
        "        seed 3: not said | [joy] Off with you. → refuse",
        "1 conversation, 0 passed (3 seeds each, pass rate 100%)",
    ]


@pytest.mark.parametrize(("pass_rate", "code"), [(0.5, 0), (0.51, 1)])
def test_the_pass_rate(play: Play, pass_rate: float, code: int) -> None:
    assert play(GOOD, BAD, pass_rate=pass_rate) == code


def test_json(play: Play, capsys: Out) -> None:
    assert play(GOOD, BAD, json=True) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    told = json.loads(captured.out)
    assert (told["passed"], told["seeds"], told["pass_rate"]) == (False, 2, 1.0)
    (conversation,) = told["conversations"]
    assert (conversation["file"], conversation["character"], conversation["rate"]) == (
        "tests/mend.yaml",
        "Ann Mill",
        0.5,
    )
    good, bad = conversation["runs"]
    assert (good["seed"], good["passed"], bad["seed"], bad["passed"]) == (1, True, 2, False)
    assert good["turns"][0] == {
        "player": "Mend my sword.",
        "said": "Aye, leave it.",
        "actions": [{"name": "mend", "args": {"item": "sword"}, "target": None}],
        "emotions": ["joy"],
        "misses": [],
    }
    assert bad["turns"][0]["misses"][0] == {
        "file": "tests/mend.yaml",
        "line": 5,
        "column": 22,
        "expectation": "expect.action",
        "wanted": "mend",
        "found": "refuse",
    }


def test_every_run_begins_anew_and_time_passes_between_turns(play: Play, write: Any, capsys: Out) -> None:
    turns = "".join("  - player: Mend it.\n    expect: {action: mend}\n" for _ in range(3))
    write({"tests/mend.yaml": f"character: ann\nscene: forge\nturns:\n{turns}"})
    assert play([GOOD[0]] * 3, [GOOD[0]] * 3) == 0  # the cooldown is over by the next turn
    assert capsys.readouterr().out.startswith("ok    2 of 2")


def test_a_model_that_fails(play: Play, capsys: Out) -> None:
    assert play([[EngineError("The model is away.")], GOOD[1]]) == 1
    out = capsys.readouterr().out
    assert "tests/mend.yaml:4:13: wanted an answer\n" in out
    assert "seed 1: The model is away. | " in out


def test_mistakes_in_one_file_do_not_stop_the_others(play: Play, write: Any, capsys: Out) -> None:
    write(
        {
            "tests/broken.yaml": "turns: [",
            "tests/nobody.yaml": "character: nobody\nturns: [{player: Hi}]\n",
            "tests/spoilt.yaml": "character: spoilt\nturns: [{player: Hi}]\n",
            "characters/spoilt.yaml": "name: Spoilt\n",
            "tests/nowhere.yaml": "character: ann\nscene: pit\nturns: [{player: Hi}]\n",
            "scenes/pit.yaml": "plce: pit\n",
        }
    )
    assert play(GOOD) == 1
    out = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in out if line[0] != " "][:-1] == [
        "FAIL not played tests/broken.yaml",
        "ok 1 of 1 tests/mend.yaml Ann Mill",
        "FAIL not played tests/nobody.yaml",
        "FAIL not played tests/nowhere.yaml",
        "FAIL not played tests/spoilt.yaml",
    ]
    assert [line.strip().split(": ")[0] for line in out if line[0] == " "] == [
        "tests/broken.yaml:1:9",
        "tests/nobody.yaml:1:12",
        f"{Path('scenes/pit.yaml').absolute()}:1:1",
        f"{Path('characters/spoilt.yaml').absolute()}:1:1",
    ]
    assert out[-1] == "5 conversations, 1 passed (1 seed each, pass rate 100%)"


def test_the_model_is_not_loaded_for_nothing(play: Play, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"tests/mend.yaml": "turns: ["})
    monkeypatch.setattr(anyio, "run", None)
    assert play() == 1


def test_what_is_no_request(tmp_path: Path, write: Any) -> None:
    files = found([tmp_path])
    for seeds in (0, 1001):
        with pytest.raises(UsageError, match="seeds"):
            run(Request(files, seeds, 0.8, False), Settings())
    for rate in (0.0, 1.1, float("nan")):
        with pytest.raises(UsageError, match="pass-rate"):
            run(Request(files, 1, rate, False), Settings())
    with pytest.raises(InputError, match="does not exist"):
        found([tmp_path / "nothing"])
    with pytest.raises(InputError, match="no conversation tests"):
        found([tmp_path / "characters"])


def test_whose_settings_hold(tmp_path: Path, write: Any) -> None:
    write({"other/tests/t.yaml": "", "t.yaml": ""})
    assert content_of(found([tmp_path / "tests"])) == tmp_path
    assert content_of([tmp_path / "tests/mend.yaml", tmp_path / "other/tests/t.yaml"]) is None
    assert content_of([tmp_path / "t.yaml"]) is None
