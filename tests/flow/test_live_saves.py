"""What lasts: saves of the game, restarts, other sessions of the same world, and what was overheard. In real time."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from tests.flow._scripted import LoopClock, Mouth
from tests.flow._village import minds, village

from npc_runtime import events
from npc_runtime.character.inner import Inner
from npc_runtime.chronicle import Chronicle
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError, NpcError
from npc_runtime.lives import Lives
from npc_runtime.scene import Player

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

World = Callable[[], AbstractAsyncContextManager[Lives]]
AYE = "[emotion neutral normal] Aye."
LONG = "[emotion joy weak] This is a rather long answer that takes its time."
FLOOD = "The mill was washed away."
ANN = Player("ann", "Ann")
BEN = Player("ben", "Ben")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return village(tmp_path)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The world of one game, as a process opens it: what is kept of it lasts."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Lives]:
        trouble: list[NpcError] = []
        failure: Exception | None = None
        async with Chronicle(tmp_path / "state", embedder="none", warn=trouble.append) as chronicle:
            try:
                yield Lives(LoopClock(), chronicle, warn=trouble.append)
            except Exception as error:  # raised again outside, where it is no group of one
                failure = error
        if failure is not None:
            raise failure
        assert trouble == []

    return opened


def quick() -> Mouth:
    return Mouth(first=0.0, each=0.0)


async def say(game: "Game", text: str, to: str = "brynja") -> str:
    """Say something and hear the answer at once; returns the whole prompt of the model, as far as it was asked."""
    asked = len(game.mind.requests)
    await game.settle()
    await game.send("player.text", text=text, to=to)
    await game.until("audio")
    [*_, said] = game.of(events.SpeechAudio)
    await game.send("playback", turn=said.turn, played_ms=0, done=True)
    await game.until("idle")
    await anyio.sleep(0.02)  # what was lived through is written after the turn
    return "\n".join(one.text for request in game.mind.requests[asked:] for one in request.messages)


async def save(game: "Game", slot: str) -> None:
    await game.send("save", slot=slot)
    await game.until("saved")


async def load(game: "Game", slot: str) -> None:
    await game.send("load", slot=slot)
    await game.until("loaded")


def inner_of(game: "Game", character: str = "brynja") -> Inner:
    return game.session._lives.inner(game.session.character(character), game.session.player)


def kept(inner: Inner) -> dict[str, Any]:
    """All of a state that a save brings back, but for what fades with every moment."""
    return inner.person.awareness.as_json() | inner.bond.documents()


async def test_after_a_load_everything_is_as_it_was_saved(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as game:
        await game.send("scene", time=1000)
        await say(game, "My name is Tamsin and I lost my ring.")
        await say(game, "You are a worthless liar and I hate you!")
        await game.send("game.event", name="mill", to="brynja", params={"text": FLOOD})
        await anyio.sleep(0.05)
        await save(game, "one")
        saved, felt = kept(inner_of(game)), inner_of(game).person.affect
        assert felt.dominant.label in ("anger", "belligerence", "contempt") and saved["learnt"]

        await say(game, "The Guild sent me.")
        await say(game, "I found your brother.")
        await game.send("game.event", name="fire", to="brynja", params={"text": "The inn has burned."})
        await anyio.sleep(0.05)
        assert kept(inner_of(game)) != saved
        await save(game, "two")
        second = kept(inner_of(game))
        await load(game, "one")
        told = await say(game, "What about the mill, and my ring?")
        assert "I lost my ring" in told and FLOOD in told and "liar" in told
        assert "Guild" not in told and "brother" not in told and "inn" not in told.split()

        await load(game, "one")
        await game.session.ready(game.session.character("brynja"))
        assert kept(inner_of(game)) == saved
        again = inner_of(game).person.affect
        assert again.dominant.label == felt.dominant.label
        assert again.dominant.intensity == pytest.approx(felt.dominant.intensity, abs=0.05)
        assert again.mood == pytest.approx(felt.mood, abs=0.01)
        await load(game, "two")
        await game.session.ready(game.session.character("brynja"))
        assert kept(inner_of(game)) == second
        assert [event.slot for event in game.of(events.Loaded)] == ["one", "one", "two"]
        assert [event.slot for event in game.of(events.Saved)] == ["one", "two"]


async def test_feelings_are_saved_as_they_are_at_that_moment(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives) as game:
        await say(game, "You are a worthless liar and I hate you!")
        just_now = inner_of(game).person.affect.dominant.intensity
        await anyio.sleep(3)
        await save(game, "one")
        later = inner_of(game).person.affect.dominant.intensity
        await load(game, "one")
        await game.session.ready(game.session.character("brynja"))
        loaded = inner_of(game).person.affect.dominant.intensity
        assert abs(loaded - later) < (just_now - later) / 2


async def test_nothing_of_a_turn_that_is_spoken_gets_into_the_story_that_is_loaded(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE, LONG, AYE), mouth=quick(), lives=lives, player=ANN) as game:
        await game.send("scene", characters=[{"id": "brynja"}, {"id": "thora"}])
        await say(game, "Good morning.")
        await save(game, "one")
        saved = kept(inner_of(game))
        await game.settle()
        await game.type("You are a worthless liar and my secret is a crown!")
        await game.until("say This is a rather long answer that takes its time.", "piece")
        before = await game.settle()
        await load(game, "one")
        assert game.lines(before)[-4:] == ["speech.stop", "end interrupted", "idle", "loaded"]
        await anyio.sleep(0.05)
        for character in ("brynja", "thora"):
            assert "crown" not in await say(game, "Tell me of the secret.", to=character)
            assert all("crown" not in one.text for one in await lives_of(lives).recent(character, "ann"))
        await load(game, "one")
        await game.session.ready(game.session.character("brynja"))
        assert kept(inner_of(game)) == saved


def lives_of(lives: Lives) -> Chronicle:
    assert lives.chronicle is not None
    return lives.chronicle


async def test_a_turn_that_ends_while_a_save_is_loaded_is_not_part_of_it(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as game:
        chronicle = lives_of(lives)
        really = chronicle.load
        loading = anyio.Event()

        async def slowly(slot: str) -> None:
            await really(slot)
            loading.set()
            await anyio.sleep(0.2)

        await save(game, "one")
        await game.type("My secret is a crown.")
        await game.until("audio")
        chronicle.load = slowly  # type: ignore[method-assign]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(game.send, "load", slot="one"))
            await loading.wait()
            await game.send("playback", turn=1, played_ms=0, done=True)
            await game.until("end done")
        await game.until("loaded")
        await anyio.sleep(0.05)
        assert await chronicle.recent("brynja", "ann") == []


async def test_an_event_that_the_player_interrupts_before_it_is_noticed_is_not_lost(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, character="") as game:
        await game.send("game.event", name="bell_rang", to="barnaby")
        await anyio.lowlevel.checkpoint()  # his state is being read
        await game.send("player.text", text="Hello.", to="thora")
        await game.until("say Closing time.")
        assert [event.character for event in game.of(events.TurnBegin)] == ["thora", "barnaby"]


async def test_what_a_goal_has_left_is_not_done_in_the_story_that_is_loaded(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), lives=lives) as game:
        await save(game, "one")
        await game.type("The Guild sent me.")
        await game.until("piece")
        await load(game, "one")
        assert game.of(events.Action) == game.of(events.GoalEvent) == []


async def test_a_save_that_is_not_there_changes_nothing(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE, LONG), mouth=quick(), lives=lives) as game:
        await say(game, "What a day.")
        await game.type("And more.")
        await game.until("piece")
        saved = kept(inner_of(game))
        for slot in ("other", "  "):
            with pytest.raises(InputError):
                await game.send("load", slot=slot)
        with pytest.raises(InputError, match="empty"):
            await game.send("save", slot=" ")
        assert kept(inner_of(game)) == saved
        await game.until("end done")


async def test_without_memory_nothing_can_be_saved(play: "Play") -> None:
    async with play() as game:
        for message in ("save", "load"):
            with pytest.raises(InputError) as refused:
                await game.send(message, slot="one")
            assert refused.value.code == "no_memory"


async def test_a_game_says_at_once_which_save_is_played(play: "Play", world: World) -> None:
    async with world() as lives:
        async with play(mind=minds(AYE), mouth=quick(), lives=lives) as game:
            await say(game, "I lost my ring.")
            await save(game, "one")
            await say(game, "I lost my crown.")
        async with play(mind=minds(AYE), mouth=quick(), lives=lives, slot="one") as game:
            told = await say(game, "What did I lose?")
            assert "I lost my ring." in told and "crown" not in told
        async with play(mind=minds(AYE), mouth=quick(), lives=lives, slot="two") as game:
            assert game.lines()[0] == "notice unknown_slot"
            told = await say(game, "What did I lose?")
            assert "ring" not in told and "crown" not in told
        async with play(mind=minds(AYE), mouth=quick(), lives=lives, slot="one") as game:
            assert "I lost my ring." in await say(game, "What did I lose?")


async def test_who_comes_later_does_not_take_the_others_back_to_a_save(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as ann:
        await save(ann, "one")
        await say(ann, "I lost my ring.")
        async with play(mind=minds(AYE), mouth=quick(), lives=lives, player=BEN, slot="one") as ben:
            assert ben.lines()[0] == "notice save_in_play"
        assert "I lost my ring." in await say(ann, "What did I lose?")
        # A game that was cut off comes back as the same player: it means what it says.
        async with play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN, slot="one") as again:
            assert "ring" not in await say(again, "What did I lose?")


async def test_a_restart_forgets_nothing(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as game:
        await say(game, "My name is Tamsin and I lost my brother's ring.")
        await say(game, "I found your brother.")
        for number in range(9):
            await say(game, f"The road to the hills has {number} stones.")
        before = kept(inner_of(game))
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as game:
        told = await say(game, "Do you remember what I lost?")
        assert kept(inner_of(game))["relationship"]["trust"] == before["relationship"]["trust"] > 0.6
        assert "8 stones" in told  # what was said last is in mind as it was said
        assert "0 stones" not in told
        assert "brother's ring" in told.partition("You remember:")[2]  # the rest comes back when it is spoken of


async def test_who_greets_after_a_restart_knows_whom(play: "Play", world: World, tmp_path: Path) -> None:
    greeter = village(
        tmp_path,
        barnaby="name: Barnaby Holt\npersona: {summary: Innkeeper.}\nbarks: {greet: [Welcome.]}\ngoals:\n"
        "  - {id: paid, when: {keyword: here is the money}, do: [{relate: {trust: 0.4}}, {say: Thanks.}]}\n",
    )
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives) as game:
        game.session._natures.replace(greeter)
        await say(game, "Here is the money.", to="barnaby")
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, character="") as game:
        game.session._natures.replace(greeter)
        await game.send("talk.start", character="barnaby")
        await game.until("end done")
        assert game.of(events.Emotion)[0].relation.trust == pytest.approx(0.4, abs=0.05)


async def test_two_sessions_share_a_world_but_not_what_is_private(play: "Play", world: World) -> None:
    async with (
        world() as lives,
        play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as ann,
        play(mind=minds(AYE), mouth=quick(), lives=lives, player=BEN) as ben,
    ):
        await say(ann, "I found your brother. My secret is a crown.")
        await ann.send("game.event", name="mill", to="brynja", params={"text": FLOOD})
        await anyio.sleep(0.05)
        told = await say(ben, "What about the mill and the crown?")
        assert FLOOD in told and "My secret" not in told
        assert inner_of(ann).standing("trust") > 0.6 > inner_of(ben).standing("trust")
        await save(ann, "one")
        await say(ben, "I am a knight.")
        await load(ann, "one")
        told = await say(ben, "Who am I?")
        assert "mill" in told and "knight" not in told


async def test_what_one_player_brings_is_not_lost_while_another_is_answered(play: "Play", world: World) -> None:
    async with (
        world() as lives,
        play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as ann,
        play(mind=minds(f"{AYE} [emotion joy weak] Ha."), mouth=quick(), lives=lives, player=BEN) as ben,
    ):
        await ben.send("player.text", text="Hello.")
        await ben.until("begin")
        await ann.send("game.event", name="mill", to="brynja", params={"text": FLOOD})
        await ben.until("end done")
        assert FLOOD in await say(ben, "What about the mill?")


async def test_who_stands_by_overhears(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as game:
        near, far = {"id": "thora", "distance": 3}, {"id": "barnaby", "distance": 30}
        await game.send("scene", characters=[{"id": "brynja"}, near, far, {"id": "stranger"}])
        await say(game, "I lost my brother's ring in the river.")
        thora, barnaby = [await lives_of(lives).recent(one, "ann") for one in ("thora", "barnaby")]
        assert [(one.text, one.source) for one in thora] == [
            ("Ann → Brynja Ironhand: I lost my brother's ring in the river.", "seen"),
            ("Brynja Ironhand: Aye.", "seen"),
        ]
        assert barnaby == []
        told = await say(game, "What did I lose in the river?", to="thora")
        assert "You remember:" in told and "brother's ring" in told
        assert inner_of(game, "thora").bond.exchanges == 1


async def test_a_talk_among_characters_is_overheard_once(play: "Play", world: World) -> None:
    async with world() as lives, play(mind=minds(AYE), mouth=quick(), lives=lives, player=ANN) as game:
        await game.send("scene", characters=[{"id": one} for one in ("brynja", "thora", "barnaby")])
        await game.send("converse", characters=["brynja", "barnaby"], max_turns=2)
        await game.until("end done")
        await game.until("end done")
        await anyio.sleep(0.05)
        heard = await lives_of(lives).recent("thora", "ann")
        assert [one.text for one in heard] == ["Brynja Ironhand: Aye.", "Barnaby Holt: Aye."]
        own = await lives_of(lives).recent("barnaby", "brynja")
        assert [(one.text, one.source) for one in own] == [("Aye.", "heard"), ("Aye.", "said")]
