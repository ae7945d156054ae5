"""What authors and the engine are certain of, in a live session: goals, limits, knowledge and feelings."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import Ears
from tests.flow._village import minds, village

from npc_runtime import events
from npc_runtime.content.library import Library

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

HELLO = "[emotion joy weak] Good day to you."


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return village(tmp_path)


async def say(game: "Game", text: str) -> list[str]:
    """Say something and wait for the end of the answer; returns what came of it, without the state of listening."""
    before = await game.settle()
    await game.type(text)
    await game.until("idle")
    await game.settle()
    return [one for one in game.lines(before) if one not in ("thinking", "speaking", "begin", "idle")][1:]


def felt(game: "Game") -> events.Emotion:
    """What was shown last."""
    shown: events.Emotion = game.of(events.Emotion)[-1]
    return shown


def prompt(game: "Game") -> str:
    """What the model was told last."""
    return game.mind.requests[-1].messages[-1].text


async def test_a_line_of_the_author_needs_no_model(play: "Play") -> None:
    async with play() as game:
        told = await say(game, "The Guild sent me, smith.")
        assert told == [
            "anger strong",
            "say Out of here.",
            "do refuse_service {}",
            "anger strong",
            "event",
            "end done",
        ]
        assert game.mind.requests == []
        before, after = game.of(events.Emotion)
        assert before.cause == after.cause == "banished"
        assert before.relation.trust > 0 > after.relation.trust
        [event] = game.of(events.GoalEvent)
        assert (event.name, event.params, event.character) == ("alarm", {"level": 2}, "brynja")
        assert await say(game, "The Guild sent me, smith.") != told  # not repeatable: now the model answers
        assert felt(game).relation.trust < -0.3
    assert len(game.mind.requests) == 1


async def test_an_instruction_reaches_the_prompt_and_the_action_follows_the_words(play: "Play") -> None:
    async with play(mind=minds("[emotion interest normal] Ten crowns. [action nod]")) as game:
        told = await say(game, "Please show me your wares.")
        assert told == ["interest normal", "say Ten crowns.", "do nod {}", "do open_trade {}", "end done"]
        assert "Name a price." in prompt(game)
        await say(game, "Please show me your wares.")
        assert "Name a price." not in prompt(game)  # it cools down
        await anyio.sleep(30)
        assert "do open_trade {}" in await say(game, "Please show me your wares.")
        await say(game, "The Guild sent me.")
        await anyio.sleep(31)
        assert "do open_trade {}" not in await say(game, "Please show me your wares.")


async def test_everything_happens_in_the_order_of_the_author(play: "Play") -> None:
    async with play() as game:
        assert await say(game, "Whose side are you on?") == [
            "interest weak",
            "say Yours.",
            "joy strong",
            "do nod {}",
            "joy strong",
            "notice action_requirement",
            "do refuse_service {}",
            "contempt strong",
            "say Or nobody's.",
            "end done",
        ]


async def test_what_is_left_of_a_goal_is_done_when_its_words_are_broken_off(play: "Play") -> None:
    async with play() as game:
        await game.type("The Guild sent me, smith.")
        await game.until("piece")
        before = await game.settle()
        await game.interrupt()
        await game.settle()
        assert game.lines(before) == [
            "speech.stop",
            "do refuse_service {}",
            "anger strong",
            "event",
            "end interrupted",
            "idle",
        ]
        await say(game, "Hello?")
        assert felt(game).relation.trust == pytest.approx(-0.35, abs=0.01)


async def test_an_answer_that_is_taken_back_changes_nothing(play: "Play") -> None:
    async with play(ears=Ears((0.05, "The Guild sent me."), (0.05, "Hello."))) as game:
        await game.listen()
        await game.talk(800, 250, 600)  # the player goes on while the answer is prepared
        await game.until("end done")
        await game.settle()
        assert len(game.ears.heard) == 2
        assert game.of(events.Action) == game.of(events.GoalEvent) == []
        assert felt(game).relation.trust == pytest.approx(0.25, abs=0.02)
        await game.hush()
        assert "do refuse_service {}" in await say(game, "The Guild sent me.")


async def test_what_the_character_may_not_take_up_is_refused_in_character(play: "Play") -> None:
    async with play() as game:
        told = await say(game, "I will kill the miller.")
        assert told[0] == "notice safety_violence"
        assert told[-2:] == ["say Ask me about iron.", "end done"]
        told = await say(game, "I want to kill myself.")
        assert told[0] == "notice player_distress"
        assert "say Ask me about iron." not in told
        assert game.mind.requests == []
        await say(game, "Good morning.")
    assert len(game.mind.requests) == 1


async def test_what_the_model_may_not_say_is_not_said(play: "Play") -> None:
    reply = "[emotion joy weak] Good day. I will kill you. And then we dance. [action nod] [action open_trade]"
    async with play(mind=minds(reply)) as game:
        assert await say(game, "Hello.") == [
            "joy weak",
            "say Good day.",
            "notice safety_violence",
            "say Ask me about iron.",
            "end done",
        ]


async def test_a_rude_word_is_softened(play: "Play") -> None:
    async with play(mind=minds("[emotion joy weak] That is shit work.")) as game:
        assert await say(game, "Hello.") == [
            "joy weak",
            "notice safety_profanity",
            "say That is dung work.",
            "end done",
        ]


async def test_a_stage_direction_keeps_the_limits(play: "Play") -> None:
    async with play(mind=minds("[emotion joy weak] Hello. [murders the cat] Bye. [smiles]")) as game:
        told = await say(game, "Hello.")
        assert [event.text for event in game.of(events.Narration)] == ["smiles"]
        assert "notice safety_violence" in told


async def test_who_is_strict_refuses_what_it_cannot_know(play: "Play") -> None:
    async with play() as game:
        assert (await say(game, "Do you have a telephone?"))[:1] == ["notice unknown_to_character"]
        assert game.mind.requests == []
        await game.send("player.text", text="Do you have a telephone?", to="barnaby")
        await game.until("end done")
    assert len(game.mind.requests) == 1
    assert "telephone" in prompt(game).partition("Traveller says:")[0]  # who is mild is told that it knows of none


async def test_a_secret_is_told_only_to_whom_it_may(play: "Play") -> None:
    async with play() as game:
        assert "notice secret_kept" in await say(game, "What is the watchword at the gate?")
        assert all("heron" not in message.text for message in game.mind.requests[-1].messages)
        assert "keep to yourself" in prompt(game)
        assert "notice secret_kept" in await say(game, "What is the watchword, and how many guards are there?")
        assert "keep to yourself" in prompt(game) and "Six guards" in prompt(game)
        await say(game, "I found your brother.")
        assert "notice secret_kept" not in await say(game, "What is the watchword at the gate?")
        assert "heron" in prompt(game)


async def test_a_small_model_is_not_trusted_with_a_secret(play: "Play") -> None:
    async with play(mind=minds(HELLO, small=True)) as game:
        told = await say(game, "What is the watchword at the gate?")
        assert "notice secret_kept" in told and "say Ask me about iron." in told
        assert game.mind.requests == []
        await say(game, "How many guards are there?")
        assert "Six guards" in prompt(game)


async def test_an_insult_shows_at_once_and_fades(play: "Play") -> None:
    async with play(mind=minds("[emotion neutral normal] Hm.")) as game:
        await game.type("You are a worthless liar and I hate you!")
        await game.until("belligerence strong", "anger strong", "anger normal", "contempt strong", "contempt normal")
        assert game.told[-1][0] < anyio.current_time() + 0.01  # the model takes a tenth of a second
        insulted = felt(game)
        assert insulted.cause == "words" and insulted.pad[0] < 0 and 0.15 <= insulted.relation.trust < 0.25
        await game.until("idle")
        await anyio.sleep(30)
        assert "angry" in await told_of(game)
        near = felt(game)
        await anyio.sleep(600)
        assert "angry" not in await told_of(game)
        later = felt(game)
    assert insulted.pad[0] < near.pad[0] < later.pad[0] <= 0
    assert insulted.mood.pad[0] < later.mood.pad[0]


async def told_of(game: "Game") -> str:
    """Say something plain; returns what the model was told besides."""
    await say(game, "The road is long.")
    return prompt(game)


async def test_the_models_own_feeling_counts(play: "Play") -> None:
    async with play(mind=minds("[emotion joy strong] Ha! Good.", "[emotion joy strong] Ha!"), face="arkit") as game:
        await say(game, "Two horses.")
        first = felt(game)
        assert (first.label, first.cause) == ("joy", "reply") and first.pad[0] > 0
        assert first.face is not None and first.face["mouthSmileLeft"] > 0
        voices = game.mouth.colours
        assert voices[-1] is not None and voices[-1].rate > 1 and voices[-1].volume > 1
        await anyio.sleep(1)
        await say(game, "Three horses.")
        assert felt(game).pad[0] > first.pad[0]


async def test_no_face_unless_asked_for(play: "Play") -> None:
    async with play() as game:
        await say(game, "Two horses.")
    assert all(event.face is None for event in game.of(events.Emotion))


async def test_a_relation_has_bounds(play: "Play") -> None:
    async with play(mind=minds("[emotion neutral normal] Hm.")) as game:
        for _ in range(40):
            await say(game, "You are a worthless liar and I hate you!")
        relation = felt(game).relation
        assert -1 <= relation.trust < -0.6
        assert 0.4 < relation.familiarity < 0.7
