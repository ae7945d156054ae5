"""The tempo of a voice: speech as much quicker or slower as it is asked for, although symbols have whole frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.tts.tempo import SCALES, Tempo

RATES = (0.85, 0.93, 1.07, 1.15)


def symbols(seed: int, count: int = 300) -> list[float]:
    """Frames of each symbol before they are rounded up, with the mean and spread of a real voice."""
    return list(np.random.default_rng(seed).lognormal(0.1, 0.8, count))


def length(frames: list[float], scale: float) -> float:
    return float(np.ceil(np.array(frames) * scale).sum())


def tempo(seed: int) -> Tempo:
    return Tempo([length(symbols(seed), scale) for scale in SCALES])


@pytest.mark.parametrize("pace", [0.6, 0.8, 1.0, 1.3, 1.6])
@pytest.mark.parametrize("rate", RATES)
def test_another_sentence_becomes_as_long_as_asked_for(pace: float, rate: float) -> None:
    other = symbols(2)
    stretch = tempo(1).stretch(pace, rate)
    assert length(other, 1 / pace) / length(other, stretch / pace) == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize("rate", RATES)
def test_the_length_scale_alone_would_change_too_little(rate: float) -> None:
    plain = length(symbols(2), 1.0) / length(symbols(2), 1 / rate)
    assert abs(plain - 1) < abs(rate - 1) * 0.9
    assert abs(tempo(1).stretch(1.0, rate) - 1) > abs(1 / rate - 1)


@given(st.floats(0.5, 2), st.floats(0.85, 1.15), st.floats(0.85, 1.15))
def test_it_stays_in_what_was_measured_and_quicker_is_never_longer(pace: float, one: float, other: float) -> None:
    slow, quick = sorted((one, other))
    voice = tempo(3)
    scales = [voice.stretch(pace, rate) / pace for rate in (quick, slow)]
    assert SCALES[0] - 1e-9 <= scales[0]
    assert scales[-1] <= SCALES[-1] + 1e-9
    if quick != 1 != slow:
        assert scales[0] <= scales[1] + 1e-9


@given(st.floats(0.5, 2))
def test_an_unchanged_rate_changes_nothing_at_all(pace: float) -> None:
    assert tempo(4).stretch(pace, 1.0) == 1.0
