"""The end-of-turn policy on scripted probabilities, frame by frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.stt.endpoint import Decision, EndpointPolicy, EndpointSettings, Move, TurnHint
from npc_runtime.stt.tone import Tone

MS = 32.0
V, S = 0.9, 0.05  # voice, silence


def run(policy: EndpointPolicy, frames: list[float]) -> list[tuple[int, Decision]]:
    """What was decided, and at which frame."""
    found = []
    for index, p_speech in enumerate(frames):
        decision = policy.feed(MS, p_speech)
        if decision.move is not Move.NONE:
            found.append((index, decision))
    return found


def moves(policy: EndpointPolicy, frames: list[float]) -> list[tuple[int, str]]:
    return [(index, decision.move.value) for index, decision in run(policy, frames)]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([], []),
        ([S] * 500, []),
        ([S, V, S, S, V, S] * 20, []),  # clicks
        ([0.45] * 200, []),  # never certain enough to begin
        ([S, V, V], [(2, "voice_start")]),
        ([S, V, 0.4], [(2, "voice_start")]),  # what has begun may be softer
        ([V] * 3 + [S] * 7, [(1, "voice_start"), (9, "noise")]),  # a cough
        ([V] * 4 + [S] * 3, [(1, "voice_start"), (6, "provisional_end")]),  # "no"
        ([V] * 9 + [0.4] * 9 + [S] * 3, [(1, "voice_start"), (20, "provisional_end")]),
        ([V] * 9 + [S] * 2 + [V] * 9, [(1, "voice_start")]),  # a stop consonant
        ([V] * 9 + [S] * 4 + [V, V], [(1, "voice_start"), (11, "provisional_end"), (14, "resumed")]),
        ([V] * 9 + [S] * 4 + [V] + [S] * 3, [(1, "voice_start"), (11, "provisional_end")]),  # a click
        ([V] * 9 + [S] * 16, [(1, "voice_start"), (11, "provisional_end"), (24, "commit")]),
        # A click holds the end back until it is over, and no longer.
        ([V] * 9 + [S] * 15 + [V, S], [(1, "voice_start"), (11, "provisional_end"), (25, "commit")]),
        ([V] * 9 + [S] * 15 + [V, V], [(1, "voice_start"), (11, "provisional_end"), (25, "resumed")]),
    ],
)
def test_moves(frames: list[float], expected: list[tuple[int, str]]) -> None:
    assert moves(EndpointPolicy(), frames) == expected


@pytest.mark.parametrize(
    ("hint", "tone", "silence"),
    [
        (TurnHint.FINISHED, Tone.FALLING, 256),
        (TurnHint.FINISHED, None, 256),
        (TurnHint.FINISHED, Tone.RISING, 512),  # rising statements go on
        (TurnHint.FINISHED, Tone.LEVEL, 512),
        (TurnHint.QUESTION, Tone.RISING, 256),
        (TurnHint.QUESTION, Tone.FALLING, 256),
        (TurnHint.QUESTION, Tone.LEVEL, 512),
        (TurnHint.UNSURE, Tone.FALLING, 512),
        (None, Tone.FALLING, 512),
        (TurnHint.UNFINISHED, Tone.FALLING, 1216),
    ],
)
def test_the_delay_depends_on_words_and_melody(hint: TurnHint | None, tone: Tone | None, silence: float) -> None:
    policy = EndpointPolicy()
    assert moves(policy, [V] * 9 + [S] * 3)[-1] == (11, "provisional_end")
    if tone:
        policy.tone(tone)
    if hint:
        policy.hint(hint, 1)
    index, move = moves(policy, [S] * 100)[0]
    assert move == "commit"
    assert (3 + index + 1) * MS == silence


def test_a_hint_may_come_late_or_with_a_frame() -> None:
    policy = EndpointPolicy()
    run(policy, [V] * 9 + [S] * 12)
    assert policy.feed(MS, S, TurnHint.FINISHED).move is Move.COMMIT
    run(policy, [S] * 30 + [V] * 9 + [S] * 12)
    policy.hint(TurnHint.UNFINISHED)
    assert moves(policy, [S] * 20) == []


def test_an_end_may_be_due_before_the_next_frame() -> None:
    policy = EndpointPolicy()
    assert policy.due().move is Move.NONE
    run(policy, [V] * 9 + [S] * 7)
    policy.hint(TurnHint.FINISHED)
    assert policy.due().move is Move.NONE
    run(policy, [S])
    assert not policy.paused
    run(policy, [S] * 40 + [V] * 9 + [S] * 8)
    assert policy.due().move is Move.NONE
    policy.hint(TurnHint.FINISHED)
    due = policy.due()
    assert (due.move, due.revision) == (Move.COMMIT, 1)
    assert policy.due().move is Move.NONE


def test_a_hint_for_another_pause_is_ignored() -> None:
    policy = EndpointPolicy()
    run(policy, [V] * 9 + [S] * 4 + [V] * 9)
    policy.hint(TurnHint.FINISHED, 1)  # while the voice goes on
    ((_, decision),) = run(policy, [S] * 3)
    assert decision.revision == 2
    policy.hint(TurnHint.FINISHED, 1)
    assert policy.delay_ms == policy.base_ms + 250
    policy.hint(TurnHint.FINISHED, 2)
    assert policy.delay_ms == policy.base_ms


def test_what_a_decision_reports() -> None:
    decisions = [decision for _, decision in run(EndpointPolicy(), [S] * 10 + [V] * 9 + [S] * 4 + [V] * 5 + [S] * 16)]
    assert [(d.move.value, d.start_ms, d.last_voiced_ms, d.revision) for d in decisions] == [
        ("voice_start", 320, 384, 0),
        ("provisional_end", 320, 608, 1),
        ("resumed", 320, 800, 1),
        ("provisional_end", 320, 896, 2),
        ("commit", 320, 896, 2),
    ]


def test_no_delay_is_longer_than_the_cap() -> None:
    policy = EndpointPolicy(EndpointSettings(initial_ms=700, unfinished_ms=5000))
    run(policy, [V] * 9 + [S] * 3)
    policy.hint(TurnHint.UNFINISHED)
    ((index, decision),) = run(policy, ([S] * 9 + [V]) * 20)  # with clicks
    assert decision.move is Move.COMMIT
    assert 2000 <= (3 + index + 1) * MS <= 2000 + 2 * MS


def test_an_endless_voice_is_cut_and_goes_on_as_another_turn() -> None:
    policy = EndpointPolicy(EndpointSettings(longest_ms=1024))
    assert moves(policy, [V] * 40) == [(1, "voice_start"), (31, "too_long"), (33, "voice_start")]


def test_pauses_move_the_delay_between_floor_and_ceiling() -> None:
    slow, quick = EndpointPolicy(), EndpointPolicy()
    run(slow, ([V] * 9 + [S] * 12) * 40 + [V])
    run(quick, ([V] * 9 + [S] * 3) * 200 + [V])
    assert slow.base_ms == pytest.approx(12 * MS + 80, abs=5)
    assert quick.base_ms == 200
    slow.reset(hold=False)
    for _ in range(60):
        run(slow, [V] * 9 + [S] * 3)
        slow.hint(TurnHint.UNFINISHED)
        run(slow, [S] * 18 + [V])
    assert slow.base_ms == 700


def test_a_voice_right_after_the_end_teaches_to_wait_and_right_ends_forget_it() -> None:
    policy = EndpointPolicy()
    assert moves(policy, [V] * 9 + [S] * 16)[-1] == (24, "commit")
    run(policy, [S] * 4 + [V] * 2)
    assert policy.base_ms == pytest.approx(250 + 0.35 * (20 * MS - 170))
    learned = policy.base_ms
    run(policy, [V] * 9 + [S] * 60)
    assert 250 < policy.base_ms < learned
    for _ in range(40):
        run(policy, [V] * 9 + [S] * 60)
    assert policy.base_ms == pytest.approx(250, abs=1)


def test_an_answer_to_the_reply_teaches_nothing() -> None:
    policy = EndpointPolicy()
    run(policy, [V] * 9 + [S] * 16 + [S] * 40 + [V] * 9)
    assert policy.base_ms == 250


def test_push_to_talk_ends_on_release_alone() -> None:
    policy = EndpointPolicy(hold=True)
    assert moves(policy, [V] * 9 + [S] * 300) == [(1, "voice_start"), (11, "provisional_end")]
    released = policy.release()
    assert (released.move, released.last_voiced_ms, released.revision) == (Move.COMMIT, 288, 1)
    assert policy.release().move is Move.NONE
    assert moves(policy, [V] * 2) == [(1, "voice_start")]
    assert policy.release().move is Move.COMMIT  # however short: the key says that it was meant


def test_release_in_open_mic() -> None:
    policy = EndpointPolicy()
    run(policy, [V] * 3)
    assert policy.release().move is Move.NOISE
    run(policy, [V] * 9)
    assert policy.release().move is Move.COMMIT


@given(st.lists(st.sampled_from([S, 0.4, 0.6, V]), max_size=400), st.booleans())
def test_decisions_come_in_order(frames: list[float], hold: bool) -> None:
    policy = EndpointPolicy(EndpointSettings(longest_ms=4000), hold=hold)
    follows = {
        "start": {Move.VOICE_START},
        "speaking": {Move.PROVISIONAL_END, Move.NOISE, Move.TOO_LONG},
        "paused": {Move.RESUMED, Move.COMMIT, Move.TOO_LONG},
    }
    after = {Move.VOICE_START: "speaking", Move.RESUMED: "speaking", Move.PROVISIONAL_END: "paused"}
    state, revision = "start", 0
    for index, decision in run(policy, frames):
        assert decision.move in follows[state]
        assert decision.start_ms <= decision.last_voiced_ms <= (index + 1) * MS
        if decision.move is Move.PROVISIONAL_END:
            revision += 1
        assert decision.revision == revision
        state = after.get(decision.move, "start")
        revision = 0 if state == "start" else revision
    assert policy.speaking == (state != "start")
    assert policy.paused == (state == "paused")
    assert 200 <= policy.base_ms <= policy.delay_ms <= 700
