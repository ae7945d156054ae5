"""Goals that cannot work, and conditions that cannot hold."""

from typing import Any

import pytest

from npc_runtime.character.goal_check import goal_mistakes
from npc_runtime.character.possible import can_hold
from npc_runtime.content.action import ActionDefinition, ActionPack
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.fields import Mistake
from npc_runtime.content.library import Library
from npc_runtime.resources import bundled

ACTIONS = {
    "wave": {"description": "Wave."},
    "never": {"description": "Not done.", "permission": "never"},
    "torn": {"description": "Not done.", "require": ["trust > 0.5", "trust < 0"]},
    "warm": {"description": "For friends.", "require": ["trust >= 0.5"]},
}


def definitions() -> dict[str, ActionDefinition]:
    pack = ActionPack.model_validate({"actions": ACTIONS})
    return {one.name: one for one in pack.definitions()}


def found(*goals: dict[str, Any]) -> list[Mistake]:
    written = [{"when": {"event": f"event_{n}"}, "do": [{"say": "Hm."}], **goal} for n, goal in enumerate(goals)]
    data = {"name": "A", "persona": {"summary": "B."}, "goals": written, "actions": list(ACTIONS)}
    return list(goal_mistakes(CharacterFile.model_validate(data), definitions()))


@pytest.mark.parametrize(
    ("conditions", "possible"),
    [
        ([], True),
        (["trust > 0.5", "trust < 0"], False),
        (["trust > 0.5 and trust < 0.50001"], True),
        (["trust > 1"], False),
        (["trust >= 1"], True),
        (["trust > respect", "respect > trust"], False),
        (["trust > respect", "respect > affection"], True),
        (["done(a)", "not done(a)"], False),
        (["done(a)", "not done(b)"], True),
        (["scene.has(forge)", "not scene.has(forge)"], False),
        (["trust >= high", "trust < middle"], False),
        (["trust == high"], True),
        (["time.hour > 22 or time.hour < 4"], True),
        (["time.hour > 22", "time.hour < 4"], False),
        (["time.hour >= 24"], False),
        (["time.day > 3", "time.day < 4"], False),
        (["time.day == 3"], True),
        (["mood.pleasure < 0", "mood.pleasure > 0"], False),
        (["has_met", "not has_met"], False),
        (["knows(dragon) and not knows(dragon)"], False),
    ],
)
def test_whether_conditions_can_hold_together(conditions: list[str], possible: bool) -> None:
    assert can_hold(conditions) is possible


def test_too_much_to_try_counts_as_possible() -> None:
    many = [" and ".join(f"done({name}{n})" for n in range(9)) for name in "ab"]
    assert can_hold([*many, "not done(a0)"])


def test_goals_in_order_have_no_mistakes() -> None:
    goals: list[dict[str, Any]] = [
        {"id": "one", "require": ["not done(two)"], "do": [{"done": "stage"}, {"action": "wave"}]},
        {"id": "two", "require": ["done(one)", "done(stage)", "done(wave)"]},
        {"id": "three", "when": {"keyword": "bell"}, "require": ["trust < 0.5"], "repeatable": True},
        {"id": "four", "when": {"keyword": "bell"}, "require": ["trust >= 0.5"], "do": [{"action": "warm"}]},
    ]
    assert found(*goals) == []


