"""Goals: what starts them, what holds them back, what they do, and what of them is saved."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from npc_runtime.character.goal_state import GoalState, Moment, Started
from npc_runtime.character.goals import MAX_CASCADE, Firing, Goals, Line, Occurrence
from npc_runtime.content.conditions import Axis
from npc_runtime.content.goal import Goal
from npc_runtime.errors import InputError


@dataclass(frozen=True)
class World:
    trust: float = 0.0
    done: frozenset[str] = field(default_factory=frozenset)

    def standing(self, axis: Axis) -> float:
        return self.trust if axis == "trust" else 0.0

    def in_scene(self, name: str) -> bool:
        return name == "forge"

    def is_done(self, name: str) -> bool:
        return name in self.done


HERE, NOW = World(), Moment(clock=100.0)


def goal(id: str, when: dict[str, Any], *do: dict[str, Any], **more: Any) -> Goal:
    return Goal.model_validate({"id": id, "when": when, "do": list(do) or [{"say": f"This is {id}."}], **more})


def started(goals: Goals, happening: Line | Occurrence, world: World = HERE, state: GoalState | None = None) -> str:
    firing = goals.triggered(happening, world, state or GoalState(), NOW)
    return firing.goal if firing else ""


TRADE = goal("trade", {"intent": ["I want to buy a sword", "show me your wares"]}, require=["trust >= -0.5"])
SECRET = goal("secret", {"keyword": ["nightbell"]}, require=["trust < 0.5"])
CONFESS = goal("confess", {"keyword": ["nightbell"]}, require=["trust >= 0.5"])
DEED = goal("deed", {"event": "deed_bought"}, require=["done(trade)"])


def test_each_kind_of_trigger() -> None:
    goals = Goals([TRADE, SECRET, CONFESS, goal("flood", {"event": "flood"})], "en")
    assert started(goals, Line("I would like to buy a dagger")) == "trade"
    assert started(goals, Line("What about the Nightbell?")) == "secret"
    assert started(goals, Line("What about the Nightbell?"), World(trust=0.6)) == "confess"
    assert started(goals, Occurrence("flood")) == "flood"
    assert started(goals, Occurrence("nightbell")) == ""
    assert started(goals, Line("flood")) == ""


def test_conditions_hold_a_goal_back() -> None:
    goals = Goals([TRADE, DEED], "en")
    assert started(goals, Line("show me your wares"), World(trust=-0.6)) == ""
    assert started(goals, Occurrence("deed_bought")) == ""
    assert started(goals, Occurrence("deed_bought"), World(done=frozenset({"trade"}))) == "deed"
    assert started(goals, Occurrence("deed_bought"), state=GoalState().start("trade", NOW)) == "deed"


def test_a_goal_starts_once_unless_it_is_repeatable() -> None:
    once = Goals([TRADE], "en")
    again = Goals([TRADE.model_copy(update={"repeatable": True})], "en")
    state = GoalState().start("trade", NOW)
    assert started(once, Line("show me your wares"), state=state) == ""
    assert started(again, Line("show me your wares"), state=state) == "trade"
    assert started(once, Line("show me your wares"), World(done=frozenset({"trade"}))) == ""


@pytest.mark.parametrize(
    ("last", "now", "left"),
    [
        (Moment(100, None), Moment(110, None), 20),
        (Moment(100, None), Moment(130, None), 0),
        (Moment(100, 50), Moment(500, 60), 20),
        (Moment(100, 50), Moment(101, 90), 0),
        (Moment(100, 50), Moment(110, None), 20),
        (Moment(100, 50), Moment(110, 40), 0),
        (Moment(100, None), Moment(0, None), 0),
    ],
)
def test_cooldowns_go_by_game_time_where_there_is_one(last: Moment, now: Moment, left: float) -> None:
    state = GoalState().start("trade", last)
    assert state.remaining("trade", 30, now) == left
    assert state.remaining("other", 30, now) == 0


def test_a_goal_that_cools_down_does_not_start() -> None:
    goals = Goals([TRADE.model_copy(update={"repeatable": True, "cooldown": 30.0})], "en")
    state = GoalState().start("trade", Moment(clock=90.0))
    assert started(goals, Line("show me your wares"), state=state) == ""
    assert started(goals, Line("show me your wares"), state=GoalState().start("trade", Moment(clock=60.0))) == "trade"


def test_of_several_the_surest_starts_and_of_equals_the_first() -> None:
    buy = goal("buy", {"intent": ["I want to buy a sword"]})
    word = goal("word", {"keyword": ["sword"]})
    assert started(Goals([buy, word], "en"), Line("could I purchase a sword")) == "word"
    assert started(Goals([buy, word], "en"), Line("I want to buy a sword")) == "buy"
    assert started(Goals([word, buy], "en"), Line("I want to buy a sword")) == "word"


def test_a_goal_far_behind_does_not_take_the_place_of_one_that_cannot_start() -> None:
    mend = goal("mend", {"intent": ["can you mend my sword", "my sword is broken"]}, require=["trust > 0.9"])
    goals = Goals([mend, TRADE], "en")
    assert started(goals, Line("could you please mend my broken sword")) == ""


def test_what_a_goal_does() -> None:
    steps: list[dict[str, Any]] = [
        {"emotion": {"label": "joy", "intensity": 0.4}},
        {"say": "Welcome."},
        {"instruct": "Name a price."},
        {"action": "open_trade"},
        {"relate": {"trust": 0.05}},
        {"event": "shop_opened"},
        {"event": {"name": "bell", "params": {"times": 2, "loud": True, "who": "Nell"}}},
        {"done": "met_nell"},
    ]
    firing = Goals([goal("trade", {"event": "come"}, *steps)], "en").triggered(
        Occurrence("come"), HERE, GoalState(), NOW
    )
    assert firing is not None
    assert (firing.lines, firing.instructions, firing.actions) == (("Welcome.",), ("Name a price.",), ("open_trade",))
    assert [(one.label, one.intensity) for one in firing.feelings] == [("joy", 0.4)]
    assert [one.trust for one in firing.relations] == [0.05]
    assert [(one.name, dict(one.params)) for one in firing.events] == [
        ("shop_opened", {}),
        ("bell", {"times": 2, "loud": True, "who": "Nell"}),
    ]
    assert firing.state.done == {"trade", "met_nell"}
    assert firing.state.started["trade"] == Started(1, 100.0)


def test_the_model_is_only_asked_when_it_is_told_something() -> None:
    def verbatim(*do: dict[str, Any]) -> bool:
        firing = Goals([goal("one", {"event": "come"}, *do)], "en").triggered(
            Occurrence("come"), HERE, GoalState(), NOW
        )
        assert firing is not None
        return firing.verbatim

    assert verbatim({"say": "Out."}, {"action": "attack"})
    assert not verbatim({"say": "Hm."}, {"instruct": "Be brief."})
    assert not verbatim({"action": "attack"})


@pytest.mark.parametrize(
    "step",
    [
        {"event": "Not An Id"},
        {"event": {"name": "bell", "params": {"deep": {"a": 1}}}},
        {"event": {"name": "bell", "params": {"text": "x" * 301}}},
        {"event": {"name": "bell", "params": {f"p{n}": 1 for n in range(33)}}},
        {"event": {"params": {}}},
        {"done": "two words"},
        {"done": "one", "event": "two"},
    ],
)
def test_steps_that_are_refused(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        goal("one", {"event": "come"}, step)


def chain(length: int) -> list[Goal]:
    """Goals of which each starts the next, and the last the first."""
    return [
        goal(f"g{n}", {"event": f"e{n}"}, {"event": f"e{(n + 1) % length}"}, repeatable=True) for n in range(length)
    ]


def ids(firings: tuple[Firing, ...]) -> list[str]:
    return [firing.goal for firing in firings]


def test_events_of_goals_start_others_and_never_for_ever() -> None:
    few = Goals(chain(3), "en").cascade(Occurrence("e0"), HERE, GoalState(), NOW)
    assert ids(few) == ["g0", "g1", "g2"]
    assert few[-1].state.done == {"g0", "g1", "g2"}
    assert len(Goals(chain(50), "en").cascade(Occurrence("e0"), HERE, GoalState(), NOW)) == MAX_CASCADE
    assert Goals(chain(3), "en").cascade(Occurrence("none"), HERE, GoalState(), NOW) == ()


_TIMES = st.floats(allow_nan=False, allow_infinity=False, width=64)
_IDS = st.from_regex(r"[a-z0-9_]{1,64}", fullmatch=True)
_STARTS = st.tuples(_IDS, _TIMES, st.none() | _TIMES, st.lists(_IDS, max_size=3))


@given(st.lists(_STARTS, max_size=6))
def test_a_state_comes_back_exactly(starts: list[tuple[str, float, float | None, list[str]]]) -> None:
    state = GoalState()
    for id, clock, game, marks in starts:
        state = state.start(id, Moment(clock, game), marks)
    assert GoalState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"done": []},
        {"done": ["Not An Id"], "started": {}},
        {"done": [], "started": {"one": {"count": 0, "clock": 1.0}}},
        {"done": [], "started": {"one": {"count": 1, "clock": float("nan")}}},
        {"done": ["x"] * 10_001, "started": {}},
    ],
)
def test_a_damaged_state_is_refused(data: object) -> None:
    with pytest.raises(InputError, match="saved state of the goals"):
        GoalState.from_json(data)


def test_states_do_not_change() -> None:
    state = GoalState().start("one", NOW)
    later = state.start("one", replace(NOW, clock=200.0))
    assert (state.started["one"].count, later.started["one"].count) == (1, 2)
