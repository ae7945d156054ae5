"""Anything in any order: random players and random engines, and what holds for them all."""

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import QUIET, VOICE, Ears, Mind, Mouth, Script, Step

from npc_runtime import events
from npc_runtime.errors import EngineError, InputError

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

DEEDS = 60


def ears(chance: random.Random) -> Ears:
    words: list[Step] = ["Mend my sword.", "Mend it and", "Why?", "", EngineError("deaf")]
    scripts = [(chance.choice([0.01, 0.2, 1.5]), chance.choice(words)) for _ in range(30)]
    return Ears(*scripts, partial=(chance.choice([0.05, 0.7]), "Mend"), unwinding=chance.choice([0.0, 0.03, 0.3]))


def mind(chance: random.Random) -> Mind:
    def reply() -> Script:
        pieces: list[Step] = [
            "[emotion joy weak] Good day. ",
            "Well, and so on it goes. ",
            "[action refuse_service]",
            "No!",
        ]
        pieces += [chance.choice([0.0, 0.3, 2.0]) for _ in range(3)]
        pieces += [EngineError("gone")] if chance.random() < 0.1 else []
        chance.shuffle(pieces)
        return pieces

    return Mind(*[reply() for _ in range(60)], (0.1, "Done."), unwinding=chance.choice([0.0, 0.03, 0.3]))


async def do_anything(game: "Game", chance: random.Random) -> None:
    deed = chance.choice(
        ["say", "say", "hush", "hush", "wait", "wait", "type", "interrupt", "listen", "stop", "turn", "leave"]
    )
    who = chance.choice(["brynja", "barnaby"])
    with suppress(InputError):
        match deed:
            case "say":
                game.level = VOICE
            case "hush":
                game.level = QUIET
            case "type":
                await game.type("What now?")
            case "interrupt":
                await game.interrupt()
            case "listen":
                await game.listen(chance.choice(["open_mic", "push_to_talk"]))
            case "stop":
                await game.hush()
            case "turn":
                await game.send("talk.start", character=who)
            case "leave":
                await game.send("talk.stop", character=who)
    game.speakers.stall(chance.random() < 0.1)
    await anyio.sleep(chance.choice([0.0, 0.02, 0.2, 0.7, 1.5]))


@pytest.mark.parametrize("seed", range(20))
async def test_anything_in_any_order(play: "Play", seed: int) -> None:
    chance = random.Random(seed)
    mouth = Mouth(chance.choice([0.01, 0.3]), chance.choice([0.0, 0.1, 0.4]), unwinding=chance.choice([0.0, 0.3]))
    async with play(ears=ears(chance), mind=mind(chance), mouth=mouth, reports=chance.random() < 0.5) as game:
        await game.listen()
        for _ in range(DEEDS):
            await do_anything(game, chance)
        game.level = QUIET
        game.speakers.stall(False)
        await game.send("talk.start", character="brynja")
        await game.listen()
        await anyio.sleep(120)
        assert not any(engine.busy for engine in game.engines)
        assert game.of(events.State)[-1].stage in ("idle", "attending", "listening")
        assert not any(error.code == "internal" for error in game.of(events.Error))
        await game.settle()
        await game.type("And then?")
        await game.until("heard And then?")
        await game.until("end done", "end failed")
    begun = [event.turn for event in game.of(events.TurnBegin)]
    assert [number for number, _ in game.finished] == begun == list(range(1, len(begun) + 1))
    assert "say Not now." not in game.lines()
