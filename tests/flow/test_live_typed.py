"""Typed words to a live session: what comes back, in which order, and what is refused."""

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import HANG, REPLY, SAID, WORD_MS, Mind

from npc_runtime import events
from npc_runtime.errors import InputError

if TYPE_CHECKING:
    from tests.flow.conftest import Play

pytestmark = pytest.mark.anyio


async def test_a_typed_line_is_answered_in_order(play: "Play") -> None:
    async with play() as game:
        await game.type("Hello.")
        await game.until("end done")
        await game.settle()
    words = ["visemes", "piece", "piece", "piece", "audio"]
    assert game.lines(sound=True) == ["attending", "heard Hello.", "thinking", *SAID[:4], *words, *SAID[4:]]
    [end] = game.of(events.TurnEnd)
    assert end.text == "Good day to you."
    assert sorted(end.timings.values()) == list(end.timings.values())
    assert game.finished == [(1, "done")]


async def test_a_turn_ends_when_the_player_has_heard_it(play: "Play") -> None:
    async with play() as game:
        await game.type()
        sound = await game.until("piece")
        end = await game.until("end done")
    assert end - sound == pytest.approx(4 * WORD_MS / 1000, abs=0.001)


async def test_one_turn_after_another_is_counted_and_remembered(play: "Play") -> None:
    async with play() as game:
        for _ in range(3):
            await game.type()
            await game.until("idle")
    assert [event.turn for event in game.of(events.TurnBegin)] == [1, 2, 3]
    assert game.mind.remembers() == ["Hello.", REPLY] * 2


@pytest.mark.parametrize("moment", ["heard Hello.", "begin", "joy weak", "piece", "audio"])
async def test_words_while_a_reply_is_made_or_plays_end_it(play: "Play", moment: str) -> None:
    async with play() as game:
        await game.type("Hello.")
        await game.until(moment)
        before = await game.settle()
        await game.type("And then?")
        await game.until("end done")
        await game.settle()
    rest = game.lines(before)
    stopped = [] if moment in ("heard Hello.", "begin", "joy weak") else ["speech.stop"]
    first = rest.index("end interrupted")
    assert rest[: first + 2] == [*stopped, "end interrupted", "idle"]
    assert rest[first + 2 :] == ["heard And then?", "thinking", *SAID]
    assert game.finished == [(1, "interrupted"), (2, "done")]


async def test_words_may_be_for_somebody_else(play: "Play") -> None:
    async with play() as game:
        await game.send("player.text", text="A room, please.", to="Barnaby Holt")
        await game.until("end done")
        await game.type("Hello.")
        await game.until("end done")
        await game.settle()
    assert [event.character for event in game.of(events.TurnBegin)] == ["barnaby", "brynja"]
    assert game.mind.remembers() == []


async def test_words_may_come_without_turning_to_anybody(play: "Play") -> None:
    async with play(character="") as game:
        await game.send("player.text", text="Hello.", to="brynja")
        await game.until("end done")
        await game.settle()
    assert game.lines() == ["heard Hello.", "thinking", *SAID]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
async def test_there_must_be_words(play: "Play", text: str) -> None:
    async with play() as game:
        with pytest.raises(InputError) as refused:
            await game.type(text)
        await game.settle()
    assert refused.value.code == "bad_message"
    assert game.lines() == ["attending"]


async def test_nothing_to_say_does_not_end_what_is_said(play: "Play") -> None:
    async with play() as game:
        await game.type()
        await game.until("piece")
        with pytest.raises(InputError):
            await game.type("")
        await game.until("end done")


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("talk.start", {"character": "nobody"}),
        ("talk.stop", {"character": "nobody"}),
        ("player.text", {"text": "Hi.", "to": "nobody"}),
    ],
)
async def test_an_unknown_character_is_refused(play: "Play", type: str, fields: dict[str, str]) -> None:
    async with play() as game:
        with pytest.raises(InputError, match="nobody"):
            await game.send(type, **fields)
        await game.type()
        await game.until("end done")


@pytest.mark.parametrize(
    ("type", "fields"),
    [("player.text", {"text": "Hi."}), ("listen.start", {"mode": "open_mic", "rate": 16000})],
)
async def test_somebody_must_be_talked_to(play: "Play", type: str, fields: dict[str, object]) -> None:
    async with play(character="") as game:
        with pytest.raises(InputError) as refused:
            await game.send(type, **fields)
        await game.settle()
    assert refused.value.code == "wrong_order" and refused.value.hint.startswith("send talk.start first")
    assert game.told == []


async def test_turning_away_ends_the_reply(play: "Play") -> None:
    async with play() as game:
        await game.type()
        await game.until("piece")
        before = await game.settle()
        await game.send("talk.stop", character="brynja")
        await game.settle()
        assert game.lines(before) == ["speech.stop", "end interrupted", "idle"]
        with pytest.raises(InputError, match="Nobody"):
            await game.type()
        await anyio.sleep(1)
        assert not any(engine.busy for engine in game.engines)


async def test_what_concerns_another_turn_changes_nothing(play: "Play") -> None:
    async with play() as game:
        await game.type()
        sound = await game.until("piece")
        await game.send("interrupt", turn=7)
        await game.send("playback", turn=7, played_ms=5000, done=True)
        end = await game.until("end done")
        assert end - sound == pytest.approx(1, abs=0.001)
        await game.interrupt()
        await game.send("playback", turn=1, played_ms=1000, done=True)
        await game.settle()
    assert game.lines() == ["attending", "heard Hello.", "thinking", *SAID]


async def test_an_answer_about_an_action_that_never_was_is_refused(play: "Play") -> None:
    async with play() as game:
        for answer, more in (("action.result", {"status": "done"}), ("action.confirm", {"allow": True})):
            with pytest.raises(InputError) as refused:
                await game.send(answer, id="1.1", **more)
            assert refused.value.code == "unknown_action"


async def test_the_prompt_is_read_when_the_player_turns_to_somebody(play: "Play") -> None:
    async with play(mind=Mind(warm=(HANG,))) as game:
        assert game.mind.warmed == [("brynja", "")]
        await game.type()
        await game.until("end done")
    warming = game.mind.jobs[0]
    assert warming.ended is not None and warming.ended < game.mind.live[0].started + 0.05  # the answer needs the engine
