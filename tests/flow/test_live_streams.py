"""Microphone audio as games send it: in chunks of any size, at any rate, for minutes, and while somebody speaks."""

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import QUIET, REPLY, SAID, VOICE, Ears, Mind, pcm

from npc_runtime import events

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

LONG = "[emotion joy weak] Good day to you. My old friend of the road is back again at last."


async def feed(game: "Game", chunk: float, *pattern: float) -> None:
    """Send voice and silence in turn, so many seconds each, in chunks that come when they are complete."""
    stream = b"".join(pcm(QUIET if number % 2 else VOICE, seconds) for number, seconds in enumerate(pattern))
    size = round(chunk * 16_000) * 2
    for start in range(0, len(stream), size):
        await anyio.sleep(chunk)
        await game.live.audio(stream[start : start + size])


@pytest.mark.parametrize("chunk", [0.005, 0.02, 0.1, 0.5, 4.0])
async def test_a_spoken_line_in_chunks_of_any_size(play: "Play", chunk: float) -> None:
    async with play() as game:
        await game.send("listen.start", mode="open_mic", rate=16_000)
        await feed(game, chunk, 0.8, 3.2)
        await game.until("end done")
        await game.settle()
    assert game.lines()[2:] == ["attending", "thinking", "heard Mend my sword.", *SAID]
    assert game.session.turns == 1


@pytest.mark.parametrize("chunk", [0.005, 0.1, 0.5])
async def test_a_voice_stops_the_character_in_chunks_of_any_size(play: "Play", chunk: float) -> None:
    async with play(mind=Mind((0.1, LONG), (0.1, REPLY))) as game:
        await game.send("listen.start", mode="open_mic", rate=16_000)
        await game.type()
        await game.until("piece")
        before = await game.settle()
        await feed(game, chunk, 1.0, 2.0)
        await game.until("end done")
        await game.settle()
    rest = game.lines(before)
    stopped = rest[rest.index("speech.stop") :]
    assert stopped == ["speech.stop", "end interrupted", "idle", "attending", "thinking", "heard Mend my sword.", *SAID]


async def test_bytes_may_be_cut_anywhere(play: "Play") -> None:
    async with play() as game:
        await game.send("listen.start", mode="push_to_talk", rate=16_000)
        stream = pcm(VOICE, 1)
        for start in range(0, len(stream), 333):
            await game.live.audio(stream[start : start + 333])
            await anyio.sleep(0.01)
        await game.send("listen.stop")
        await game.until("end done")
    assert 16_000 <= len(game.ears.heard[-1]) < 16_512


async def test_who_never_pauses_is_answered_when_he_does(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        await game.talk(90_000)
        await game.until("end done")
        await game.settle()
    assert game.lines()[-len(SAID) - 1 :] == ["heard Mend my sword.", *SAID]
    assert game.finished[-1][1] == "done"
    assert all(len(samples) <= 62 * 16_000 for samples in game.ears.heard)


async def test_shouting_without_end_stays_bounded(play: "Play") -> None:
    async with play(ears=Ears((0.5, "Ah."))) as game:
        await game.listen()
        await game.talk(300_000, level=0.99)
        await game.until("end done")
    assert game.session.turns < 12
    assert all(len(samples) <= 62 * 16_000 for samples in game.ears.heard)


async def test_what_was_said_to_one_is_answered_by_the_other_only_if_he_is_turned_to(play: "Play") -> None:
    async with play(mind=Mind((0.1, LONG), (0.1, REPLY))) as game:
        await game.listen()
        await game.type()
        await game.until("piece")
        await game.send("talk.start", character="barnaby")
        await game.talk(1000)
        await game.until("end interrupted")
        await game.until("end done")
    assert [event.character for event in game.of(events.TurnBegin)] == ["brynja", "barnaby"]
    assert [event.to for event in game.of(events.Heard)] == ["brynja", "barnaby"]
