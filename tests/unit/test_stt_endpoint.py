"""The end-of-turn policy on scripted probabilities, frame by frame."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.stt.endpoint import Decision, EndpointPolicy, EndpointSettings, Move, TurnHint
from npc_runtime.stt.tone import Tone

MS = 32.0
V, F, S = 0.9, 0.4, 0.05  # voice, a faint one, silence
# The delays are the tests' own: those of the policy are tuned on recordings now and then.
EARLY = EndpointSettings(initial_ms=250, usual_ms=250, floor_ms=200, open_ms=150, unsure_ms=250)
LATE = replace(EARLY, doubt=0.35, provisional_ms=96)
early_or_late = pytest.mark.parametrize("settings", [EARLY, LATE], ids=["early", "late"])
any_frames = st.lists(st.sampled_from([S, F, 0.6, V]), max_size=400)
any_doubt = st.builds(
    EndpointSettings, doubt=st.sampled_from([0.35, 0.5]), provisional_ms=st.sampled_from([32, 64, 96])
)


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
        ([S, V, F], [(2, "voice_start")]),  # what has begun may be softer
        ([V] * 3 + [S] * 7, [(1, "voice_start"), (9, "noise")]),  # a cough
        ([V] * 4 + [S] * 3, [(1, "voice_start"), (4, "provisional_end")]),  # "no"
        ([V, V, F, F], [(1, "voice_start"), (3, "provisional_end")]),
        (
            [V] * 9 + [S] * 2 + [V] * 9,
            [(1, "voice_start"), (9, "provisional_end"), (12, "resumed")],
        ),  # a stop consonant
        ([V] * 9 + [S] * 4 + [V, V], [(1, "voice_start"), (9, "provisional_end"), (14, "resumed")]),
        ([V] * 9 + [S] * 4 + [V] + [S] * 3, [(1, "voice_start"), (9, "provisional_end")]),  # a click
        ([V] * 9 + [S] * 16, [(1, "voice_start"), (9, "provisional_end"), (24, "commit")]),
        # A click holds the end back until it is over, and no longer.
        ([V] * 9 + [S] * 15 + [V, S], [(1, "voice_start"), (9, "provisional_end"), (25, "commit")]),
        ([V] * 9 + [S] * 15 + [V, V], [(1, "voice_start"), (9, "provisional_end"), (25, "resumed")]),
    ],
)
def test_moves(frames: list[float], expected: list[tuple[int, str]]) -> None:
    assert moves(EndpointPolicy(EARLY), frames) == expected


@pytest.mark.parametrize(
    ("doubt", "provisional_ms", "tail", "at"),
    [
        (0.5, 32, [0.6] * 9 + [0.5] * 9 + [0.49], 27),
        (0.5, 32, [0.36], 9),
        (0.5, 96, [F] * 3, 11),
        (0.5, 96, [F, S, F], 11),  # in doubt all the time, whether it is silent or not
        (0.5, 96, [F, S, V, F, S, S], 14),
        (0.35, 32, [F] * 9 + [0.34], 18),
        (0.35, 96, [S, S, F, S, S, S], 14),
    ],
)
def test_a_reply_is_prepared_as_soon_as_the_voice_is_in_doubt(
    doubt: float, provisional_ms: float, tail: list[float], at: int
) -> None:
    policy = EndpointPolicy(replace(EARLY, doubt=doubt, provisional_ms=provisional_ms))
    assert moves(policy, [V] * 9 + tail) == [(1, "voice_start"), (at, "provisional_end")]


@early_or_late
@pytest.mark.parametrize(
    ("tail", "last"),
    [
        ([], 9),
        ([F, F], 11),  # it dies away
        ([S, S, F], 12),
        ([S, F, S, S, V], 14),  # something like "...sts"
        ([S, S, S, F], 9),  # what comes after a pause is no voice unless it proves to be one
        ([S, S, S, V], 9),
    ],
)
def test_the_turn_ends_after_a_silence_and_not_after_a_doubt(
    settings: EndpointSettings, tail: list[float], last: int
) -> None:
    (*_, (index, decision)) = run(EndpointPolicy(settings), [V] * 9 + tail + [S] * 20)
    assert decision.move is Move.COMMIT
    assert decision.last_voiced_ms == last * MS
    assert (index + 1) * MS == decision.last_voiced_ms + 512


@early_or_late
def test_a_voice_that_came_back_must_be_in_doubt_as_long_again(settings: EndpointSettings) -> None:
    at = 15 + int(settings.provisional_ms / MS) - 1
    assert moves(EndpointPolicy(settings), [V] * 9 + [S] * 4 + [V] * 2 + [S] * 4)[2:] == [
        (14, "resumed"),
        (at, "provisional_end"),
    ]


def test_a_voice_that_goes_on_softly_is_prepared_for_anew() -> None:
    policy = EndpointPolicy(EARLY)
    assert moves(policy, [V] * 9 + [F] * 4) == [(1, "voice_start"), (9, "provisional_end")]
    # From now on only silence is doubtful, until the voice is clear again.
    assert moves(policy, [F] * 50 + [S]) == [(0, "resumed"), (50, "provisional_end")]
    assert moves(policy, [V] * 3 + [F]) == [(1, "resumed"), (3, "provisional_end")]
    assert policy.base_ms == 250


@early_or_late
def test_a_soft_voice_is_no_silence_after_which_it_was_a_noise(settings: EndpointSettings) -> None:
    policy = EndpointPolicy(replace(settings, least_ms=640))
    assert moves(policy, [V] * 3 + [F] * 12 + [S] * 7) == [(1, "voice_start"), (21, "noise")]


@early_or_late
@pytest.mark.parametrize(
    ("hint", "tone", "silence"),
    [
        (TurnHint.FINISHED, Tone.FALLING, 256),
        (TurnHint.FINISHED, None, 256),
        (TurnHint.FINISHED, Tone.RISING, 416),  # rising statements go on
        (TurnHint.FINISHED, Tone.LEVEL, 416),
        (TurnHint.QUESTION, Tone.RISING, 256),
        (TurnHint.QUESTION, Tone.FALLING, 256),
        (TurnHint.QUESTION, Tone.LEVEL, 512),
        (TurnHint.UNSURE, Tone.FALLING, 512),
        (None, Tone.FALLING, 512),
        (TurnHint.UNFINISHED, Tone.FALLING, 1216),
    ],
)
def test_the_delay_depends_on_words_and_melody(
    settings: EndpointSettings, hint: TurnHint | None, tone: Tone | None, silence: float
) -> None:
    policy = EndpointPolicy(settings)
    assert moves(policy, [V] * 9 + [S] * 3)[-1][1] == "provisional_end"
    if tone:
        policy.tone(tone)
    if hint:
        policy.hint(hint, 1)
    index, move = moves(policy, [S] * 100)[0]
    assert move == "commit"
    assert (3 + index + 1) * MS == silence


@pytest.mark.parametrize("first", ["veto", "hint"])
@pytest.mark.parametrize(
    ("hint", "silence"), [(TurnHint.FINISHED, 512), (TurnHint.QUESTION, 512), (None, 512), (TurnHint.UNFINISHED, 1216)]
)
def test_a_veto_makes_what_seems_finished_unsure(first: str, hint: TurnHint | None, silence: float) -> None:
    policy = EndpointPolicy(EARLY)
    run(policy, [V] * 9 + [S])
    policy.tone(Tone.FALLING)
    if first == "veto":
        policy.veto(1)
    if hint:
        policy.hint(hint, 1)
    if first == "hint":
        policy.veto(1)
    ((index, _),) = run(policy, [S] * 100)
    assert (1 + index + 1) * MS == silence


def test_a_veto_counts_in_its_own_pause_alone() -> None:
    policy = EndpointPolicy(EARLY)
    policy.veto()  # nobody has spoken
    run(policy, [V] * 9 + [S] * 4 + [V] * 9)
    policy.veto()  # while the voice goes on
    run(policy, [S])
    policy.veto(1)
    policy.hint(TurnHint.FINISHED, 2)
    assert policy.delay_ms == policy.base_ms
    policy.veto(2)
    assert policy.delay_ms == policy.base_ms + 250
    run(policy, [V] * 9 + [S])
    policy.hint(TurnHint.FINISHED, 3)
    assert policy.delay_ms == policy.base_ms
    policy.veto(3)
    assert moves(policy, [S] * 60) == [(14, "commit")]
    run(policy, [V] * 9 + [S])
    policy.hint(TurnHint.FINISHED, 1)
    assert policy.delay_ms == policy.base_ms


def test_a_hint_may_come_late_or_with_a_frame() -> None:
    policy = EndpointPolicy(EARLY)
    run(policy, [V] * 9 + [S] * 12)
    assert policy.feed(MS, S, TurnHint.FINISHED).move is Move.COMMIT
    run(policy, [S] * 30 + [V] * 9 + [S] * 12)
    policy.hint(TurnHint.UNFINISHED)
    assert moves(policy, [S] * 20) == []


def test_an_end_may_be_due_before_the_next_frame() -> None:
    policy = EndpointPolicy(EARLY)
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
    policy = EndpointPolicy(EARLY)
    run(policy, [V] * 9 + [S] * 4 + [V] * 9)
    policy.hint(TurnHint.FINISHED, 1)  # while the voice goes on
    ((_, decision),) = run(policy, [S] * 3)
    assert decision.revision == 2
    policy.hint(TurnHint.FINISHED, 1)
    assert policy.delay_ms == policy.base_ms + 250
    policy.hint(TurnHint.FINISHED, 2)
    assert policy.delay_ms == policy.base_ms


def test_what_a_decision_reports() -> None:
    decisions = [
        decision for _, decision in run(EndpointPolicy(EARLY), [S] * 10 + [V] * 9 + [S] * 4 + [V] * 5 + [S] * 16)
    ]
    assert [(d.move.value, d.start_ms, d.last_voiced_ms, d.revision) for d in decisions] == [
        ("voice_start", 320, 384, 0),
        ("provisional_end", 320, 608, 1),
        ("resumed", 320, 800, 1),
        ("provisional_end", 320, 896, 2),
        ("commit", 320, 896, 2),
    ]


@early_or_late
def test_no_delay_is_longer_than_the_cap(settings: EndpointSettings) -> None:
    policy = EndpointPolicy(replace(settings, initial_ms=700, unfinished_ms=5000))
    run(policy, [V] * 9 + [S] * 3)
    policy.hint(TurnHint.UNFINISHED)
    ((index, decision),) = run(policy, ([S] * 9 + [V]) * 20)  # with clicks
    assert decision.move is Move.COMMIT
    assert 2000 <= (3 + index + 1) * MS <= 2000 + 2 * MS


def test_an_endless_voice_is_cut_and_goes_on_as_another_turn() -> None:
    policy = EndpointPolicy(replace(EARLY, longest_ms=1024))
    assert moves(policy, [V] * 40) == [(1, "voice_start"), (31, "too_long"), (33, "voice_start")]


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([V] * 15 + [S] * 3, ["provisional_end", "too_long"]),
        ([V] * 10 + [S] * 4 + [V] * 3, ["provisional_end", "resumed", "too_long"]),
        ([V] * 8 + [S] * 8, ["provisional_end", "commit"]),
    ],
)
def test_what_comes_together_with_the_longest_turn_is_told_too(frames: list[float], told: list[str]) -> None:
    policy = EndpointPolicy(replace(EARLY, longest_ms=512, initial_ms=0, unsure_ms=0))
    assert [move for _, move in moves(policy, frames)] == ["voice_start", *told]


@early_or_late
def test_pauses_move_the_delay_between_floor_and_ceiling(settings: EndpointSettings) -> None:
    slow, quick = EndpointPolicy(settings), EndpointPolicy(settings)
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


@pytest.mark.parametrize("gap", [[S], [F], [S, S], [S, F, S], [F, F, F, F, F, S]])
def test_what_is_shorter_than_a_pause_teaches_nothing(gap: list[float]) -> None:
    policy = EndpointPolicy(EARLY)
    assert "resumed" in {move for _, move in moves(policy, ([V] * 9 + gap) * 40)}
    assert policy.base_ms == 250


def test_a_voice_right_after_the_end_teaches_to_wait_and_right_ends_forget_it() -> None:
    policy = EndpointPolicy(EARLY)
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
    policy = EndpointPolicy(EARLY)
    run(policy, [V] * 9 + [S] * 16 + [S] * 40 + [V] * 9)
    assert policy.base_ms == 250


def test_push_to_talk_ends_on_release_alone() -> None:
    policy = EndpointPolicy(EARLY, hold=True)
    assert moves(policy, [V] * 9 + [S] * 300) == [(1, "voice_start"), (9, "provisional_end")]
    released = policy.release()
    assert (released.move, released.last_voiced_ms, released.revision) == (Move.COMMIT, 288, 1)
    assert policy.release().move is Move.NONE
    assert moves(policy, [V] * 2) == [(1, "voice_start")]
    assert policy.release().move is Move.COMMIT  # however short: the key says that it was meant


def test_release_in_open_mic() -> None:
    policy = EndpointPolicy(EARLY)
    run(policy, [V] * 3)
    assert policy.release().move is Move.NOISE
    run(policy, [V] * 9)
    assert policy.release().move is Move.COMMIT


@given(any_frames, any_doubt, st.booleans())
def test_decisions_come_in_order(frames: list[float], settings: EndpointSettings, hold: bool) -> None:
    policy = EndpointPolicy(replace(settings, longest_ms=4000), hold=hold)
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


@given(any_frames, any_doubt, st.booleans())
def test_what_is_prepared_early_does_not_move_the_end(
    frames: list[float], settings: EndpointSettings, hold: bool
) -> None:
    """A turn begins and ends at the same frames, and teaches the same, whenever its reply is prepared."""
    late = replace(settings, doubt=LATE.doubt, provisional_ms=LATE.provisional_ms)
    policies = EndpointPolicy(settings, hold=hold), EndpointPolicy(late, hold=hold)
    found, expected = (
        [
            (index, decision.move, decision.start_ms, decision.last_voiced_ms)
            for index, decision in run(policy, frames)
            if decision.move not in (Move.PROVISIONAL_END, Move.RESUMED)
        ]
        for policy in policies
    )
    assert found == expected
    assert policies[0].base_ms == policies[1].base_ms


@given(any_frames, any_doubt)
def test_a_turn_ends_and_a_noise_is_dropped_after_silence_alone(
    frames: list[float], settings: EndpointSettings
) -> None:
    for index, decision in run(EndpointPolicy(settings), frames):
        if decision.move in (Move.COMMIT, Move.NOISE):
            last = int(decision.last_voiced_ms / MS)
            assert frames[last - 1] >= settings.leave
            assert (index + 1 - last) * MS >= settings.floor_ms
            silence = frames[last : index + 1]
            longest = max(len(run) for run in "".join("v" if p >= settings.enter else "s" for p in silence).split("s"))
            assert longest < 2  # clicks
            if decision.move is Move.NOISE:
                assert max(silence) < settings.leave


@given(any_frames, any_doubt, st.booleans())
def test_hardly_a_word_is_missing_from_what_was_prepared(
    frames: list[float], settings: EndpointSettings, hold: bool
) -> None:
    prepared = 0
    for index, decision in run(EndpointPolicy(settings, hold=hold), frames):
        if decision.move is Move.PROVISIONAL_END:
            prepared = index + 1
        elif decision.move is Move.COMMIT:
            last = int(decision.last_voiced_ms / MS)
            assert sum(p >= settings.leave for p in frames[prepared:last]) * MS < settings.least_ms
