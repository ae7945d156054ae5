"""Loudness to jaw, for voices without phones."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.lipsync.energy import energy_track
from npc_runtime.lipsync.sets import SETS, frames
from npc_runtime.speech import Samples

RATE = 16000


def tone(seconds: float, level: float) -> Samples:
    return np.asarray(level * np.sin(np.arange(int(seconds * RATE)) * 0.3), np.float32)


@given(st.integers(0, 5000), st.sampled_from([10, 8000, 16000, 22050, 48000]), st.floats(0, 1, width=32))
def test_it_tiles_the_clip(samples: int, rate: int, level: float) -> None:
    made = energy_track(np.full(samples, level, np.float32), rate)
    assert made.samples == samples
    assert all(a.end == b.start for a, b in pairwise(made.segments))
    assert all(segment.end > segment.start for segment in made.segments)
    assert all(0 <= segment.jaw <= 1 for segment in made.segments)


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.337, 1.0, 7.77])
def test_hops_are_short_enough_to_follow_syllables(seconds: float) -> None:
    for segment in energy_track(tone(seconds, 0.5), RATE).segments:
        assert 0.019 <= (segment.end - segment.start) / RATE <= 0.041


def test_the_jaw_opens_with_the_voice() -> None:
    audio = np.concatenate([tone(0.5, 0.0), tone(0.5, 0.5), tone(0.5, 0.05), tone(0.5, 0.0)])
    made = energy_track(audio, RATE)

    def jaw(at: float) -> float:
        return next(segment.jaw for segment in made.segments if segment.end > at * RATE)

    assert jaw(0.25) == 0.0
    assert jaw(0.75) == pytest.approx(0.8)
    assert 0.05 < jaw(1.25) < 0.4
    assert jaw(1.75) == 0.0


@pytest.mark.parametrize("audio", [tone(1, 0.0), tone(1, 0.0005), np.full(RATE, np.nan, np.float32)])
def test_silence_keeps_the_mouth_shut(audio: Samples) -> None:
    made = energy_track(audio, RATE)
    assert [(end, id_) for _, end, id_, _ in frames(made, "oculus")] == [(1000.0, "sil")]


def test_a_quiet_voice_opens_as_wide_as_a_loud_one() -> None:
    loud, quiet = (max(s.jaw for s in energy_track(tone(1, level), RATE).segments) for level in (0.9, 0.05))
    assert loud == quiet


def test_the_jaw_moves_smoothly() -> None:
    audio = np.concatenate([tone(0.5, 0.0), tone(0.5, 0.5)])
    jaws = [segment.jaw for segment in energy_track(audio, RATE).segments]
    assert max(abs(a - b) for a, b in pairwise(jaws)) < 0.6


@pytest.mark.parametrize("target", SETS)
def test_every_set_shows_it(target: str) -> None:
    audio = np.concatenate([tone(0.5, 0.0), tone(0.5, 0.5), tone(0.5, 0.1)])
    made = energy_track(audio, RATE)
    shown = next(frames(made, name) for name in SETS if name == target)
    assert shown[0][0] == 0.0
    assert shown[-1][1] == 1500.0
    assert len({frame[2:] for frame in shown}) >= 3


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        energy_track(tone(0.1, 0.1), 0)
