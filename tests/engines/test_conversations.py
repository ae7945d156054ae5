"""A new mod through the console script, with the real models: made, checked, tested, talked to."""

import json
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.resources import bundled

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def mod(tmp_path_factory: pytest.TempPathFactory, run_once: Any) -> Path:
    """A folder in which `npc-runtime new` was run."""
    folder = tmp_path_factory.mktemp("mod")
    done = run_once("new", "mine", "--name", "Zoë Ağaoğlu", cwd=folder)
    assert done.code == 0, done.err
    return folder


def test_it_passes_its_own_check(mod: Path, run_once: Any) -> None:
    done = run_once("check", "mine", cwd=mod)
    assert done.code == 0, done.out
    assert done.out.endswith("5 files checked, all good\n")


def test_it_passes_its_own_test(mod: Path, run_once: Any) -> None:
    done = run_once("test", "mine", "--seeds", "3", "--pass-rate", "0.6", "--json", cwd=mod)
    told = json.loads(done.out)
    assert done.code == 0, told
    assert done.err == ""
    (conversation,) = told["conversations"]
    assert [run["seed"] for run in conversation["runs"]] == [1, 2, 3]
    assert all(turn["said"] for run in conversation["runs"] for turn in run["turns"])


@pytest.mark.parametrize("character", ["henrike", "zeynep"])
def test_what_the_engine_decides_is_decided_in_german_and_turkish(character: str, mod: Path, run_once: Any) -> None:
    done = run_once("test", str(bundled("tests", f"{character}.yaml")), "--seeds", "1", "--json", cwd=mod)
    assert done.code == 0, done.out


def test_what_nobody_would_say_is_missed(mod: Path, run_once: Any) -> None:
    wish = mod / "mine" / "tests" / "wish.yaml"
    wish.write_text("character: zoe_agaoglu\nturns: [{player: Hello., expect: {said: zyzzyva}}]\n", "utf-8")
    done = run_once("test", str(wish), "--seeds", "1", cwd=mod)
    wish.unlink()
    assert done.code == 1
    assert done.err == "Loading the model …\n"
    assert f'{wish}:2:41: wanted "zyzzyva"\n' in done.out
    assert "seed 1: not said | [" in done.out


@pytest.mark.parametrize("command", [["say", "--character", "Zoë Ağaoğlu", "--text", "Good evening!"], ["demo"]])
def test_its_folder_serves_the_other_commands(mod: Path, run_once: Any, command: list[str]) -> None:
    done = run_once(*command, "--content", "mine", "--json", cwd=mod)
    assert done.code == 0, done.err
    begun = [json.loads(line) for line in done.out.splitlines() if '"turn.begin"' in line]
    assert [message["character"] for message in begun] == ["zoe_agaoglu" if command[0] == "say" else "brynja"]


def test_there_is_nothing_to_test(tmp_path: Path, run: Any) -> None:
    run("test").failed_readably(1, "no conversation tests")
    run("test", "nowhere").failed_readably(1, "does not exist")
