"""Many turns and several players: sessions do not mix, and nothing grows with their number."""

import asyncio
import gc
import tracemalloc
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import HANG, REPLY, Ears, Mind, Mouth, Script
from tests.flow.conftest import new_house

from npc_runtime import events
from npc_runtime.llm.backend import Completion
from npc_runtime.performance import Performance
from npc_runtime.trace import Trace
from npc_runtime.turn import Turn

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio


class Parrot(Mind):
    """Says what it is told."""

    def script(self, request: Completion) -> Script:
        return 0.1, f"[emotion joy weak] {request.messages[-1].text.splitlines()[-1]}"


async def test_two_sessions_do_not_mix(play: "Play") -> None:
    house, ears, mind, mouth = new_house(), Ears(), Parrot(), Mouth()

    async def chat(game: "Game", name: str, pause: float) -> None:
        for number in range(8):
            await game.type(f"{name} {number}.")
            await (anyio.sleep(pause) if number % 3 == 2 else game.until("end done"))

    async with (
        play(house=house, ears=ears, mind=mind, mouth=mouth) as one,
        play(house=house, ears=ears, mind=mind, mouth=mouth) as two,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(chat, one, "Ash", 0.3)
        tasks.start_soon(chat, two, "Birch", 0.4)
    for game, other in ((one, "Birch"), (two, "Ash")):
        assert [event.turn for event in game.of(events.TurnBegin)] == list(range(1, 9))
        assert not any(other in text for text in game.lines())
        assert game.lines().count("end done") == 6 and game.lines().count("end interrupted") == 2
    for request in mind.requests:
        names = {name for name in ("Ash", "Birch") for message in request.messages[1:] if name in message.text}
        assert len(names) == 1


async def test_a_session_that_hangs_does_not_keep_others_from_talking(play: "Play") -> None:
    house = new_house(places=2)
    async with play(house=house, mind=Mind((HANG,))) as one, play(house=house) as two:
        await one.type()
        for _ in range(3):
            await two.type()
            await two.until("say Good day to you.")
            await two.until("end done")
        assert one.lines()[-1] == "begin"


async def test_hundreds_of_turns_leave_nothing_behind(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Mend it."))) as game:

        async def turns(count: int) -> int:
            for number in range(count):
                if number % 20 < 2:
                    await game.listen("push_to_talk" if number % 40 > 20 else "open_mic")
                    await game.talk(*([400, 200, 400] if number % 20 else [400]))
                    await game.hush()
                else:
                    await game.type()
                if number % 3:
                    await game.until("end done")
                else:
                    await anyio.sleep(0.4)
                    await game.interrupt()
                if number < count - 1:
                    game.forget()
            await anyio.sleep(1)
            kept = len(game.mind.remembers())
            game.forget()
            return kept

        await turns(100)
        tasks, things = len(asyncio.all_tasks()), _things()
        tracemalloc.start()
        try:
            await turns(40)
            before = _held()
            assert 0 < await turns(300) < 200
            assert _held() - before < 30_000  # 100 bytes a turn: bounded caches of words fill up
        finally:
            tracemalloc.stop()
        assert len(asyncio.all_tasks()) == tasks
        assert _things() <= things
        assert game.session.turns == 440


def _things() -> int:
    """What belongs to a single turn and is still held."""
    gc.collect()
    return sum(isinstance(thing, Performance | Turn | Trace) for thing in gc.get_objects())


def _held() -> int:
    """Bytes that the package has allocated and still holds."""
    gc.collect()
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*npc_runtime*")])
    return sum(trace.size for trace in ours.traces)


async def test_what_is_remembered_is_bounded(play: "Play") -> None:
    kept = []
    async with play(mind=Mind((0.01, REPLY)), mouth=Mouth(0.01, 0.0)) as game:
        for number in range(150):
            await game.type(f"Line {number}.")
            await game.until("end done")
            kept.append(len(game.mind.remembers()))
            assert game.mind.remembers()[-2:] == ([f"Line {number - 1}.", REPLY] if number else [])
    assert max(kept[75:]) <= max(kept[:75]) < 200
