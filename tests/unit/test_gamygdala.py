"""Appraisal of goals: the vectors of the reference implementation, and what its model says beyond them.

`fixtures/gamygdala_vectors.json` holds what the reference implementation (github.com/broekens/gamygdala, MIT) gives for
the inputs below.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.character.gamygdala import Belief, Goal, Liking, Outcome, appraise, gained, pad_sum
from npc_runtime.character.occ import OccEmotion

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector
    for vector in json.loads(
        (Path(__file__).resolve().parents[1] / "fixtures" / "gamygdala_vectors.json").read_text(encoding="utf-8")
    )
}


@dataclass(frozen=True)
class Case:
    goals: tuple[Goal, ...]
    beliefs: tuple[Belief, ...]
    likings: tuple[Liking, ...] = ()


def goal(utility: float, *, name: str = "g", owner: str = "a", **more: Any) -> Goal:
    return Goal(name, owner, utility, **more)


def belief(likelihood: float, congruence: float, cause: str = "", *, name: str = "g", **more: Any) -> Belief:
    return Belief(likelihood, {name: congruence}, cause, **more)


CASES = {
    "blacksmith: village destroyed belief l=.6 (own case)": Case(
        (
            goal(-1, name="village destroyed", owner="blacksmith"),
            goal(0.7, name="to live", owner="blacksmith"),
            goal(1, name="village saved", owner="villager"),
        ),
        (belief(0.6, -1, "blacksmith", name="village destroyed"),),
        (Liking("blacksmith", "villager", 1),),
    ),
    "hope l=.5": Case((goal(1),), (belief(0.5, 1),)),
    "hope then joy+satisfaction": Case((goal(1),), (belief(0.5, 1), belief(1, 1))),
    "direct joy": Case((goal(0.8),), (belief(1, 1),)),
    "hope then blocked (l=1,c=-1)": Case((goal(0.8),), (belief(0.7, 1), belief(1, -1))),
    "anger: other blocks goal": Case(
        (goal(0.8),), (belief(1, -0.6, "b"),), (Liking("a", "b", 0.5), Liking("b", "a", 0.5))
    ),
    "gloating: disliked other suffers": Case((goal(1, owner="b"),), (belief(1, -0.8),), (Liking("a", "b", -0.5),)),
    "happy-for": Case((goal(1, owner="b"),), (belief(1, 0.4),), (Liking("a", "b", 0.7),)),
    "incremental": Case((goal(1),), (belief(0.3, 1, incremental=True),) * 2),
}
DEPARTURES: dict[str, dict[OccEmotion, float]] = {"hope then blocked (l=1,c=-1)": {"disappointment": 0.68}}
"""What the model finds and the reference cannot: a high hope that fails."""

Feelings = dict[str, dict[OccEmotion, float]]


def run(case: Case) -> tuple[Feelings, dict[tuple[str, str, OccEmotion], float], tuple[Goal, ...]]:
    """Intensities by character, by character and target, and the goals at the end; intensities add up."""
    goals = case.goals
    felt: Feelings = defaultdict(lambda: defaultdict(float))
    towards: dict[tuple[str, str, OccEmotion], float] = defaultdict(float)
    for event in case.beliefs:
        outcome = appraise(goals, event, case.likings)
        goals = outcome.goals
        for appraised in outcome.feelings:
            stimulus = appraised.stimulus
            emotion: Any = stimulus.feeling
            felt[appraised.who][emotion] += stimulus.intensity
            if stimulus.target:
                towards[appraised.who, stimulus.target, emotion] += stimulus.intensity
    return felt, towards, goals


def test_every_vector_has_a_case() -> None:
    assert set(CASES) == set(VECTORS)


@pytest.mark.parametrize("name", CASES)
def test_vector(name: str) -> None:
    vector = VECTORS[name]
    felt, towards, goals = run(CASES[name])
    for emotion, intensity in DEPARTURES.get(name, {}).items():
        assert felt["a"].pop(emotion) == pytest.approx(intensity)

    assert set(felt) <= set(vector["result"])
    for who, expected in vector["result"].items():
        found = felt.get(who, {})
        assert found == pytest.approx(dict(expected["emotions"]))
        assert {emotion: gained(value) for emotion, value in found.items()} == pytest.approx(
            dict(expected["gain"]), abs=6e-5
        )
        pad = pad_sum(found)
        assert pad == pytest.approx(expected["pad"], abs=1e-9)
        assert [gained(part) for part in pad] == pytest.approx(expected["padGain"], abs=6e-5)
        for whom, _, social in expected["rel"]:
            about = {emotion: value for (w, t, emotion), value in towards.items() if (w, t) == (who, whom)}
            assert about == pytest.approx(dict(social))
    assert [(known.name, known.utility) for known in goals] == [(name, utility) for name, utility, _ in vector["goals"]]
    assert [known.likelihood for known in goals] == pytest.approx([likelihood for *_, likelihood in vector["goals"]])


def own(outcome: Outcome, who: str = "a") -> dict[str, float]:
    return {str(stimulus.feeling): round(stimulus.intensity, 9) for stimulus in outcome.felt_by(who)}


@pytest.mark.parametrize(
    ("utility", "old", "congruence", "expected"),
    [
        (1, 0.9, -1, {"distress": 0.9, "disappointment": 0.9}),
        (1, 0.5, -1, {"distress": 0.5}),
        (1, 0.5, 1, {"joy": 0.5}),
        (1, 0.6, 1, {"joy": 0.4, "satisfaction": 0.4}),
        (-1, 0.9, -1, {"joy": 0.9, "relief": 0.9}),
        (-1, 0.5, -1, {"joy": 0.5}),
        (-1, 0.5, 1, {"distress": 0.5}),
        (-1, 0.8, 1, {"distress": 0.2, "fears-confirmed": 0.2}),
        (-1, 0.5, 0.4, {"fear": 0.2}),
        (1, 0.5, -0.4, {"fear": 0.2}),
        (-1, 0.5, -0.4, {"hope": 0.2}),
        (0, 0.5, 1, {}),
        (1, 0.5, 0, {}),
    ],
)
def test_what_the_owner_feels(utility: float, old: float, congruence: float, expected: dict[str, float]) -> None:
    assert own(appraise((goal(utility, likelihood=old),), belief(1, congruence))) == expected


def test_an_incremental_loss_ends_at_zero_and_hurts() -> None:
    outcome = appraise((goal(1, likelihood=0.3),), belief(1, -0.8, incremental=True))

    assert outcome.goals[0].likelihood == 0
    assert own(outcome) == {"distress": 0.3}


def test_tenths_add_up_to_certainty() -> None:
    goals: tuple[Goal, ...] = (goal(1, likelihood=0.0),)
    for _ in range(10):
        outcome = appraise(goals, belief(0.1, 1, incremental=True))
        goals = outcome.goals

    assert goals[0].likelihood == 1
    assert own(outcome) == pytest.approx({"joy": 0.1, "satisfaction": 0.1})


def test_what_is_achieved_stays_unless_it_must_be_kept_up() -> None:
    done = goal(1, likelihood=1.0)
    blow = belief(1, -1)

    assert appraise((done,), blow) == Outcome((done,), ())
    assert own(appraise((replace(done, maintenance=True),), blow)) == {"distress": 1.0, "disappointment": 1.0}


def test_the_causer_is_thanked_or_blamed_and_knows_what_it_did() -> None:
    likings = (Liking("b", "a", 0.5), Liking("c", "a", -0.5))

    helped = appraise((goal(1),), belief(1, 1, "b"), likings)
    harmed = appraise((goal(1),), belief(1, -1, "b"), likings)

    assert own(helped) == {"joy": 0.5, "gratitude": 0.5}
    assert own(helped, "b") == {"happy-for": 0.25, "gratification": 0.25}
    assert own(helped, "c") == {"resentment": 0.25}
    assert own(harmed) == {"distress": 0.5, "anger": 0.5}
    assert own(harmed, "b") == {"pity": 0.25, "remorse": 0.25}
    assert own(harmed, "c") == {"gloating": 0.25}
    anger = next(stimulus for stimulus in harmed.felt_by("a") if stimulus.feeling == "anger")
    assert (anger.cause, anger.target) == ("g", "b")


def test_nobody_is_angry_with_oneself() -> None:
    assert own(appraise((goal(1),), belief(1, -1, "a"), (Liking("a", "a", 1),))) == {"distress": 0.5}


UNIT = st.floats(0, 1)
SIGNED = st.floats(-1, 1)
ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(SIGNED, UNIT, UNIT, UNIT, SIGNED)
def test_a_friend_s_gain_mirrors_an_enemy_s_loss(
    utility: float, old: float, likelihood: float, like: float, congruence: float
) -> None:
    def others(sign: int) -> dict[str, float]:
        """One who likes and one who dislikes the owner of a goal that is wanted as much as the other is feared."""
        likings = (Liking("friend", "a", like), Liking("enemy", "a", -like))
        outcome = appraise(
            (goal(sign * utility, likelihood=old),), belief(likelihood, congruence, incremental=True), likings
        )
        return own(outcome, "friend") | own(outcome, "enemy")

    mirror = {"happy-for": "pity", "pity": "happy-for", "gloating": "resentment", "resentment": "gloating"}
    gain = others(1)

    assert {mirror[emotion]: intensity for emotion, intensity in gain.items()} == others(-1)
    assert len(set(gain.values())) <= 1


@given(st.permutations([("g", 1.0), ("h", -0.5), ("i", 0.3)]), st.permutations(["b", "c", "d"]))
def test_order_does_not_matter(order: list[tuple[str, float]], friends: list[str]) -> None:
    likings = tuple(Liking(who, "a", {"b": 0.5, "c": -1.0, "d": 0.1}[who]) for who in friends)
    event = Belief(0.7, {"g": 1, "h": 1, "i": -0.4}, "b")

    outcome = appraise([goal(utility, name=name) for name, utility in order], event, likings)

    assert {known.name: known.likelihood for known in outcome.goals} == pytest.approx({"g": 0.85, "h": 0.85, "i": 0.36})
    assert {(felt.who, felt.stimulus) for felt in outcome.feelings} == {
        (felt.who, felt.stimulus)
        for known in (goal(1.0, name="g"), goal(-0.5, name="h"), goal(0.3, name="i"))
        for felt in appraise((known,), event, likings).feelings
    }


@given(ANY, ANY, ANY, ANY, ANY, st.booleans(), st.booleans())
def test_nothing_leaves_its_bounds(
    utility: float, old: float, likelihood: float, congruence: float, like: float, incremental: bool, lasting: bool
) -> None:
    known = goal(utility, likelihood=old, maintenance=lasting)
    event = belief(likelihood, congruence, "b", incremental=incremental)

    outcome = appraise((known,), event, (Liking("b", "a", like),))

    assert 0 <= outcome.goals[0].likelihood <= 1
    assert all(0 <= felt.stimulus.intensity <= 1 for felt in outcome.feelings)


@given(st.floats(-1e6, 1e6), st.floats(0.1, 20))
def test_gain_is_bounded_odd_and_rising(value: float, gain: float) -> None:
    assert abs(gained(value, gain)) <= 1
    assert gained(-value, gain) == -gained(value, gain)
    assert gained(value + 1, gain) >= gained(value, gain)
