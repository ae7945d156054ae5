"""Actions of turns that are broken off, taken back or overtaken, in a live session: what goes on, and what is told."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._errands import answer, ask, latest, prompt, smithy, told
from tests.flow._scripted import Ears
from tests.flow._village import minds

from npc_runtime import events
from npc_runtime.actions.requests import MOST_OPEN
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError
from npc_runtime.lives import Life, Lived
from npc_runtime.scene import Scene

if TYPE_CHECKING:
    from tests.flow.conftest import Play

pytestmark = pytest.mark.anyio

AYE = "[emotion joy weak] Aye."
MEND, LIFT, NOD = "do mend {}", "do lift {}", "do nod {}"
FAILED = "You failed at this (lift): too heavy."


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return smithy(tmp_path)


@pytest.mark.parametrize("how", ["interrupt", "line", "leave", "voice"])
@pytest.mark.parametrize("small", [True, False])
async def test_a_wait_that_is_broken_off_is_told_of_later(play: "Play", how: str, small: bool) -> None:
    mind = minds(" Aye." if small else AYE, small=small)
    async with play(mind=mind, ears=Ears((0.05, "Wait."))) as game:
        if how == "voice":
            await game.listen()
        await ask(game, "Lift the anvil!", LIFT)
        before = len(game.told)
        match how:
            case "interrupt":
                await game.interrupt()
            case "line":
                await game.type("Wait.")
            case "leave":
                await game.send("talk.stop", character="brynja")
            case "voice":
                await game.talk(800, 1500)
        await anyio.sleep(4)
        assert told(game, before)[:1] == ["end interrupted"]
        assert "say So there." not in told(game)
        await answer(game, "failed", message="too heavy")
        await game.settle()
        assert told(game)[-1] == "notice action_failed"  # it is not spoken about before somebody speaks
        await game.send("talk.start", character="brynja")
        await ask(game, "Well?", "end done")
        assert FAILED in prompt(game)
        await ask(game, "Well?", "end done")
        assert FAILED not in prompt(game)


async def test_what_is_known_when_a_turn_is_broken_off_is_not_lost(play: "Play") -> None:
    async with play(mind=minds("[emotion joy weak] Too heavy, I say.")) as game:
        for waited in (False, True):
            await ask(game, "Lift the anvil!", LIFT)
            await answer(game, "failed", message="too heavy")
            if waited:  # the model is at it
                await anyio.sleep(0.05)
            await game.interrupt()
            await ask(game, "Well?", "end done")
            assert FAILED in prompt(game)


async def test_what_was_planned_after_an_action_is_not_done_when_words_are_broken_off(play: "Play") -> None:
    async with play() as game:
        await game.type("Mend my sword!")
        await game.until("piece")
        before = await game.settle()
        await game.interrupt()
        await game.settle()
        assert told(game, before) == ["speech.stop", MEND, "end interrupted"]
        trust = game.of(events.Emotion)[-1].relation.trust
        await answer(game)
        await anyio.sleep(10)
        assert NOD not in told(game) and game.of(events.Emotion)[-1].relation.trust == trust


async def test_it_is_done_where_no_game_answers(play: "Play") -> None:
    async with play(answers=False) as game:
        await game.type("Mend my sword!")
        await game.until("piece")
        before = await game.settle()
        await game.interrupt()
        await game.settle()
        assert told(game, before) == ["speech.stop", MEND, NOD, "end interrupted"]


async def test_an_answer_that_is_taken_back_asks_for_nothing(play: "Play") -> None:
    ears = Ears((0.05, "Lift the anvil"), (0.05, "Lift the anvil, please."), (0.05, "Lift the anvil."))
    async with play(ears=ears) as game:
        await game.listen()
        await game.talk(800, 250, 600)  # the first action is prepared, and waits, when the player goes on
        await game.until(LIFT)
        await game.hush()
        [action] = game.of(events.Action)
        before = await game.settle()
        await anyio.sleep(2)
        assert told(game, before) == []
        await answer(game)
        await game.until("end done")
        assert told(game, before) == ["say So there.", "end done"]
        assert action.id == "1.1"


async def test_what_is_gone_when_an_action_would_leave_is_not_asked_for(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Mend my sword."))) as game:
        await game.listen()
        await game.talk(800)
        await anyio.sleep(0.38)  # the answer is prepared, as far as it goes
        draft = game.live._stage.draft
        assert draft is not None and draft.turn is not None and draft.turn.acted
        await game.send("scene.update", entities=[])
        await game.until("end done")
        assert told(game)[-3:] == ["notice action_refused", "say Good day to you.", "end done"]
        assert "iron_sword is not here any more" in prompt(game)
        assert game.of(events.Action) == []
        await game.send("scene.update", entities=[{"id": "axe"}])
        await ask(game, "Mend my sword!", "say Let me see.")
        await game.send("scene.update", entities=[{"id": "pot"}])  # while it speaks
        await game.until(MEND)
        assert latest(game).target == "pot"


async def test_a_voice_that_stops_an_action_does_not_ask_for_it_again(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Lift the anvil."), (0.05, "No."))) as game:
        await game.listen()
        await game.talk(800, 1500)
        await game.until(LIFT)
        await game.talk(800, 1500)
        await game.until("end done")
        assert len(game.of(events.Action)) == 1
        first, second = game.ears.heard
        assert abs(len(first) - len(second)) < 16_000 * 0.5  # the words before are not heard again


async def test_what_fails_between_an_answer_and_its_commitment_stays_undone(play: "Play") -> None:
    ears = Ears((0.05, "Mend my sword."), (0.05, "Mend my sword."))
    async with play(ears=ears) as game:
        await ask(game, "Mend my sword!", MEND)
        await game.interrupt()
        await game.listen()
        await game.talk(800)
        await anyio.sleep(0.4)  # the next answer is prepared with what was done until now
        await answer(game, "failed")
        await game.until("end done", "end failed")
        assert "notice action_cooldown" in told(game)  # it was judged while the first one was under way
        await game.hush()
        await ask(game, "Mend my sword!", MEND)


@pytest.mark.parametrize("id", ["", "9.9", "1.2", "1.1 "])
async def test_an_answer_about_something_else(play: "Play", id: str) -> None:
    async with play() as game:
        before = await ask(game, "Lift the anvil!", LIFT)
        for type, more in (("action.result", {"status": "done"}), ("action.confirm", {"allow": True})):
            with pytest.raises((InputError, ValueError)):
                await game.send(type, id=id, **more)
        with pytest.raises(InputError) as wrong:
            await game.send("action.confirm", id=latest(game).id, allow=True)
        assert wrong.value.code == "wrong_order"
        await anyio.sleep(1)
        assert told(game, before) == [LIFT]


async def test_more_actions_than_anybody_can_follow(play: "Play") -> None:
    async with play() as game:
        for _ in range(MOST_OPEN + 6):
            await ask(game, "Lift the anvil!", LIFT)
        notices = [one for one in game.of(events.Notice) if one.code == "action_timed_out"]
        assert [one.turn for one in notices] == [1, 2, 3, 4, 5, 6]
        await answer(game)
        await game.until("end done")
        await anyio.sleep(11)
        assert len([one for one in game.of(events.Notice) if one.code == "action_timed_out"]) == MOST_OPEN + 5


async def test_an_event_waits_for_the_game_too(play: "Play") -> None:
    async with play() as game:
        before = await game.settle()
        await game.send("game.event", name="bell_rang", to="brynja")
        await game.send("game.event", name="bell_rang", to="brynja")
        await game.until(LIFT)
        await game.settle()
        assert told(game, before) == [LIFT]
        await answer(game)
        await game.until(LIFT)
        await game.settle()
        assert told(game, before) == [LIFT, "say At the bell.", "end done", LIFT]
        await answer(game, "failed")
        await game.until("end done")
        assert told(game, before)[4:] == ["notice action_failed", "say Good day to you.", "end done"]
        assert "You tried this and failed (lift)" in prompt(game)


async def test_characters_who_talk_among_themselves_act(play: "Play") -> None:
    mind = minds("[emotion joy weak] Look. [action lift]", "[emotion joy weak] It will not move.", AYE)
    async with play(mind=mind, character="") as game:
        before = await game.settle()
        await game.send("converse", characters=["brynja", "barnaby"], max_turns=2)
        await game.until(LIFT)
        await anyio.sleep(3)
        assert told(game, before) == ["say Look.", LIFT]
        await answer(game, "failed")
        await game.until("end done")
        await game.until("end done")
        assert told(game, before)[2:] == [
            "notice action_failed",
            "say It will not move.",
            "end done",
            "say Aye.",
            "end done",
        ]
        assert latest(game).character == "brynja"


async def test_every_end_is_remembered(play: "Play", monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[str, str, str]] = []

    async def record(life: Life, lived: list[Lived], scene: Scene, **_: object) -> None:
        kept.extend((life._character.id, life._player.id, one.text) for one in lived if one.kind == "action")

    monkeypatch.setattr(Life, "record", record)
    mind = minds("[emotion joy weak] Look. [action lift] [action nod]", AYE)
    async with play(mind=mind, character="") as game:
        await game.send("converse", characters=["barnaby", "brynja"], max_turns=1)
        await game.until(LIFT)
        await answer(game, result="it is light")
        await game.until("end done")
        assert kept == [("barnaby", "brynja", "lift (done: it is light)")]
        await game.send("talk.start", character="brynja")
        await ask(game, "Mend my sword!", MEND)
        await answer(game, "failed", message="a crack")
        await ask(game, "Open the gate!", "do gate {}")
        await game.send("action.confirm", id=latest(game).id, allow=False)
        await anyio.sleep(40)
        assert kept[1:] == [
            ("brynja", "player", "mend: iron sword (failed: a crack)"),
            ("brynja", "player", "gate (not possible: it was not allowed)"),
            ("barnaby", "brynja", "nod (done)"),
        ]
        await ask(game, "Lift the anvil!", LIFT)
    assert kept[4:] == [("brynja", "player", "lift (nothing came of it: the game is gone)")]
