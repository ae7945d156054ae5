"""Lines without the language model: greetings, sounds that bridge a wait, and being told that there is no time."""

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import HANG, REPLY, SAID, Ears, Mind, Mouth
from tests.flow.conftest import new_house

from npc_runtime import events

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

GREETED = ["begin", "neutral normal", "speaking", "say Well met.", "end done", "idle"]
SLOW = 2.5
"""Seconds until the first word of a slow mind."""


async def met(game: "Game", character: str = "barnaby") -> list[str]:
    """Turn to somebody and wait; returns what was told."""
    before = await game.settle()
    await game.send("talk.start", character=character)
    await anyio.sleep(3)
    await game.settle()
    return game.lines(before)


async def test_who_is_turned_to_greets_once(play: "Play") -> None:
    async with play(character="") as game:
        assert await met(game) == GREETED
        assert await met(game) == ["attending"]
        await game.send("talk.stop", character="barnaby")
        await anyio.sleep(100)
        assert await met(game) == ["attending"]
        assert game.mind.requests == []
        await anyio.sleep(121)
        assert await met(game) == [*GREETED[:3], "say You again.", *GREETED[4:]]
    assert [event.reply_to for event in game.of(events.TurnBegin)] == ["", ""]


async def test_who_was_talked_to_just_now_does_not_greet(play: "Play") -> None:
    async with play(character="") as game:
        await met(game)
        await anyio.sleep(100)
        await game.type()
        await game.until("end done")
        await anyio.sleep(100)
        assert await met(game) == ["attending"]
        await anyio.sleep(20)
        assert (await met(game))[0] == "begin"


async def test_who_has_no_greeting_attends(play: "Play") -> None:
    async with play(character="") as game:
        assert await met(game, "brynja") == ["attending"]


async def test_a_greeting_is_not_remembered(play: "Play") -> None:
    async with play(character="") as game:
        await met(game)
        await game.type()
        await game.until("end done")
    assert game.mind.remembers() == []


async def test_the_prompt_is_read_during_the_greeting(play: "Play") -> None:
    async with play(character="") as game:
        await game.send("talk.start", character="barnaby")
        await game.until("piece")
        assert game.mind.warmed == [("barnaby", "")]


async def test_a_greeting_may_be_interrupted(play: "Play") -> None:
    async with play(character="barnaby") as game:
        await game.until("piece")
        before = await game.settle()
        await game.type()
        await game.until("end done")
        await game.settle()
    assert game.lines(before) == ["speech.stop", "end interrupted", "idle", "heard Hello.", "thinking", *SAID]


async def test_nobody_greets_in_the_middle_of_a_talk(play: "Play") -> None:
    async with play() as game:
        await game.type()
        await game.until("piece")
        before = await game.settle()
        await game.send("talk.start", character="barnaby")
        await game.until("end done")
        await game.listen()
        await game.talk(500)
        await game.send("talk.start", character="brynja")
        await game.send("talk.start", character="barnaby")
        await game.until("end done")
    assert "say Well met." not in game.lines(before)


async def test_a_late_answer_is_bridged_but_never_twice_in_a_row(play: "Play") -> None:
    async with play(mind=Mind((SLOW, REPLY))) as game:
        fillers = []
        for _ in range(5):
            before = await game.settle()
            await game.type()
            asked = anyio.current_time()
            sounded = await game.until("piece", "audio")
            fillers.append([text for text in game.lines(before) if text.startswith("filler")])
            assert sounded - asked < (0.5 if fillers[-1] else SLOW + 0.5)
            await game.until("end done")
            await game.settle()
            bridged = ["speaking", *fillers[-1], "joy weak"] if fillers[-1] else ["joy weak", "speaking"]
            assert game.lines(before) == ["heard Hello.", "thinking", "begin", *bridged, *SAID[3:]]
    assert [len(said) for said in fillers] == [0, 1, 0, 1, 0]
    assert fillers[1] != fillers[3]
    assert game.mind.remembers() == ["Hello.", REPLY] * 4
    assert all(event.filler is None for event in game.of(events.Say) if event.text == "Good day to you.")


async def test_a_spoken_question_is_bridged_too(play: "Play") -> None:
    async with play(mind=Mind((SLOW, REPLY))) as game:
        await game.listen()
        for _ in range(2):
            before = await game.settle()
            await game.talk(800)
            await game.until("end done")
            await anyio.sleep(1)
    rest = game.lines(before)
    assert rest[:4] == ["attending", "thinking", "heard Mend my sword.", "begin"]
    assert rest[5].startswith("filler")


