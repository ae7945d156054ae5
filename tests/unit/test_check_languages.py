"""One `language:` per character: `check` says which stage cannot do it, where that is written, and what helps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from npc_runtime.cli.check import check
from npc_runtime.content.library import Library
from npc_runtime.resources import bundled

Out = pytest.CaptureFixture[str]
Found = Callable[..., list[str]]
ANN = "name: Ann\npersona: {summary: Someone.}\nlanguage: "


@pytest.fixture
def found(tmp_path: Path, capsys: Out) -> Found:
    def found(language: str, more: str = "", settings: str = "") -> list[str]:
        (tmp_path / "characters").mkdir(exist_ok=True)
        (tmp_path / "characters" / "ann.yaml").write_text(f"{ANN}{language}\n{more}", "utf-8")
        (tmp_path / "npc-runtime.toml").write_text(settings, "utf-8")
        assert check([tmp_path]) == 0
        *lines, _ = capsys.readouterr().out.splitlines()
        return [line.replace(f"{tmp_path}", "").replace("\\", "/").removeprefix("/") for line in lines]

    return found


def stages(lines: list[str]) -> set[str]:
    names = {
        "speech-to-text": "stt",
        "language model": "llm",
        "voice": "tts",
        "espeak": "tts",
        "players speak": "player",
        "moods": "ours",
    }
    return {stage for line in lines for name, stage in names.items() if name in line.split(" (")[0]}


def test_each_stage_is_told_with_its_place_and_what_helps(found: Found) -> None:
    lines = found("tr", "voice: {engine: piper}")  # there is a multilingual Whisper
    assert all(line.startswith("characters/ann.yaml:3:11: warning: ") for line in lines)
    voice, mind = lines
    assert stages([mind]) == {"llm"} and "llm.provider" in mind
    assert stages([voice]) == {"tts"} and "models pull NAME`, such as tr_TR-dfki-medium" in voice
    _, hearing = found("de", "", "[stt]\nmodel = 'whisper-tiny-en'\n")
    assert stages([hearing]) == {"stt"} and "models pull whisper-base`" in hearing


@pytest.mark.parametrize(
    ("language", "more", "settings", "expected"),
    [
        ("en", "", "", set()),
        ("de", "", "", {"llm"}),  # espeak is always there
        ("de", "voice: {engine: espeak}", "", {"llm"}),
        ("de", "voice: {name: de+m3}", "", {"llm"}),
        ("de", "voice: {engine: piper}", "", {"llm", "tts"}),
        ("de", "voice: {engine: piper}", "[tts]\nprovider = 'openai'\n", {"llm", "tts"}),
        ("de", "", "[tts]\nengine = 'piper'\n", {"llm", "tts"}),
        ("de", "", "[tts]\nmodel = 'en_us-joe-medium'\n", {"llm", "tts"}),
        ("de", "", "[llm]\nprovider = 'groq'\n", set()),
        ("de", "", "[llm]\nbase_url = 'http://127.0.0.1:1/v1'\n[tts]\nengine = 'elevenlabs'\n", set()),
        ("de-AT", "", "[stt]\nmodel = 'whisper-tiny-en'\n", {"stt", "llm"}),
        ("de", "", "[stt]\nmodel = 'whisper/base.en'\n", {"stt", "llm"}),
        ("de", "", "[stt]\nmodel = 'whisper/base.en'\nbackend = 'openai'\n", {"llm"}),
        ("de", "", "[stt]\nmodel = 'whisper-1'\nprovider = 'openai'\n", {"llm"}),
        ("de", "", "[stt]\nlanguage = 'en'\n", {"player", "llm"}),
        ("fr", "", "", {"ours", "llm"}),
        ("tlh", "", "", {"ours", "llm", "tts", "stt"}),
        ("tlh", "", "[tts]\nbase_url = 'http://127.0.0.1:1/v1'\n", {"ours", "llm", "stt"}),
        ("tlh", "", "[tts]\nprovider = 'openai'\n[stt]\nprovider = 'openai'\n", {"ours", "llm"}),
    ],
)
def test_which_stages_cannot_do_it(found: Found, language: str, more: str, settings: str, expected: set[str]) -> None:
    assert stages(found(language, more, settings)) == expected


def test_what_one_language_model_does_not_know_is_said_once(found: Found, tmp_path: Path) -> None:
    (tmp_path / "characters").mkdir()
    for name, language in (("ben", "de"), ("cem", "tr")):
        (tmp_path / "characters" / f"{name}.yaml").write_text(ANN.replace("Ann", name) + language, "utf-8")
    lines = found("de")
    assert [line.partition(":")[0] for line in lines] == ["characters/ann.yaml", "characters/cem.yaml"]
    assert stages(lines) == {"llm"}


def test_a_model_that_is_not_here_is_fetched(found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NPC_RUNTIME_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("npc_runtime.cli.check_languages.package_pieces", lambda entry: {})
    line = found("de")[1]
    assert "is not on this machine (run `npc-runtime models pull whisper-base`)" in line
    assert not (tmp_path / "state").exists()


def test_there_are_examples_in_three_languages(capsys: Out) -> None:
    characters = {one.id: one for one in Library.load([bundled()]).characters()}
    assert {one.language for one in characters.values()} == {"en", "de", "tr"}
    assert next(iter(characters.values())).language == "en"  # who comes first decides what speech-to-text is loaded
    for id in ("henrike", "zeynep"):
        one = characters[id]
        assert one.goals and one.barks.greet and one.barks.busy and one.barks.failed and one.style.sample_lines
        assert (one.voice.engine, one.voice.name) == ("auto", "")
        assert check([bundled("characters", f"{id}.yaml"), bundled("tests", f"{id}.yaml")]) == 0
        *lines, last = capsys.readouterr().out.splitlines()
        assert all(": warning: " in line for line in lines) and "all good" in last
