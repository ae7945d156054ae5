"""What the files of scenes say about events of the game."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._village import village

from npc_runtime import events
from npc_runtime.content.library import Library

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "mill.yaml").write_text(
        "place: Mill\n"
        "triggers:\n"
        "  - {event: thunder, tell: Lightning has struck the sails.}\n"
        "  - {event: owl, tell: An owl flew out of the loft., to: brynja}\n",
        encoding="utf-8",
    )
    return village(tmp_path)


async def knows(game: "Game", character: str, asked: str, fact: str) -> bool:
    await game.send("player.text", text=asked, to=character)
    await game.until("idle")
    return fact in game.mind.requests[-1].messages[-1].text


async def test_a_trigger_says_what_happened_where_it_belongs(play: "Play") -> None:
    async with play() as game:
        await game.send("scene", location="Mill", characters=[{"id": "brynja"}, {"id": "barnaby"}])
        await game.send("game.event", name="thunder")
        await anyio.sleep(1)
        fact = "Lightning has struck the sails."
        assert await knows(game, "brynja", "What did the lightning strike?", fact)
        assert await knows(game, "barnaby", "What did the lightning strike?", fact)


async def test_a_trigger_may_be_for_one_alone(play: "Play") -> None:
    async with play() as game:
        await game.send("scene", location="mill", characters=[{"id": "brynja"}, {"id": "barnaby"}])
        await game.send("game.event", name="owl")
        await anyio.sleep(1)
        assert await knows(game, "brynja", "Was there an owl in the loft?", "An owl flew out of the loft.")
        assert not await knows(game, "barnaby", "Was there an owl in the loft?", "An owl flew out of the loft.")


async def test_elsewhere_nothing_is_learnt(play: "Play") -> None:
    async with play() as game:
        await game.send("scene", location="Market", characters=[{"id": "brynja"}])
        await game.send("game.event", name="thunder")
        await anyio.sleep(1)
        assert not await knows(game, "brynja", "What did the lightning strike?", "Lightning has struck the sails.")


async def test_news_about_what_is_wanted_are_felt_and_held_against_who_brought_them(play: "Play") -> None:
    async with play() as game:
        bad = {"text": "The mine was sold.", "goal": "mine", "helps": -1, "by": "player"}
        await game.send("game.event", name="mine_sold", to="brynja", params=bad)
        await anyio.sleep(1)
        [felt] = game.of(events.Emotion)
        assert (felt.turn, felt.character, felt.cause) == (None, "brynja", "mine")
        assert felt.pad[0] < -0.2
        assert felt.relation.trust < 0.25 and felt.relation.affection < 0
        await game.send("game.event", name="mine_bought", to="brynja", params={"goal": "mine", "helps": 1})
        await anyio.sleep(1)
        assert game.of(events.Emotion)[-1].pad[0] > felt.pad[0]
