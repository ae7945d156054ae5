"""Few actions for a small model, and of those only what the player has left open."""

import pytest

from npc_runtime.actions.plausible import narrowed, plausible
from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.llm.grammar import action_grammar

REPAIR = ActionOption(
    "repair_item",
    "Take an item to repair it for a price.",
    (
        ArgumentOption("item", "choice", ("iron_sword", "shield")),
        ArgumentOption("price", "integer", minimum=0, maximum=50),
        ArgumentOption("when", "choice", ("now", "tomorrow"), required=False, default="now"),
    ),
)
TRADE = ActionOption("open_trade", "Show the player what you sell.")
LEAVE = ActionOption("leave", "Walk away from the smithy.")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Can you repair my shield?", ["repair_item"]),
        ("Show me what you sell.", ["open_trade"]),
        ("It rains a lot.", []),
        ("Repair it, show me what you sell, or walk away.", ["leave", "open_trade"]),  # two at most
    ],
)
def test_what_shares_words_with_the_line_is_left(line: str, names: list[str]) -> None:
    assert sorted(option.name for option in plausible([REPAIR, TRADE, LEAVE], line)) == names


def test_of_an_action_only_what_was_named_and_what_must_be_given_is_left() -> None:
    [option] = plausible([REPAIR, LEAVE], "Can you repair my shield?")
    assert [(arg.name, arg.choices) for arg in option.args] == [("item", ("shield",)), ("price", ())]


def test_nobody_writes_what_the_player_has_said() -> None:
    option = narrowed(REPAIR, {"price": "20", "when": "tomorrow"})
    assert option.settled == {"price": "20", "when": "tomorrow"}
    certain, grammar = action_grammar([option])
    assert certain == "action repair_item item="
    assert "price" not in grammar and "when" not in grammar
    assert '"iron_sword"' in grammar


def test_an_action_of_which_all_is_said_leaves_nothing_to_write() -> None:
    option = narrowed(REPAIR, {"item": "shield", "price": "20", "when": "now"})
    assert action_grammar([option]) == ("action repair_item]", "")


def test_nothing_said_changes_nothing() -> None:
    assert narrowed(REPAIR, {}) == REPAIR
