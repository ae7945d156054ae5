"""Forgetting: strength falls with game time, more slowly after each recall."""

import math

import numpy as np
import pytest

from npc_runtime.character.memory.forgetting import GROWTH, MOST_RECALLS, TAU, strength


def left(importance: float, elapsed: float, recalls: float) -> float:
    return float(strength(np.array([importance]), np.array([elapsed]), np.array([recalls]))[0])


def test_after_tau_a_third_is_left() -> None:
    assert left(0.6, 0.0, 0) == 0.6
    assert left(0.6, TAU, 0) == pytest.approx(0.6 / math.e)
    assert left(0.6, 2 * TAU, 0) == pytest.approx(0.6 / math.e**2)


def test_each_recall_slows_it() -> None:
    assert left(1.0, TAU * GROWTH**3, 3) == pytest.approx(1 / math.e)
    assert left(1.0, TAU, 10_000) == left(1.0, TAU, MOST_RECALLS)


def test_what_is_yet_to_come_is_as_fresh_as_now() -> None:
    assert left(0.5, -TAU, 0) == 0.5
