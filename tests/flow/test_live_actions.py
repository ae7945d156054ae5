"""Actions that the game answers, in a live session: what waits, what is said then, and what goes on."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._errands import answer, ask, latest, prompt, smithy, told
from tests.flow._scripted import HANG
from tests.flow._village import SmallMind, minds
from tests.flow.conftest import new_house

from npc_runtime import events
from npc_runtime.actions.requests import CONFIRM_SECONDS, SILENT_SECONDS
from npc_runtime.aftermath import HOLD_SECONDS
from npc_runtime.content.library import Library
from npc_runtime.errors import EngineError, InputError

if TYPE_CHECKING:
    from tests.flow._scripted import Mind
    from tests.flow.conftest import Play

pytestmark = pytest.mark.anyio

AYE = "[emotion joy weak] Aye."
MEND = "do mend {}"
LIFT = "do lift {}"
USUAL = {
    "failed": (
        "say It is no use.",
        "say That did not work.",
        "say I tried, but nothing came of it.",
    ),
    "refused": ("say I cannot do that now.", "say No, that will not do now.", "say Not now."),
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return smithy(tmp_path)


async def test_what_follows_waits_for_the_answer(play: "Play") -> None:
    async with play() as game:
        before = await ask(game, "Mend my sword!", MEND)
        await anyio.sleep(4.5)
        assert told(game, before) == ["say Let me see.", MEND]
        assert latest(game).target == "iron_sword" and latest(game).needs_result
        await answer(game)
        await game.until("end done")
        assert told(game, before) == [
            "say Let me see.",
            MEND,
            "say The iron sword is mended.",
            "say There you go.",
            "do nod {}",
            "end done",
        ]
        before = await ask(game, "Mend my sword!", "end done")
        assert "notice action_cooldown" in told(game, before)
    assert game.mind.requests == []


async def test_what_failed_is_said_and_does_not_count(play: "Play") -> None:
    async with play() as game:
        for message, line in (
            (None, "The iron sword will not hold."),
            ("a crack", "My hammer broke: a crack."),  # in another turn there is no cooldown
            ("a crack", "The iron sword will not hold."),
        ):
            before = await ask(game, "Mend my sword!", MEND)
            await answer(game, "failed", message=message)
            await game.until("end done")
            assert told(game, before) == ["say Let me see.", MEND, "notice action_failed", f"say {line}", "end done"]


async def test_a_game_that_does_not_answer(play: "Play") -> None:
    async with play() as game:
        before = await ask(game, "Mend my sword!", MEND)
        asked = anyio.current_time()
        ended = await game.until("notice action_timed_out")
        assert ended - asked == pytest.approx(5, abs=0.1)
        await game.until("end done")
        assert told(game, before)[-2:] == ["say The iron sword will not hold.", "end done"]
        with pytest.raises(InputError) as late:
            await answer(game)
        assert late.value.code == "action_over"


async def test_a_small_model_is_not_asked_to_explain(play: "Play") -> None:
    async with play(mind=minds(AYE, small=True)) as game:
        for status in ("failed", "refused"):
            before = await ask(game, "Lift the anvil!", LIFT)
            await answer(game, status, message="too heavy")
            await game.until("end done")
            [action, notice, line, end] = told(game, before)
            assert (action, notice, end) == (LIFT, f"notice action_{status}", "end done")
            assert line in USUAL[status]
        before = await ask(game, "Lift the anvil!", LIFT)
        await answer(game, "done")
        await game.until("end done")
        assert told(game, before) == [LIFT, "say So there.", "end done"]
    assert game.mind.requests == []


async def test_a_larger_model_explains(play: "Play") -> None:
    async with play(mind=minds("[emotion sadness weak] Too heavy for me.")) as game:
        before = await ask(game, "Lift the anvil!", LIFT)
        await answer(game, "failed", message="it weighs a ton")
        await game.until("end done")
        assert told(game, before) == [LIFT, "notice action_failed", "say Too heavy for me.", "end done"]
        assert "You tried this and failed (lift): it weighs a ton. Say so." in prompt(game)
        await ask(game, "And now?", "end done")
        assert "weighs a ton" not in prompt(game)  # it has spoken about it


@pytest.mark.parametrize("trouble", ["", EngineError("gone"), "[narration]"])
async def test_what_a_model_has_no_words_for_is_said_all_the_same(play: "Play", trouble: str | Exception) -> None:
    async with play(mind=scripted((0.1, trouble))) as game:
        before = await ask(game, "Lift the anvil!", LIFT)
        await answer(game, "failed")
        await game.until("end done")
        said = [line for line in told(game, before) if line.startswith("say ")]
        assert said == ["say That did not work."]
        assert told(game, before)[-1] == "end done"


async def test_a_stream_is_left_where_an_action_fails(play: "Play") -> None:
    mind = scripted((0.1, "[emotion joy weak] Up it goes. [action lift] ", "It is up now. ", HANG), (0.1, AYE))
    async with play(mind=mind) as game:
        before = await ask(game, "Be strong.", LIFT)
        await answer(game, "failed")
        await game.until("end done")
        assert told(game, before) == ["say Up it goes.", LIFT, "notice action_failed", "say Aye.", "end done"]
        assert 'You have just said: "Up it goes."' in prompt(game)
        assert [job.how for job in mind.live] == ["cancelled", "done"]


async def test_a_stream_goes_on_where_an_action_is_done(play: "Play") -> None:
    mind = minds("[emotion joy weak] Up it goes. [action lift] It is up now. [action nod]")
    async with play(mind=mind) as game:
        before = await ask(game, "Be strong.", LIFT)
        assert told(game, before) == ["say Up it goes.", LIFT]
        await answer(game)
        await game.until("end done")
        assert told(game, before)[2:] == ["say It is up now.", "do nod {}", "end done"]
    assert len(mind.requests) == 1


async def test_what_was_found_out_is_told(play: "Play") -> None:
    mind = minds("[emotion joy weak] I look. [action stock] There is plenty. [action nod]", AYE)
    async with play(mind=mind) as game:
        before = await ask(game, "How many?", "do stock {}")
        await answer(game, result=["iron_sword", 3, True])
        await game.until("end done")
        assert told(game, before) == ["say I look.", "do stock {}", "do nod {}", "say Aye.", "end done"]
        assert "You found out (stock): iron sword, 3, yes. Tell Traveller." in prompt(game)
        assert len(mind.requests) == 2
        before = await ask(game, "What is left?", "do stock {}")
        await answer(game, result={"swords": 0})
        await game.until("end done")
        assert "swords: 0" in prompt(game) and "Name a price." in prompt(game)
        assert told(game, before) == ["do stock {}", "say Aye.", "end done"]  # one call of the model
    assert len(mind.requests) == 3


async def test_a_small_model_tells_what_was_found_out_before_it_goes_on(play: "Play") -> None:
    async with play(mind=minds(" Ten crowns.", small=True)) as game:
        before = await ask(game, "What is left?", "do stock {}")
        await answer(game, result=[])
        await game.until("end done")
        assert told(game, before) == [
            "do stock {}",
            "say As far as I can tell: nothing.",
            "say Ten crowns.",
            "end done",
        ]


async def test_actions_of_one_reply_follow_one_another(play: "Play") -> None:
    mind = minds("[emotion joy weak] Watch. [action lift] [action stock] [action nod]", AYE)
    async with play(mind=mind) as game:
        before = await ask(game, "Go on.", LIFT)
        await anyio.sleep(1)
        assert told(game, before) == ["say Watch.", LIFT]
        await answer(game, result="it is light")
        await game.until("do stock {}")
        await answer(game, "failed")
        await game.until("end done")
        assert told(game, before)[2:] == ["do stock {}", "notice action_failed", "say Aye.", "end done"]
        assert "it is light" in prompt(game) and "failed (stock)" in prompt(game)


async def test_consent_comes_before_the_action(play: "Play") -> None:
    async with play() as game:
        before = await ask(game, "Open the gate!", "do gate {}")
        asked = latest(game)
        assert asked.needs_confirm
        await anyio.sleep(10)
        await game.send("action.confirm", id=asked.id, allow=True)
        await game.until("end done")
        assert told(game, before) == ["do gate {}", "do gate {}", "say Walk in.", "end done"]
        run = latest(game)
        assert (run.id, run.needs_confirm) == (asked.id, False)
        with pytest.raises(InputError) as twice:
            await game.send("action.confirm", id=asked.id, allow=True)
        assert twice.value.code == "wrong_order"
        await answer(game, "failed", message="it is stuck")
        before = await ask(game, "And now?", "end done")
        assert "You failed at this (gate): it is stuck." in prompt(game)
        with pytest.raises(InputError) as over:
            await game.send("action.confirm", id=asked.id, allow=False)
        assert over.value.code == "action_over"


async def test_without_consent_nothing_happens(play: "Play") -> None:
    async with play() as game:
        before = await ask(game, "Open the gate!", "do gate {}")
        await game.send("action.confirm", id=latest(game).id, allow=False)
        await game.until("end done")
        assert told(game, before) == ["do gate {}", "notice action_refused", "say The gate stays shut.", "end done"]
        assert len(game.of(events.Action)) == 1


async def test_a_turn_does_not_wait_for_ever_and_the_character_hears_of_it_later(play: "Play") -> None:
    async with play() as game:
        before = await ask(game, "Open the gate!", "do gate {}")
        await anyio.sleep(HOLD_SECONDS)
        await game.until("end done")
        assert told(game, before) == ["do gate {}", "end done"]
        await anyio.sleep(CONFIRM_SECONDS - HOLD_SECONDS)
        assert told(game, before)[2:] == ["notice action_timed_out"]
        await ask(game, "And now?", "end done")
        assert "gate" in prompt(game)
        assert len(game.of(events.Action)) == 1


async def test_consent_and_then_a_result(play: "Play") -> None:
    async with play() as game:
        before = await ask(game, "Open the vault!", "do vault {}")
        await game.send("action.confirm", id=latest(game).id, allow=True)
        await anyio.sleep(2)
        assert told(game, before) == ["do vault {}", "do vault {}"]
        await answer(game)
        await game.until("end done")
        assert told(game, before)[2:] == ["say It is open, Traveller.", "say All yours.", "end done"]


async def test_an_author_may_say_that_it_is_not_possible(play: "Play") -> None:
    async with play() as game:
        before = await ask(game, "Sell it!", "end done")
        assert told(game, before) == ["notice action_requirement", "say Not with you, Traveller.", "end done"]
        before = await ask(game, "Dance!", "end done")
        assert told(game, before) == ["notice action_requirement", "say Good day to you.", "end done"]
        assert "You could not do this (dance)" in prompt(game) and "Hum a tune." in prompt(game)
        await ask(game, "And now?", "end done")
        assert "dance" not in prompt(game)


async def test_an_impossible_action_of_the_model_is_told_to_it_later(play: "Play") -> None:
    async with play(mind=minds("[emotion joy weak] So be it. [action fly]", AYE)) as game:
        before = await ask(game, "Go on.", "end done")
        assert told(game, before) == ["say So be it.", "notice action_unknown_action", "end done"]
        await ask(game, "And?", "end done")
        assert "You could not do this (fly)" in prompt(game)
        await ask(game, "And?", "end done")
        assert "fly" not in prompt(game)


async def test_a_game_that_never_answers_is_not_waited_for(play: "Play") -> None:
    async with play(answers=False) as game:
        before = await ask(game, "Mend my sword!", "end done")
        assert told(game, before) == ["say Let me see.", MEND, "say There you go.", "do nod {}", "end done"]
        before = await ask(game, "Open the gate!", "end done")
        assert told(game, before) == ["do gate {}", "say Walk in.", "end done"]
        with pytest.raises(InputError):
            await answer(game)
        await anyio.sleep(2 * CONFIRM_SECONDS)
        assert not [line for line in told(game) if line.startswith("notice")]


async def test_a_turn_that_waits_lets_others_have_its_place(play: "Play") -> None:
    house = new_house(places=1)
    async with play(house=house) as game, play(house=house) as other:
        await ask(game, "Lift the anvil!", LIFT)
        before = await ask(other, "Hello.", "end done")
        assert "say Good day to you." in told(other, before)
        await answer(game)
        await game.until("end done")
        before = await ask(other, "Hello.", "end done")
        assert "say Good day to you." in told(other, before)


async def test_the_games_time_is_not_our_own(play: "Play") -> None:
    mind = minds("[emotion joy weak] [action lift] It is up now.", AYE)
    async with play(mind=mind) as game:
        for waits in (8, 0):
            await ask(game, "Be strong.", LIFT if waits else "end done")
            if waits:
                await anyio.sleep(waits)
                await answer(game)
                await game.until("end done")
        assert all(own == pytest.approx(0, abs=1) for own in game.own_ms)
        assert (
            game.of(events.TurnEnd)[0].timings["game_ms"] < 1000 < game.of(events.TurnEnd)[0].timings["first_audio_ms"]
        )
        assert not [line for line in game.lines() if line.startswith("filler")]  # the next answer is not late for that


async def test_a_silent_action_is_done_by_itself(play: "Play") -> None:
    async with play(mind=minds("[emotion joy weak] Aye. [action nod]", AYE)) as game:
        await ask(game, "Nod.", "end done")
        await anyio.sleep(SILENT_SECONDS)
        with pytest.raises(InputError) as over:
            await answer(game, "failed")
        assert over.value.code == "action_over"
        assert not [line for line in told(game) if line.startswith("notice")]


def scripted(*scripts: tuple[float | str | Exception, ...], small: bool = False) -> "Mind":
    from tests.flow._scripted import Mind

    return (SmallMind if small else Mind)(*scripts)
