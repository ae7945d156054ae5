"""Orders: a goal is known by how something is asked for, and its action gets what is asked for."""

from functools import cache
from pathlib import Path

import pytest

from npc_runtime.actions.filling import fill
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.reducing import reduced
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import ValidAction, validate
from npc_runtime.character.goal_state import GoalState, Moment
from npc_runtime.character.goals import Goals, Line
from npc_runtime.character.nature import Natures
from npc_runtime.content.action import ActionDefinition, Argument
from npc_runtime.content.library import Library

BARISTA = Path(__file__).parents[1] / "data" / "barista"
LIBRARY = Library.load([BARISTA])
NORA = LIBRARY.character("nora")
[ORDER] = LIBRARY.actions_for(NORA)
ORDERS = [
    ("Could you do me a tall flat white with oat milk?", {"drink": "flat_white", "milk": "oat_milk"}),
    ("A twelve ounce drip coffee, dark roast", {"drink": "drip_coffee", "size": "12oz", "roast": "dark_roast"}),
    ("One cortado with a lot of brown sugar please", {"drink": "cortado", "sugar": "a_lot_of_brown_sugar"}),
    ("Get me a triple espresso, no sugar", {"drink": "espresso", "shots": "3", "sugar": "none"}),
    ("I want an extra large chai latte with a splash of soy milk",
     {"drink": "chai_latte", "size": "extra_large", "milk": "a_little_soy_milk"}),
    ("Can we get a regular filter coffee with cream and honey",
     {"drink": "filter_coffee", "size": "medium", "milk": "cream", "sugar": "honey"}),
    ("Let me get an iced americano with two shots", {"drink": "iced_americano", "shots": "2"}),
    ("A big hot chocolate would be lovely, thanks", {"drink": "hot_chocolate", "size": "large"}),
]  # fmt: skip


@cache
def goals() -> Goals:
    return Natures(LIBRARY, reduce=reduced).of(NORA).goals


def means(line: str) -> bool:
    return goals().triggered(Line(line), Situation(), GoalState(), Moment()) is not None


@pytest.mark.parametrize(("line", "expected"), ORDERS)
def test_an_order_in_other_words_than_the_examples(line: str, expected: dict[str, str]) -> None:
    assert means(line)
    values = fill(ORDER, line, "en", Situation())
    assert values == expected
    assert isinstance(validate("order_drink", values, [ORDER], Situation(), Ledger()), ValidAction)


def test_small_talk_is_no_order() -> None:
    lines = (BARISTA / "small_talk.txt").read_text(encoding="utf-8").splitlines()
    acted = [line for line in lines if means(line)]
    assert len(lines) == 30 and len(acted) <= 2, acted


@pytest.mark.parametrize(
    "line",
    [
        "I don't want a latte",
        "I never drink a mocha",
        "How was your espresso?",
        "The americano was too hot",
        "My latte is cold",
        "I love coffee",
        "What is in a mocha?",
        "Is there caffeine in tea?",
        "I had an espresso already",
        "Coffee keeps me awake",
        "Who invented the flat white?",
    ],
)
def test_naming_a_drink_is_no_order(line: str) -> None:
    assert not means(line)


def test_what_is_left_of_a_line() -> None:
    assert reduced(ORDER, "Can I get a light roast americano with two sugars?", "en") == "can i get xdrinkx with?"
    assert reduced(ORDER, "Can I get a large latte without milk?", "en-US") == "can i get xdrinkx?"
    assert reduced(ORDER, "I don't want a latte", "en") == "i not want xdrinkx"
    assert reduced(ORDER, "a large one with milk", "en") is None
    assert reduced(ORDER, "good morning", "en") is None


def test_without_what_must_be_told_nothing_changes() -> None:
    plain = ActionDefinition(name="order_drink", description="x", args={"size": Argument(type="integer")})
    assert reduced(plain, "give me two", "en") is None
    assert (
        Natures(LIBRARY)
        .of(NORA)
        .goals.triggered(Line("make me a medium roast americano"), Situation(), GoalState(), Moment())
    )
