"""What holds for any temperament, any feelings and any time."""

import json
import random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from npc_runtime.character.affect import MOST, Affect, Stimulus, Temperament
from npc_runtime.character.emotion import resting_pad
from npc_runtime.character.occ import OCC_EMOTIONS, FeelingName
from npc_runtime.content.character import Traits
from npc_runtime.events import EMOTION_LABELS

FEELINGS: tuple[FeelingName, ...] = (*EMOTION_LABELS, *OCC_EMOTIONS)
UNIT = st.floats(0, 1)
SIGNED = st.floats(-1, 1)
PADS = st.tuples(SIGNED, SIGNED, SIGNED)
TEMPERAMENTS = st.builds(Temperament, PADS, UNIT, SIGNED, SIGNED)
STIMULI = st.builds(
    Stimulus,
    st.sampled_from(FEELINGS),
    st.floats(allow_nan=True, allow_infinity=True) | UNIT,
    st.sampled_from(["", "an insult", "the flood"]),
    st.sampled_from(["", "player", "orla"]),
    st.booleans(),
)
EVENTS = st.lists(st.lists(STIMULI, max_size=6) | st.floats(0, 4000), max_size=12)
STATES = st.builds(
    lambda temperament, mood, stimuli, seconds: Affect(temperament, mood).felt_all(stimuli).after(seconds),
    TEMPERAMENTS,
    PADS,
    st.lists(STIMULI, max_size=6),
    st.floats(0, 100),
)


def follow(state: Affect, events: list[Any]) -> Affect:
    for event in events:
        state = state.felt_all(event) if isinstance(event, list) else state.after(event)
    return state


def numbers(state: Affect) -> list[float]:
    return [*state.mood, *(felt.intensity for felt in state.emotions)]


@given(STATES, st.lists(st.floats(0, 500), min_size=2, max_size=12))
def test_decay_does_not_depend_on_the_steps(state: Affect, steps: list[float]) -> None:
    stepped = follow(state, list(steps))
    at_once = state.after(sum(steps))

    assert numbers(stepped) == pytest.approx(numbers(at_once), abs=1e-9, rel=0)
    assert [felt.feeling for felt in stepped.emotions] == [felt.feeling for felt in at_once.emotions]


@given(STATES, st.floats(0.001, 1000))
def test_everything_returns_to_rest(state: Affect, seconds: float) -> None:
    rest = state.temperament.rest
    later = state.after(seconds)

    assert all(abs(a - r) <= abs(b - r) for a, b, r in zip(later.mood, state.mood, rest, strict=True))
    assert state.after(1e9) == Affect.resting(state.temperament)
    assert state.after(1e9).dominant.label == "neutral"


@given(STATES, st.data())
def test_what_happens_at_once_has_no_order(state: Affect, data: st.DataObject) -> None:
    stimuli = data.draw(st.lists(STIMULI, max_size=20))
    shuffled = data.draw(st.permutations(stimuli))

    assert state.felt_all(shuffled) == state.felt_all(stimuli)


@given(STATES, EVENTS)
def test_nothing_leaves_its_bounds(state: Affect, events: list[Any]) -> None:
    state = follow(state, events)

    assert all(-1 <= part <= 1 for part in (*state.mood, *state.pad, *state.tone))
    assert all(0 < felt.intensity <= 1 for felt in state.emotions)
    assert len(state.emotions) <= MOST
    assert len({(felt.feeling, felt.target) for felt in state.emotions}) == len(state.emotions)
    assert 0 <= state.dominant.intensity <= 1 and state.dominant.label in EMOTION_LABELS


@given(STATES, EVENTS)
def test_saving_changes_nothing(state: Affect, events: list[Any]) -> None:
    state = follow(state, events)

    saved = json.loads(json.dumps(state.as_json(), allow_nan=False))

    assert Affect.from_json(saved, state.temperament) == state


@given(STATES, st.sampled_from(FEELINGS), UNIT, UNIT)
def test_more_is_felt_as_more(state: Affect, feeling: FeelingName, one: float, other: float) -> None:
    weaker, stronger = sorted((one, other))

    def held(intensity: float) -> float:
        after = state.felt(Stimulus(feeling, intensity, as_is=True))
        return sum(felt.intensity for felt in after.emotions if (felt.feeling, felt.target) == (feeling, ""))

    assert held(stronger) >= held(weaker)


@given(PADS.map(lambda pad: Temperament(pad)), st.sampled_from(["joy", "affection", "gloating"]), UNIT)
def test_what_is_pleasant_never_spoils_the_mood(temperament: Temperament, feeling: Any, intensity: float) -> None:
    calm = Affect.resting(temperament)
    assert calm.felt(Stimulus(feeling, intensity)).mood[0] >= calm.mood[0]


@given(SIGNED, SIGNED, SIGNED, SIGNED, SIGNED, SIGNED)
def test_neuroticism_rests_lower_and_more_aroused(o: float, c: float, e: float, a: float, n: float, m: float) -> None:
    assume(abs(n - m) > 1e-6)
    calm, nervous = (
        resting_pad(Traits(openness=o, conscientiousness=c, extraversion=e, agreeableness=a, neuroticism=value))
        for value in sorted((n, m))
    )

    assert nervous[0] < calm[0]
    assert nervous[1] > calm[1] or nervous[1] == 1
    assert nervous[2] == calm[2]


@given(SIGNED, SIGNED, st.sampled_from(["anger", "fear", "sadness", "shame"]), st.floats(0.1, 0.6))
def test_neuroticism_feels_what_hurts_more(n: float, m: float, feeling: Any, intensity: float) -> None:
    def felt(neuroticism: float) -> float:
        return (
            Affect.resting(Temperament(neuroticism=neuroticism)).felt(Stimulus(feeling, intensity)).dominant.intensity
        )

    assert felt(max(n, m)) >= felt(min(n, m))


def test_ten_thousand_events_again_give_the_identical_state() -> None:
    dice = random.Random(4)
    events: list[Any] = []
    for number in range(10_000):
        if dice.random() < 0.5:
            events.append(dice.expovariate(1 / 20))
            continue
        feelings = dice.choices(FEELINGS, k=dice.randint(1, 4))
        target = f"p{number % 7}"
        events.append([Stimulus(feeling, dice.random(), f"event {number}", target) for feeling in feelings])
    temperament = Temperament((-0.3, 0.1, 0.2), 0.6, -0.4, 0.5)
    first = follow(Affect.resting(temperament), events)

    again = Affect.resting(temperament)
    for start in range(0, len(events), 500):  # a game that is saved and loaded twenty times
        again = follow(again, events[start : start + 500])
        again = Affect.from_json(json.loads(json.dumps(again.as_json())), temperament)

    assert again == first
    assert first.emotions and len(first.emotions) <= MOST
