"""Live frames: any chunking of the same bytes gives the same frames, at every rate, without waiting."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npc_runtime.errors import AudioError, InputError
from npc_runtime.speech import Samples
from npc_runtime.stt.frames import FRAME_MS, Frame, Framer

RATES = (8000, 11025, 16000, 22050, 32000, 44100, 44101, 48000, 96000, 192000)


def tone(frequency: float, rate: int, seconds: float = 0.5) -> bytes:
    time = np.arange(int(rate * seconds)) / rate
    return np.round(16384 * np.sin(2 * np.pi * frequency * time)).astype("<i2").tobytes()


def joined(frames: list[Frame]) -> Samples:
    return np.concatenate([frame.samples for frame in frames])


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_comes_through_at_16_khz(rate: int) -> None:
    framer = Framer(rate)
    heard = joined(framer.feed(tone(1000, rate)) + framer.flush())[800:7200]
    wanted = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(800, 7200) / 16000)
    assert 20 * math.log10(np.abs(heard - wanted).max() / 0.5) < -50


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > 22050])
def test_what_16_khz_cannot_hold_is_filtered_out(rate: int) -> None:
    framer = Framer(rate)
    heard = joined(framer.feed(tone(10_500, rate)))[800:]
    assert 20 * math.log10(np.abs(heard).max() / 0.5) < -60


@pytest.mark.parametrize("rate", RATES)
def test_frames_come_within_4_ms_of_their_last_sample(rate: int) -> None:
    framer = Framer(rate)
    assert len(framer.feed(bytes(2 * math.ceil(rate * (10 * FRAME_MS + 4) / 1000)))) == 10


@given(st.binary(max_size=12_000), st.sampled_from(RATES), st.lists(st.integers(0, 12_000), max_size=12))
@settings(deadline=None, max_examples=60)
def test_any_chunking_gives_the_same_frames(pcm: bytes, rate: int, cuts: list[int]) -> None:
    whole, cut = Framer(rate), Framer(rate)
    expected = whole.feed(pcm) + whole.flush()
    edges = [0, *sorted(min(place, len(pcm)) for place in cuts), len(pcm)]
    got = [frame for start, end in itertools.pairwise(edges) for frame in cut.feed(pcm[start:end])] + cut.flush()
    assert [frame.start_ms for frame in got] == [frame.start_ms for frame in expected]
    for one, other in zip(got, expected, strict=True):
        assert np.array_equal(one.samples, other.samples)


def test_16_khz_is_unchanged_and_the_clock_counts_samples() -> None:
    values = np.arange(-1000, 1000, dtype="<i2")
    framer = Framer(16_000)
    frames = framer.feed(values.tobytes())
    assert [frame.start_ms for frame in frames] == [0, 32, 64]
    assert framer.now_ms == 96
    assert np.array_equal(joined(frames), values[:1536].astype(np.float32) / 32768)
    (last,) = framer.flush()
    assert (last.start_ms, last.end_ms) == (96, 128)
    assert np.array_equal(last.samples[:464], values[1536:].astype(np.float32) / 32768)
    assert not last.samples[464:].any()
    assert framer.flush() == []


def test_full_scale_stays_in_range() -> None:
    framer = Framer(16_000)
    (frame,) = framer.feed(np.tile(np.array([-32768, 32767], "<i2"), 256).tobytes())
    assert frame.samples.min() == -1.0
    assert frame.samples.max() < 1.0


@pytest.mark.parametrize("rate", [0, -16_000, 7_999, 192_001, 10**12])
def test_absurd_rates_are_refused(rate: int) -> None:
    with pytest.raises(InputError, match="8000 to 192000") as caught:
        Framer(rate)
    assert "16000" in caught.value.hint


def test_an_absurd_chunk_is_refused_and_the_stream_goes_on() -> None:
    framer = Framer(8_000)
    framer.feed(b"\x01")
    with pytest.raises(AudioError, match="too large"):
        framer.feed(bytes(100_000_000))
    assert framer.now_ms == 0
    assert framer.feed(b"\x01" + bytes(1200))
