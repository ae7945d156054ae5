"""What the player wants done and does not say all at once: the character asks, and remembers what was said."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.flow._scripted import Mind
from tests.flow._village import SmallMind, write

from npc_runtime import events
from npc_runtime.content.library import Library

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

FILES = {
    "characters/brynja.yaml": """
name: Nora Bell
persona: {summary: Serves coffee.}
goals:
  - id: order
    when: {intent: [I would like a coffee, "can I get a large latte, please", give me a drink]}
    do: [{action: order_drink}, {say: "Coming right up."}]
    repeatable: true
  - id: bell
    when: {keyword: [ring the bell]}
    do: [{action: ring}]
    repeatable: true
actions: [order_drink, ring]
safety: {violence: strict}
barks: {failed: ["Hm."], busy: ["Later."], refuse: ["None of that."]}
""",
    "actions/cafe.yaml": """
actions:
  order_drink:
    description: Make a drink for the player.
    args:
      drink: {type: enum, values: [latte, mocha, tea], description: "Which drink would you like?"}
      size: {type: enum, values: [small, large], default: small}
      sugars: {type: integer, min: 0, max: 9, required: false}
  ring: {description: Ring the bell.}
""",
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    write(tmp_path, FILES)
    library = Library.load([tmp_path])
    assert library.problems == ()
    return library


async def said(game: "Game", text: str) -> str:
    """Say something; returns the whole answer."""
    await game.settle()
    await game.send("player.text", text=text)
    await game.until("idle")
    ended: events.TurnEnd = game.of(events.TurnEnd)[-1]
    return ended.text


def done(game: "Game") -> list[tuple[str, dict[str, object]]]:
    return [(action.name, dict(action.args)) for action in game.of(events.Action)]


async def test_the_arguments_of_a_goals_action_are_in_the_players_words(play: "Play") -> None:
    async with play(mind=SmallMind()) as game:
        assert await said(game, "Give me a large mocha with two sugars, please.") == "Coming right up."
        assert done(game) == [("order_drink", {"drink": "mocha", "size": "large", "sugars": 2})]


async def test_what_is_missing_is_asked_for_and_what_was_said_is_remembered(play: "Play") -> None:
    async with play(mind=SmallMind()) as game:
        assert await said(game, "Give me a large drink.") == "Which drink would you like?"
        assert done(game) == []
        assert await said(game, "A latte, please.") == "Coming right up."
        assert done(game) == [("order_drink", {"drink": "latte", "size": "large"})]
        await said(game, "A tea.")  # nothing is wanted any more
        assert len(done(game)) == 1


async def test_a_larger_model_finds_words_for_the_question(play: "Play") -> None:
    asked = "[emotion neutral] Which one?"
    async with play(mind=Mind((0.1, asked))) as game:
        assert await said(game, "Give me a drink.") == "Which one?"
        assert "Which drink would you like?" in game.mind.requests[-1].messages[-1].text
        await said(game, "Tea.")
        assert done(game) == [("order_drink", {"drink": "tea", "size": "small"})]


async def test_who_talks_of_something_else_wants_it_no_more(play: "Play") -> None:
    async with play(mind=SmallMind()) as game:
        for other in ("Never mind.", "What a fine day it is in the mountains.", "Ring the bell!"):
            assert await said(game, "Give me a drink.") == "Which drink would you like?"
            await said(game, other)
            await said(game, "A latte, please.")
        assert done(game) == [("ring", {})]


async def test_who_hesitates_may_go_on(play: "Play") -> None:
    async with play(mind=SmallMind()) as game:
        await said(game, "Give me a drink.")
        await said(game, "Um, let me see.")
        assert await said(game, "The mocha.") == "Coming right up."
        assert done(game) == [("order_drink", {"drink": "mocha", "size": "small"})]


async def test_the_engine_is_certain_of_some_things_first(play: "Play") -> None:
    async with play(mind=SmallMind()) as game:
        await said(game, "Give me a drink.")
        assert await said(game, "A latte, or I will kill you and burn your corpse!") == "None of that."
        assert done(game) == []
