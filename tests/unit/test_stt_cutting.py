"""Windows over an utterance."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.stt.cutting import LONGEST, MARGIN, windows
from npc_runtime.stt.vad import Span

S = 16_000


def audio(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.ones(int(seconds * S), np.float32)


def test_nobody_speaks() -> None:
    assert windows(audio(5), []) == []


def test_short_speech_is_one_window_whatever_its_pauses() -> None:
    assert windows(audio(10), [Span(S, 2 * S), Span(6 * S, 7 * S)]) == [Span(S - MARGIN, 7 * S + MARGIN)]


def test_no_margin_beyond_the_audio() -> None:
    assert windows(audio(2), [Span(100, 2 * S)]) == [Span(0, 2 * S)]


def test_long_silence_around_the_voice_is_trimmed() -> None:
    assert windows(audio(60), [Span(30 * S, 33 * S)]) == [Span(30 * S - MARGIN, 33 * S + MARGIN)]


def test_short_pauses_stay_and_long_ones_separate() -> None:
    spans = [Span(0, 4 * S), Span(6 * S, 9 * S), Span(15 * S, 16 * S)]
    assert windows(audio(20), spans) == [Span(0, 9 * S + MARGIN), Span(15 * S - MARGIN, 16 * S + MARGIN)]


def test_long_speech_is_cut_at_a_pause() -> None:
    spans = [Span(0, 20 * S), Span(21 * S, 35 * S)]
    assert [(w.start, w.end) for w in windows(audio(35), spans)] == [(0, 20 * S + MARGIN), (21 * S - MARGIN, 35 * S)]


def test_speech_without_a_pause_is_cut_where_it_is_softest() -> None:
    samples = audio(40)
    samples[25 * S : 25 * S + 800] = 0.0
    first, second = windows(samples, [Span(0, 40 * S)])
    assert 25 * S <= first.end == second.start <= 25 * S + 800


@given(st.lists(st.tuples(st.floats(0.04, 5), st.floats(0.1, 45)), max_size=6))
def test_windows_hold_all_speech_and_fit(parts: list[tuple[float, float]]) -> None:
    spans, at = [], 0
    for pause, length in parts:
        start = at + int(pause * S)
        at = start + int(length * S)
        spans.append(Span(start, at))
    samples = np.ones(at + S, np.float32)
    found = windows(samples, spans)
    assert all(0 <= w.start < w.end <= len(samples) and w.end - w.start <= LONGEST for w in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    held = np.zeros(len(samples), bool)
    for window in found:
        held[window.start : window.end] = True
    for span in spans:
        assert held[span.start : span.end].all()
