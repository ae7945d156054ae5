"""What goes on beside the player's words: events of the game, and characters who talk among themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.flow._scripted import Ears, Mind
from tests.flow._village import minds, village

from npc_runtime import events
from npc_runtime.content.library import Library
from npc_runtime.errors import EngineError, InputError
from npc_runtime.story import MOST_WAITING

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

FLOOD = "The mill was washed away."
LONG = "[emotion joy weak] This is a rather long answer that takes its time."
TALK = ["begin", "joy weak", "speaking", "say Good day to you.", "end done", "idle"]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return village(tmp_path)


async def happens(game: "Game", name: str, **more: Any) -> list[tuple[str, str]]:
    """Something happens in the game; returns who said what about it."""
    before = await game.settle()
    await game.send("game.event", name=name, **more)
    await anyio.sleep(5)
    await game.settle()
    return spoken(game, before)


def spoken(game: "Game", since: int = 0) -> list[tuple[str, str]]:
    """Who said what."""
    speaker, said = "", []
    for _, event in game.told[since:]:
        if isinstance(event, events.TurnBegin):
            speaker = event.character
        elif isinstance(event, events.TurnEnd):
            said.append((speaker, event.text))
    return said


def present(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": id, **more} for id in ids]


def last_words(game: "Game") -> str:
    """What the model was told last."""
    return game.mind.requests[-1].messages[-1].text


async def knows(game: "Game", character: str) -> bool:
    """Whether a character knows of the mill when it is asked."""
    await game.send("player.text", text="What about the mill?", to=character)
    await game.until("idle")
    return FLOOD in last_words(game)


async def test_an_event_to_one_character(play: "Play") -> None:
    async with play() as game:
        assert await happens(game, "forge_burned", to="brynja", params={"text": "The forge has burned."}) == [
            ("brynja", "My forge.")
        ]
        assert [event.reply_to for event in game.of(events.TurnBegin)] == ["forge_burned"]
        shown = game.of(events.Emotion)[-1]
        assert (shown.label, shown.strength, shown.cause) == ("sadness", "strong", "burned")
        assert shown.relation.affection == pytest.approx(-0.2)
        assert shown.relation.familiarity == 0  # nobody has talked
        assert await happens(game, "forge_burned", to="brynja") == []
        with pytest.raises(InputError, match="no character 'nobody'"):
            await game.send("game.event", name="forge_burned", to="nobody")


async def test_an_event_for_everyone_in_the_scene_who_can_hear(play: "Play") -> None:
    async with play(character="") as game:
        there = [*present("barnaby", "brynja", "stranger"), *present("thora", can_hear=False)]
        await game.send("scene", characters=there)
        assert await happens(game, "mill", params={"text": FLOOD}) == []
        assert [await knows(game, one) for one in ("brynja", "barnaby", "thora")] == [True, True, False]


async def test_an_event_for_those_who_wait_for_it_where_the_game_tells_no_scene(play: "Play") -> None:
    async with play(character="thora") as game:
        said = await happens(game, "bell_rang", params={"text": "The bell of the gate rang."})
        assert said == [("barnaby", "Closing time."), ("brynja", "Good day to you.")]
        assert "Say what the bell means." in last_words(game)
        await game.send("player.text", text="Who rang the bell of the gate?", to="thora")
        await game.until("idle")
        assert "The bell of the gate rang." in last_words(game)  # the player talks to her: she heard it, too


async def test_an_event_waits_until_nobody_speaks(play: "Play") -> None:
    async with play(mind=minds(LONG)) as game:
        await game.type("Hello.")
        await game.until("piece")
        await game.send("game.event", name="bell_rang", to="barnaby")
        await game.until("begin")
    ends = [number for number, one in enumerate(game.lines()) if one in ("begin", "end done")]
    assert [game.lines()[number] for number in ends] == ["begin", "end done", "begin"]


async def test_an_event_waits_until_the_player_has_spoken_and_was_answered(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(game.talk, 1200)
            await anyio.sleep(0.6)
            await game.send("game.event", name="bell_rang", to="barnaby")
        await game.until("say Closing time.")
        assert spoken(game) == [("brynja", "Good day to you.")]
        assert len(game.of(events.TurnBegin)) == 2


async def test_a_noise_holds_an_event_up_only_as_long_as_it_lasts(play: "Play") -> None:
    async with play(ears=Ears(("",))) as game:
        await game.listen()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(game.talk, 80)
            await anyio.sleep(0.12)
            await game.send("game.event", name="bell_rang", to="barnaby")
        await game.until("say Closing time.", within=10)
        assert game.ears.heard == []


async def test_an_event_comes_when_the_microphone_is_switched_off(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(game.talk, 2000)
            await anyio.sleep(1)
            await game.send("game.event", name="bell_rang", to="barnaby")
            assert game.of(events.TurnBegin) == []
            await game.send("talk.stop", character="brynja")
            await game.hush()
        await game.until("say Closing time.", within=10)


async def test_words_of_the_player_come_first_and_no_event_is_lost(play: "Play") -> None:
    async with play(mind=minds(LONG)) as game:
        await game.type("Hello.")
        await game.until("piece")
        for name in ("bell_rang", "forge_burned", "bell_rang"):
            await game.send("game.event", name=name, to="barnaby" if name == "bell_rang" else "brynja")
        before = await game.settle()
        await game.type("And then?")
        await game.until("say My forge.")
        await game.until("say Closing time.")
        await game.until("idle")
        said = spoken(game, before)
    long = LONG.partition("] ")[2]
    bell = ("barnaby", "Closing time.")
    assert said[1:] == [("brynja", long), bell, ("brynja", "My forge."), bell]


async def test_an_event_about_which_nobody_says_anything_changes_no_talk(play: "Play") -> None:
    async with play(character="") as game:
        await game.send("player.text", text="Hello.", to="thora")
        await game.until("idle")
        assert await happens(game, "mill", to="brynja", params={"text": FLOOD}) == []
        await game.send("scene", characters=present("thora", "brynja"))
        await game.send("player.text", text="Is that so?")
        await game.until("idle")
        assert game.of(events.Heard)[-1].to == "thora"  # with whom the player spoke last
        before = await game.settle()
        await game.send("talk.start", character="barnaby")
        await happens(game, "mill", to="barnaby", params={"text": FLOOD})
        assert game.lines(before) == ["attending"]


async def test_so_many_events_that_some_are_missed(play: "Play") -> None:
    async with play(mind=minds(LONG)) as game:
        await game.type("Hello.")
        await game.until("piece")
        for number in range(MOST_WAITING + 3):
            text = f"Bell number {number} rang."
            await game.send("game.event", name=f"bell_{number}", to="thora", params={"text": text})
        await game.until("idle")
        await game.settle()
        assert len([one for one in game.of(events.Notice) if one.code == "events_dropped"]) == 3
        learnt = game.session._lives.inner(game.session.character("thora"), game.session.player)
        texts = [fact.text for fact in learnt.person.awareness.learnt]
        assert texts == [f"Bell number {number} rang." for number in range(3, MOST_WAITING + 3)]


async def test_a_reaction_that_fails_still_says_something(play: "Play") -> None:
    async with play(mind=Mind((EngineError("The model has gone."),))) as game:
        assert await happens(game, "bell_rang", to="brynja") == [("brynja", "Lost my thread.")]
        assert [event.reason for event in game.of(events.TurnEnd)] == ["failed"]
        assert [event.message for event in game.of(events.Error)] == ["The model has gone."]


async def converse(game: "Game", *characters: str, wait: float = 60.0, **more: Any) -> list[tuple[str, str]]:
    """Let characters talk; returns who said what."""
    before = await game.settle()
    await game.send("converse", characters=characters, **more)
    await anyio.sleep(wait)
    await game.settle()
    return spoken(game, before)


def replies(*texts: str) -> Mind:
    return minds(*(f"[emotion joy weak] {text}" for text in texts))


async def test_characters_take_turns_and_stop_after_theirs(play: "Play") -> None:
    mind = replies("The river rises.", "So it does.", "We need planks.", "Ask the miller.")
    async with play(mind=mind) as game:
        assert await converse(game, "barnaby", "thora", topic="the river", max_turns=4) == [
            ("barnaby", "The river rises."),
            ("thora", "So it does."),
            ("barnaby", "We need planks."),
            ("thora", "Ask the miller."),
        ]
    first, second, third, _ = mind.requests
    assert "You turn to Thora Vane and begin to talk about the river." in first.messages[-1].text
    assert second.messages[-1].text.endswith("The river rises.")
    assert "Barnaby Holt says:" in second.messages[-1].text
    own = [message.text for message in third.messages[1:-1]]
    assert own[-1] == "[emotion joy weak] The river rises." and third.messages[-1].text.endswith("So it does.")


async def test_a_talk_has_a_bound_of_its_own(play: "Play") -> None:
    async with play() as game:
        assert [who for who, _ in await converse(game, "barnaby", "thora")] == ["barnaby", "thora"] * 3


async def test_three_in_a_talk_answer_one_another(play: "Play") -> None:
    mind = replies("One.", "Two.", "Three.", "Four.")
    async with play(mind=mind) as game:
        said = await converse(game, "barnaby", "thora", "Barnaby Holt", "brynja", max_turns=4)
    assert said == [("barnaby", "One."), ("thora", "Two."), ("brynja", "Three."), ("barnaby", "Four.")]
    assert [request.messages[-1].text.rpartition("\n")[2] for request in mind.requests[1:]] == [
        "One.",
        "Two.",
        "Three.",
    ]


async def test_each_remembers_its_own_side_apart_from_the_player(play: "Play") -> None:
    mind = replies("The river rises.", "So it does.", "Hello there.")
    async with play(mind=mind) as game:
        await converse(game, "barnaby", "thora", max_turns=2)
        await game.send("player.text", text="Good day.", to="thora")
        await game.until("end done")
        assert mind.remembers() == []
        await converse(game, "thora", "barnaby", max_turns=1)
    assert mind.remembers() == ["The river rises.", "[emotion joy weak] So it does."]


@pytest.mark.parametrize("how", ["words", "interrupt", "voice"])
async def test_the_player_ends_a_talk(play: "Play", how: str) -> None:
    async with play(mind=minds(LONG)) as game:
        await game.listen()
        await game.send("converse", characters=["barnaby", "thora"])
        await game.until("end done")
        await game.until("piece")
        if how == "words":
            await game.type("Silence!")
        elif how == "interrupt":
            await game.interrupt()
        else:
            await game.talk(1500, 100)
        await game.until("end interrupted")
        await anyio.sleep(60)
        await game.settle()
    assert [who for who, _ in spoken(game)] == ["barnaby", "thora", *(["brynja"] if how != "interrupt" else [])]


async def test_goals_are_about_the_player(play: "Play") -> None:
    async with play(mind=replies("The Guild sent me.", "I see.")) as game:
        assert await converse(game, "barnaby", "brynja", max_turns=2) == [
            ("barnaby", "The Guild sent me."),
            ("brynja", "I see."),
        ]
        assert game.of(events.Action) == []


async def test_a_new_talk_takes_the_place_of_another(play: "Play") -> None:
    mind = replies("Alpha and omega rule.", "Beta.", "Gamma.", "Delta.")
    async with play(mind=mind) as game:
        await game.send("converse", characters=["barnaby", "thora"])
        await game.until("piece")
        await anyio.sleep(0.6)  # some of it was heard
        said = await converse(game, "brynja", "thora", max_turns=2)
    assert [who for who, _ in said[1:]] == ["brynja", "thora"]
    assert "begin to talk" in mind.requests[1].messages[-1].text


async def test_an_event_comes_between_the_turns_of_a_talk(play: "Play") -> None:
    async with play() as game:
        await game.send("converse", characters=["barnaby", "thora"], max_turns=2)
        await game.until("piece")
        await game.send("game.event", name="forge_burned", to="brynja")
        await anyio.sleep(30)
        assert [who for who, _ in spoken(game)] == ["barnaby", "brynja", "thora"]


async def test_who_has_nothing_to_say_ends_a_talk(play: "Play") -> None:
    async with play(mind=Mind((EngineError("The model has gone."),))) as game:
        assert await converse(game, "barnaby", "thora") == [("barnaby", "Hm.")]


@pytest.mark.parametrize("characters", [["brynja", "Brynja"], ["thora", "Thora Vane", "thora"]])
async def test_nobody_talks_to_themselves(play: "Play", characters: Sequence[str]) -> None:
    async with play() as game:
        with pytest.raises(InputError, match="needs two characters"):
            await game.send("converse", characters=characters)
