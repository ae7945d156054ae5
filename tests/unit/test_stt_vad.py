"""Voiced runs: hysteresis as a pure function."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.stt.vad import Span, voiced_runs

V = 0.9


@pytest.mark.parametrize(
    ("probability", "runs"),
    [
        ([], []),
        ([0.0] * 9, []),
        ([V] * 4, [Span(0, 4)]),
        ([0, V, V, 0, 0, 0, 0], [Span(1, 3)]),
        ([0, V, 0, 0, 0, 0, 0], []),  # a click
        ([0, V, 0.4, 0.36, 0.34, 0, 0], [Span(1, 4)]),  # goes on above the lower threshold
        ([0, 0.45, 0.45, 0.45, 0], []),  # never reaches the upper one
        ([V, V, 0, 0, 0, V, V], [Span(0, 7)]),  # a stop consonant
        ([V, V, 0, 0, 0, 0, V, V], [Span(0, 2), Span(6, 8)]),
        ([V, 0, V, 0, V], [Span(0, 5)]),
    ],
)
def test_runs(probability: list[float], runs: list[Span]) -> None:
    assert voiced_runs(probability) == runs


@given(st.lists(st.floats(0, 1), max_size=60))
def test_runs_are_ordered_apart_and_hold_every_certain_pair(probability: list[float]) -> None:
    runs = voiced_runs(probability)
    for before, after in itertools.pairwise(runs):
        assert after.start - before.end > 3
    for run in runs:
        assert 0 <= run.start < run.end <= len(probability)
        assert probability[run.start] >= 0.5
        assert probability[run.end - 1] >= 0.35
    for index in range(len(probability) - 1):
        if probability[index] >= 0.5 and probability[index + 1] >= 0.5:
            assert any(run.start <= index and index + 1 < run.end for run in runs)