async def test_an_answer_in_time_is_not_bridged(play: "Play") -> None:
    async with play(mind=Mind((SLOW, REPLY), (1.0, REPLY))) as game:
        for _ in range(12):
            before = await game.settle()
            await game.type()
            await game.until("end done")
        latest = game.lines(before)
    assert any(text.startswith("filler") for text in game.lines())
    assert not any(text.startswith("filler") for text in latest)


async def test_a_filler_is_for_the_words_that_count(play: "Play") -> None:
    """What is prepared while the player may yet go on is not bridged."""
    async with play(mind=Mind((SLOW, REPLY))) as game:
        await game.type()
        await game.until("end done")
        await anyio.sleep(1)
        await game.listen()
        before = await game.settle()
        await game.talk(800, 350, 800, 350, 800)
        assert not any(text.startswith("filler") for text in game.lines(before))
        await game.until("end done")
    assert len([text for text in game.lines(before) if text.startswith("filler")]) == 1


async def test_who_is_interrupted_in_a_filler_has_said_nothing(play: "Play") -> None:
    async with play(mind=Mind((SLOW, REPLY))) as game:
        await game.type()
        await game.until("end done")
        before = await game.settle()
        await game.type("And then?")
        await game.until("audio")
        await anyio.sleep(1)
        await game.interrupt()
        await game.settle()
        assert game.lines(before)[-3:] == ["speech.stop", "end interrupted", "idle"]
        await game.type("Well?")
        await game.until("end done")
    assert game.mind.remembers() == ["Hello.", REPLY]


async def test_a_filler_does_not_hide_that_there_was_no_answer(play: "Play") -> None:
    async with play(mind=Mind((SLOW, REPLY), (SLOW,))) as game:
        await game.type()
        await game.until("end done")
        await game.type()
        await game.until("end failed")
        await game.settle()
    *_, filler, feels, says, error, end, _ = [text for text in game.lines() if not text.startswith("notice")]
    assert filler.startswith("filler")
    assert (feels, says, error, end) == ("interest normal", "say Lost my thread.", "error empty_reply", "end failed")


async def test_a_filler_that_began_is_spoken_to_its_end(play: "Play") -> None:
    """An answer that needs no sound, such as an action, does not cut it off in the middle of its subtitle."""
    async with play(
        mind=Mind((SLOW, REPLY), (0.3, "[emotion joy weak] [action refuse_service]")), mouth=Mouth(first=0.2, each=0.3)
    ) as game:
        await game.type()
        await game.until("end done")
        await anyio.sleep(1)
        before = await game.settle()
        await game.type()
        await game.until("end done")
        await game.settle()
    [said] = [event for event in game.of(events.Say) if event.filler]
    sounds = [event for event in game.of(events.SpeechAudio) if event.turn == said.turn]
    assert "do refuse_service {}" in game.lines(before)
    assert sounds[-1].last


@pytest.mark.parametrize("spoken", [False, True], ids=["typed", "spoken"])
async def test_who_comes_when_all_places_are_taken_is_told_so(play: "Play", spoken: bool) -> None:
    house = new_house(places=1)
    async with (
        play(house=house, mind=Mind((20.0, REPLY))) as first,
        play(house=house, ears=Ears((0.05, "Mend it."))) as second,
    ):
        await first.type()
        await second.listen()
        before = await second.settle()
        await (second.talk(800) if spoken else second.type())
        await second.until("end done")
        await second.settle()
        told = second.lines(before)
        assert told[-6:] == [*GREETED[:3], "say Not now.", *GREETED[4:]]
        assert second.mind.requests == []
        await first.until("end done")
        await second.type()
        await second.until("say Good day to you.")
        assert second.mind.remembers() == []


async def test_a_place_is_free_again_however_the_turn_ends(play: "Play") -> None:
    house = new_house(places=1)
    minds = [Mind((HANG,), (0.1, REPLY)), Mind((0.1, ValueError("bug")), (0.1, REPLY))]
    async with play(house=house, mind=minds[0]) as game:
        await game.type()
        await anyio.sleep(1)
        await game.interrupt()
        await anyio.sleep(1)
        await game.type()
        await game.until("say Good day to you.")
    async with play(house=house, mind=minds[1]) as game:
        await game.type()
        await game.until("end failed")
        await game.type()
        await game.until("say Good day to you.")
        await game.until("idle")
        await game.listen()
        await game.talk(800, 300)
    async with play(house=house) as game:
        await game.type()
        await game.until("say Good day to you.")
