"""The audio fixtures are what their manifests say, and hold the conditions that they are named after."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile as sf

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "audio"
ASSETS = ROOT / "assets" / "audio"
CHARACTERS = {path.stem for path in (ROOT / "characters").glob("*.yaml")}

Entries = dict[str, dict[str, Any]]


def read_manifest(path: Path) -> Entries:
    entries: Entries = json.loads(path.read_text(encoding="utf-8"))
    return entries


MANIFESTS = {
    FIXTURES: read_manifest(FIXTURES / "fixtures.json"),
    ASSETS: read_manifest(ASSETS / "audio.json"),
}
FILES = [(folder / name, entry) for folder, entries in MANIFESTS.items() for name, entry in entries.items()]
EACH_FILE = pytest.mark.parametrize(("path", "entry"), FILES, ids=[path.name for path, _ in FILES])


def samples(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    audio, _ = sf.read(FIXTURES / name, dtype="float64", always_2d=True)
    return np.asarray(audio)


def rms(audio: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.sqrt(np.mean(audio**2)))


@pytest.fixture(scope="module")
def make_audio() -> ModuleType:
    """The script that made the files."""
    name = "make_audio_fixtures"
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "fixtures" / "make_audio.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@EACH_FILE
def test_format_is_as_declared(path: Path, entry: dict[str, Any]) -> None:
    info = sf.info(path)
    assert {
        "container": info.format,
        "subtype": info.subtype,
        "rate": info.samplerate,
        "channels": info.channels,
        "seconds": round(info.frames / info.samplerate, 3),
    } == entry["format"]


@EACH_FILE
def test_samples_can_be_read(path: Path, entry: dict[str, Any]) -> None:
    audio, rate = sf.read(path, dtype="float32", always_2d=True)
    assert len(audio) / rate == pytest.approx(entry["format"]["seconds"], abs=0.001)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() <= 1.0
    assert bool(np.any(audio)) == (path.name != "silence.flac")


@EACH_FILE
def test_entry_is_complete(path: Path, entry: dict[str, Any]) -> None:
    assert set(entry) == {"text", "character", "note", "format"}
    assert entry["note"]
    if entry["text"]:
        assert entry["character"] in CHARACTERS
    else:
        assert entry["character"] == ""


@pytest.mark.parametrize("folder", MANIFESTS, ids=lambda folder: folder.parent.name)
def test_manifest_lists_every_file(folder: Path) -> None:
    present = {path.name for path in folder.iterdir() if path.suffix != ".json"}
    assert present == set(MANIFESTS[folder])


def test_manifests_agree_with_the_script(make_audio: ModuleType) -> None:
    for folder, entries in MANIFESTS.items():
        table = [fixture for fixture in make_audio.TABLE if fixture.folder == folder]
        assert {
            fixture.file: (fixture.line.text if fixture.line else "", fixture.character, fixture.note)
            for fixture in table
        } == {name: (entry["text"], entry["character"], entry["note"]) for name, entry in entries.items()}


def test_sounds_without_speech_are_what_the_script_makes(make_audio: ModuleType) -> None:
    made = [fixture for fixture in make_audio.TABLE if fixture.line is None]
    assert len(made) >= 6
    for fixture in made:
        expected = make_audio.render(fixture)
        assert samples(fixture.file)[:, 0] == pytest.approx(expected, abs=2 / 32768), fixture.file


def test_every_character_is_spoken_to() -> None:
    addressed = {entry["character"] for entry in MANIFESTS[FIXTURES].values()} - {""}
    assert addressed == CHARACTERS - {"henrike", "zeynep"}  # who speak no English


def test_repository_stays_small() -> None:
    assert sum(path.stat().st_size for path, _ in FILES) < 4_000_000


def test_clipped_is_clipped() -> None:
    audio = samples("clipped.flac")
    assert np.mean(np.abs(audio) > 0.999) > 0.02
    assert np.mean(np.abs(samples("brynja_wares.flac")) > 0.999) == 0


def test_one_channel_is_silent() -> None:
    left, right = samples("stereo_left_only.flac").T
    assert rms(left) > 0.01
    assert not right.any()


def test_both_channels_speak() -> None:
    left, right = samples("stereo_44k.wav").T
    assert right == pytest.approx(0.6 * left, abs=2 / 32768)


def test_padding_is_one_second_of_zeros() -> None:
    audio = samples("padded_1s.flac")
    assert not audio[:16000].any()
    assert not audio[-16000:].any()
    assert rms(audio[16000:-16000]) > 0.01


def test_levels() -> None:
    assert np.abs(samples("quiet.flac")).max() == pytest.approx(0.004, abs=2 / 32768)
    assert np.abs(samples("brynja_wares.flac")).max() == pytest.approx(0.5, abs=2 / 32768)
    assert 20 * np.log10(rms(samples("room.flac"))) == pytest.approx(-55, abs=0.5)


def test_noise_lies_10_db_below_the_speech() -> None:
    audio = samples("noise_10db.flac")[:, 0]
    frames = audio[: len(audio) // 320 * 320].reshape(-1, 320)
    power = np.sort(np.mean(frames**2, axis=1))
    noise = float(np.mean(power[: len(power) // 10]))  # the pauses: pink noise alone, a little below its mean
    assert 10 * np.log10((float(np.mean(power)) - noise) / noise) == pytest.approx(10, abs=4)


def test_long_is_longer_than_one_whisper_window() -> None:
    assert MANIFESTS[FIXTURES]["long.flac"]["format"]["seconds"] > 30
