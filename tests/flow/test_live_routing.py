"""Whom the player means, by name, gaze, distance and habit, in typed and in spoken words."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.flow._scripted import Ears
from tests.flow._village import village

from npc_runtime import events
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return village(tmp_path)


async def answered_by(game: "Game", text: str, **more: Any) -> str:
    """Write something; returns who was heard to be meant and answered."""
    await game.settle()
    await game.send("player.text", text=text, **more)
    await game.until("idle")
    return who(game)


def who(game: "Game") -> str:
    """Who answered last, which must be who was heard to be meant."""
    heard: events.Heard = game.of(events.Heard)[-1]
    begun: events.TurnBegin = game.of(events.TurnBegin)[-1]
    assert heard.to == begun.character
    return begun.character


async def test_a_name_wins_over_whom_the_player_turned_to(play: "Play") -> None:
    async with play() as game:
        assert await answered_by(game, "Barnaby, a word.") == "barnaby"
        assert await answered_by(game, "What a day.") == "brynja"
        assert await answered_by(game, "Barnaby told me a story.") == "brynja"


async def test_a_name_wins_in_spoken_words(play: "Play") -> None:
    async with play(ears=Ears((0.1, "Barnaby, a word."), (0.1, "What a day."))) as game:
        await game.listen()
        await game.talk(800)
        await game.until("end done")
        assert who(game) == "barnaby"
        await game.talk(800)
        await game.until("end done")
        assert who(game) == "brynja"


async def test_whom_the_game_names_wins_over_everything(play: "Play") -> None:
    async with play() as game:
        assert await answered_by(game, "Barnaby, a word.", to="Thora Vane") == "thora"
        with pytest.raises(InputError, match="no character 'nobody'"):
            await game.send("player.text", text="Hello.", to="nobody")


async def test_without_a_name_or_a_turn_gaze_counts_then_distance_then_habit(play: "Play") -> None:
    async with play(character="") as game:
        near, far = {"id": "brynja", "distance": 2}, {"id": "barnaby", "distance": 5}
        await game.send("scene", characters=[near, far | {"looking_at_player": True}])
        assert await answered_by(game, "What a day.") == "barnaby"
        await game.send("scene", characters=[near, far])
        assert await answered_by(game, "What a day.") == "brynja"
        await game.send("scene", characters=[{"id": "thora"}, {"id": "brynja"}])
        assert await answered_by(game, "What a day.") == "brynja"
        await game.send("scene", characters=[{"id": "thora"}, {"id": "barnaby"}])
        with pytest.raises(InputError) as refused:
            await game.send("player.text", text="What a day.")
        assert refused.value.code == "wrong_order"
        await game.send("scene", characters=[{"id": "thora"}])
        assert await answered_by(game, "What a day.") == "thora"


async def test_nobody_is_meant_where_nobody_is_known_to_be_there(play: "Play") -> None:
    async with play(character="") as game:
        with pytest.raises(InputError, match="Nobody is being talked to"):
            await game.send("player.text", text="What a day.")
        assert game.lines() == []


async def test_the_scene_says_to_whom_somebody_speaks_who_has_turned_to_nobody(play: "Play") -> None:
    async with play(ears=Ears((0.1, "What a day.")), character="") as game:
        with pytest.raises(InputError) as nobody:
            await game.listen()
        assert nobody.value.code == "wrong_order"
        await game.send("scene", characters=[{"id": "barnaby", "looking_at_player": True}, {"id": "brynja"}])
        await game.listen()
        await game.talk(800)
        await game.until("end done")
        assert who(game) == "barnaby"
        await game.send("scene", characters=[{"id": "barnaby", "distance": 6}, {"id": "brynja", "distance": 2}])
        await game.talk(800)
        await game.until("end done")
        assert who(game) == "brynja"
        await game.send("talk.start", character="barnaby")
        await game.talk(800)
        await game.until("end done")
        assert who(game) == "barnaby"
