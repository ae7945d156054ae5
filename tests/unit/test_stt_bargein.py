"""Barge-in on scripted levels and probabilities."""

import numpy as np
import pytest

from npc_runtime.stt.bargein import SILENT_DB, BargeIn, level_db

MS = 32.0
ROOM, VOICE, NPC = -60.0, -25.0, -20.0
Chunk = tuple[float, float]
"""Probability of speech and level."""


def run(barge_in: BargeIn, chunks: list[Chunk], played: float | None = None) -> list[int]:
    return [index for index, (p, db) in enumerate(chunks) if barge_in.feed(MS, p, db, played)]


@pytest.mark.parametrize(
    ("chunks", "decided"),
    [
        ([(0.9, VOICE)] * 8, [7]),  # 256 ms
        ([(0.9, VOICE)] * 7, []),
        ([(0.9, VOICE)] * 4 + [(0.1, ROOM)] * 20, []),  # a cough of 128 ms
        (([(0.9, VOICE)] * 4 + [(0.1, ROOM)] * 4) * 20, []),  # coughs
        ([(0.1, 0.0)] * 100, []),  # noise, however loud
        ([(0.9, VOICE)] * 4 + [(0.1, ROOM)] * 3 + [(0.9, VOICE)] * 4, [10]),  # a stop consonant
        ([(0.9, ROOM + 3)] * 100, []),  # somebody in the next room
    ],
)
def test_while_nothing_is_heard_from_the_speakers(chunks: list[Chunk], decided: list[int]) -> None:
    barge_in = BargeIn()
    run(barge_in, [(0.0, ROOM)] * 60)
    assert run(barge_in, chunks) == decided


@pytest.mark.parametrize("loss", [-3.0, -10.0, -25.0])
def test_the_echo_does_not_interrupt_and_a_louder_voice_does(loss: float) -> None:
    barge_in = BargeIn()
    assert run(barge_in, [(0.95, NPC + loss)] * 200, NPC) == []
    assert run(barge_in, [(0.95, NPC + loss + 10)] * 8, NPC) == [7]


def test_a_doubtful_voice_does_not_interrupt_what_is_played() -> None:
    barge_in = BargeIn()
    run(barge_in, [(0.0, ROOM)] * 100, NPC)
    assert run(barge_in, [(0.6, VOICE)] * 40, NPC) == []
    assert run(barge_in, [(0.9, VOICE)] * 8, NPC) == [7]


def test_the_echo_is_expected_a_little_longer_than_it_is_played() -> None:
    barge_in = BargeIn()
    run(barge_in, [(0.95, NPC - 10)] * 200, NPC)
    assert run(barge_in, [(0.95, NPC - 10)] * 12, None) == []


def test_a_new_reply_begins_counting_anew() -> None:
    barge_in = BargeIn()
    run(barge_in, [(0.0, ROOM)] * 60)
    run(barge_in, [(0.9, VOICE)] * 7)
    barge_in.reset()
    assert run(barge_in, [(0.9, VOICE)] * 7) == []


def test_level() -> None:
    assert level_db(np.ones(512, np.float32)) == 0
    assert level_db(np.full(512, 0.1, np.float32)) == pytest.approx(-20)
    assert level_db(np.zeros(512, np.float32)) == SILENT_DB
    assert level_db(np.zeros(0, np.float32)) == SILENT_DB
