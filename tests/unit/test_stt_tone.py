"""How a voice ends, on synthetic voices: a buzz whose pitch and loudness are known."""

import numpy as np
import pytest

from npc_runtime.speech import Samples
from npc_runtime.stt.tone import Tone, cues, ending

RATE = 16_000


def voice(start_hz: float, end_hz: float, end_db: float = 0.0, *, pause_ms: int = 100, seconds: float = 2.0) -> Samples:
    """A buzz that keeps its pitch and loudness, and in its last 200 ms glides to others."""
    count = int(seconds * RATE)
    places = np.array([0, count - RATE // 5, count - RATE // 10, count])
    pitch = np.interp(np.arange(count), places, [start_hz, start_hz, end_hz, end_hz])
    gain = 10 ** (np.interp(np.arange(count), places, [0, 0, end_db, end_db]) / 20)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    buzz = gain * sum(np.sin(overtone * phase) / overtone for overtone in range(1, 9))
    room = np.random.default_rng(0).standard_normal(count + pause_ms * RATE // 1000) * 1e-4
    room[:count] += 0.1 * buzz
    return room.astype(np.float32)


@pytest.mark.parametrize("hz", [90.0, 130.0, 220.0])
@pytest.mark.parametrize("level", [1.0, 0.05])
@pytest.mark.parametrize(
    ("semitones", "end_db", "tone"),
    [
        (0, 0, Tone.LEVEL),
        (0, -6, Tone.LEVEL),
        (-3, 0, Tone.LEVEL),
        (-5, -15, Tone.FALLING),
        (4, 0, Tone.RISING),
        (4, -10, Tone.RISING),
    ],
)
def test_ending(hz: float, level: float, semitones: float, end_db: float, tone: Tone) -> None:
    sound = voice(hz, max(75.0, hz * 2 ** (semitones / 12)), end_db)
    if hz * 2 ** (semitones / 12) >= 75:
        assert ending(np.float32(level) * sound) is tone


def test_cues_are_decibels_and_semitones() -> None:
    fade, fall = cues(voice(140, 140 * 2 ** (-4 / 12), -10))
    assert fall == pytest.approx(-4, abs=0.7)
    assert -10 < fade < -5


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(0, np.float32),
        np.zeros(RATE, np.float32),
        np.ones(RATE, np.float32),
        np.full(RATE // 8, 0.5, np.float32),
        np.random.default_rng(0).standard_normal(RATE).astype(np.float32),
        np.sign(voice(120, 120)),
    ],
)
def test_anything_gets_an_answer(sound: Samples) -> None:
    assert ending(sound) in Tone
    assert all(-12 <= value <= 12 for value in cues(sound))
