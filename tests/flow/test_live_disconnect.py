"""A game that vanishes, at whatever moment: the turn ends, every engine is free, and nothing is left behind."""

import gc
import warnings
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import HANG, VOICE, Ears, Mind, Mouth
from tests.flow.test_live_cancel import FREE, Stage, each_stage, mind, reached

from npc_runtime import events
from npc_runtime.outgoing import Outgoing

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio


def gone(game: "Game", at: float) -> None:
    """Check that a session that was left is over."""
    assert 0 <= game.left - at < FREE
    assert not any(engine.busy for engine in game.engines)


@each_stage
async def test_while_a_turn_is_made_or_played(play: "Play", stage: Stage) -> None:
    async with play(mind=mind(stage), mouth=stage.mouth(), reports=stage.reports) as game:
        since = await reached(game, stage)
        at = anyio.current_time()
    gone(game, at)
    assert game.lines(since, sound=True) == ["speech.stop"] * stage.sounds + ["end interrupted", "idle"]
    assert game.of(events.TurnEnd)[0].text == stage.text
    assert game.finished == [(1, "interrupted")]


@pytest.mark.parametrize(
    ("ears", "mind", "mouth"),
    [
        (Ears((HANG,)), Mind(), Mouth()),
        (Ears(), Mind((HANG,)), Mouth()),
        (Ears(), Mind(("[emotion joy weak] Good", HANG)), Mouth()),
        (Ears(), Mind(), Mouth(good=HANG)),
        (Ears((0.01, "Mend it.")), Mind((0.01, "Aye.")), Mouth(0.01)),
    ],
    ids=["decode", "prefill", "tokens", "clause", "everything ready"],
)
async def test_while_an_answer_is_prepared(play: "Play", ears: Ears, mind: Mind, mouth: Mouth) -> None:
    async with play(ears=ears, mind=mind, mouth=mouth) as game:
        await game.listen()
        await game.talk(800, 350)
        since = await game.settle()
        at = anyio.current_time()
    gone(game, at)
    assert game.lines(since) == []
    assert game.session.turns == 0
    assert game.finished == []


async def test_while_the_words_are_recognised(play: "Play") -> None:
    async with play(ears=Ears((HANG,))) as game:
        await game.listen()
        await game.talk(800, 1000)
        since = await game.settle()
        at = anyio.current_time()
    gone(game, at)
    assert game.lines(since) == ["idle"]


async def test_while_the_player_speaks(play: "Play") -> None:
    async with play(ears=Ears(partial=(HANG,))) as game:
        await game.listen()
        game.level = VOICE
        await anyio.sleep(2)
        since = await game.settle()
        assert game.ears.busy
        at = anyio.current_time()
    gone(game, at)
    assert game.lines(since) == []


@pytest.mark.parametrize("stage", ["begin", "joy weak", "piece", "audio"])
async def test_by_cancellation(play: "Play", stage: str) -> None:
    """A server that ends does not wait for its connections to say goodbye."""
    with anyio.CancelScope() as scope:
        async with play(mind=Mind((0.1, "[emotion joy weak]", 0.1, " Good day to you."))) as game:
            await game.type()
            await game.until(stage)
            at = anyio.current_time()
            scope.cancel()
            await anyio.sleep_forever()
    assert anyio.current_time() - at < FREE
    assert not any(engine.busy for engine in game.engines)
    assert game.finished == [(1, "interrupted")]


async def test_while_nothing_happens(play: "Play") -> None:
    async with play() as game:
        await anyio.sleep(5)
        at = anyio.current_time()
    assert game.left - at < 0.001
    assert game.lines() == ["attending"]


async def test_while_the_prompt_is_read(play: "Play") -> None:
    async with play(mind=Mind(warm=(HANG,))) as game:
        assert game.mind.busy
        at = anyio.current_time()
    gone(game, at)


async def test_the_engines_serve_the_next_player(play: "Play") -> None:
    ears, mind, mouth = Ears(), Mind((0.1, "Good day to you."), (0.1, "And to you.")), Mouth(day=HANG)
    async with play(ears=ears, mind=mind, mouth=mouth) as first:
        await first.type()
        await first.until("piece")
    async with play(ears=ears, mind=mind, mouth=mouth) as second:
        await second.type()
        await second.until("end done")
    assert "say And to you." in second.lines()
    assert second.mind.remembers() == []
    assert second.of(events.TurnBegin)[0].turn == 1


async def test_a_game_that_never_reads_is_given_up_and_may_leave(play: "Play") -> None:
    async with play() as game:
        game.reads = anyio.Event()
        for _ in range(700):
            await game.type()
            await anyio.sleep(0.3)
        at = anyio.current_time()
        game.reads.set()
    gone(game, at)
    assert game.refused == "The game does not take what it is sent."
    assert len(game.told) < 4200


async def test_a_session_that_is_over_leaves_nothing_open() -> None:
    outgoing = Outgoing()
    outgoing.put(events.State(character="brynja", stage="idle"))
    outgoing.close()
    assert len([event async for event in outgoing.stream()]) == 1
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del outgoing
        gc.collect()
    assert [str(warning.message) for warning in warned] == []