@pytest.mark.parametrize(
    ("goals", "at", "words"),
    [
        ([{"id": "a", "require": ["trust > 0.5", "trust < 0"]}], ("goals", 0, "require"), "contradict"),
        ([{"id": "a", "require": ["done(b)"]}, {"id": "b", "require": ["done(a)"]}], ("goals", 0, "require"), "`b`"),
        ([{"id": "a", "require": ["done(a)"]}], ("goals", 0, "require"), "waits for itself"),
        ([{"id": "banish", "require": ["not done(banihs)"]}], ("goals", 0, "require", 0), "ever does `banihs`"),
        ([{"id": "a", "do": [{"action": "never"}]}], ("goals", 0, "do", 0, "action"), "never permitted"),
        ([{"id": "a", "do": [{"action": "torn"}]}], ("goals", 0, "do", 0, "action"), "never possible: its conditions"),
        ([{"id": "a", "require": ["trust > 1"]}], ("goals", 0, "require"), "its condition can never be true"),
        (
            [{"id": "a", "require": ["trust < 0"], "do": [{"say": "Hm."}, {"action": "warm"}]}],
            ("goals", 0, "do", 1, "action"),
            "exclude each other",
        ),
    ],
)
def test_goals_that_cannot_start_or_do_nothing(
    goals: list[dict[str, Any]], at: tuple[str | int, ...], words: str
) -> None:
    mistakes = found(*goals)
    assert mistakes[0].at == at
    assert words in mistakes[0].message


def test_a_goal_behind_one_that_cannot_start_cannot_start_either() -> None:
    mistakes = found(
        {"id": "a", "require": ["trust > 0.5", "trust < 0"]}, {"id": "b", "require": ["done(a)"]}, {"id": "c"}
    )
    assert [mistake.at for mistake in mistakes] == [("goals", 0, "require"), ("goals", 1, "require")]


def test_goals_that_start_one_another_for_ever() -> None:
    def ring(**more: Any) -> list[dict[str, Any]]:
        return [
            {"id": "a", "when": {"event": "x"}, "do": [{"event": "y"}], "repeatable": True},
            {"id": "b", "when": {"event": "y"}, "do": [{"event": "x"}], "repeatable": True, **more},
        ]

    assert [mistake.message for mistake in found(*ring())] == [
        "these goals start one another for ever: `a` → `b` → `a`"
    ]
    assert found(*ring(cooldown="5s")) == []
    assert found(*ring(repeatable=False)) == []


def said(id: str, *, repeatable: bool = True, require: str = "trust > -2", **when: Any) -> dict[str, Any]:
    return {"id": id, "when": when, "repeatable": repeatable, "require": [require]}


@pytest.mark.parametrize(
    ("goals", "at"),
    [
        ([said("a", intent=["buy a sword"]), said("b", intent=["Buy a sword!"])], ("goals", 1, "when", "intent", 0)),
        ([said("a", keyword="sword"), said("b", intent=["hello", "buy a sword"])], ("goals", 1, "when", "intent", 1)),
        ([said("a", intent=["buy a sword"]), said("b", keyword="sword")], ("goals", 0, "when", "intent", 0)),
        ([said("a", keyword="bell"), said("b", keyword="the bell")], ("goals", 1, "when", "keyword", 0)),
    ],
)
def test_goals_that_hide_others(goals: list[dict[str, Any]], at: tuple[str | int, ...]) -> None:
    assert [mistake.at for mistake in found(*goals)] == [at]


@pytest.mark.parametrize(
    "goals",
    [
        [
            said("a", intent=["buy a sword"], require="trust > 0"),
            said("b", intent=["buy a sword"], require="trust <= 0"),
        ],
        [said("a", intent=["buy a sword"], repeatable=False), said("b", intent=["buy a sword"])],
        [said("a", intent=["buy a sword"]), said("b", intent=["sell my sword"])],
    ],
)
def test_goals_that_leave_each_other_room(goals: list[dict[str, Any]]) -> None:
    assert found(*goals) == []


def test_a_goal_that_cannot_start_hides_nothing() -> None:
    waiting = {**said("a", keyword="bell"), "require": ["done(a)"]}
    assert [mistake.at for mistake in found(waiting, said("b", keyword="bell"))] == [("goals", 0, "require")]


def test_the_bundled_characters_have_goals_that_work() -> None:
    library = Library.load([bundled()])
    actions = {one.name: one for one in library.actions}
    assert library.characters()
    for character in library.characters():
        assert goal_mistakes(character, actions) == ()
