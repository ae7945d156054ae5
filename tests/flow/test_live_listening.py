"""An open microphone and a push-to-talk key: what is told, when work begins, and what leaves nothing behind."""

import gc
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import HANG, QUIET, REPLY, SAID, VOICE, Ears, Mind, Mouth, pcm

from npc_runtime import events
from npc_runtime.errors import InputError

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

ACTING = "[emotion joy weak] Good day to you. [action repair_item item=iron_sword]"
ACTED = "do repair_item {'item': 'iron_sword'}"
LONGEST = 0.75
"""Seconds of silence after which a turn that may be over is over, with the frames on the way."""


async def test_a_spoken_line_is_answered_in_order(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        await anyio.sleep(1)
        spoke = anyio.current_time()
        await game.talk(800)
        fell_silent = anyio.current_time()
        assert 0 < await game.until("attending") - spoke < 0.15  # the second one: the first was for turning to her
        assert 0 < await game.until("thinking") - fell_silent < 0.2
        committed = await game.until("heard Mend my sword.")
        assert 0.2 < committed - fell_silent < LONGEST
        await game.until("end done")
        await game.settle()
    assert game.lines() == ["attending", "listening", "attending", "thinking", "heard Mend my sword.", *SAID]
    for engine in game.engines:
        assert fell_silent < engine.live[0].started < committed
    assert len(game.mind.requests) == 1
    [end] = game.of(events.TurnEnd)
    assert list(end.timings)[:2] == ["stt_ms", "first_token_ms"]
    assert end.timings["endpoint_ms"] == pytest.approx((committed - fell_silent) * 1000, abs=60)
    assert end.timings["first_audio_ms"] >= end.timings["endpoint_ms"]


@pytest.mark.parametrize("slow", ["ears", "mind", "mouth"])
async def test_the_answer_comes_however_slow_an_engine_is(play: "Play", slow: str) -> None:
    parts = {"ears": Ears((3.0, "Mend my sword.")), "mind": Mind((3.0, REPLY)), "mouth": Mouth(first=3.0)}
    async with play(**{slow: parts[slow]}) as game:
        await game.listen()
        await game.talk(800)
        await game.until("end done")
        await game.settle()
    assert game.lines()[3:] == ["thinking", "heard Mend my sword.", *SAID]


async def test_the_prompt_is_read_while_the_player_still_speaks(play: "Play") -> None:
    async with play() as game:
        await anyio.sleep(1)
        await game.listen()
        spoke = anyio.current_time()
        await game.talk(800)
        assert game.mind.warmed == [("brynja", "")] * 2
        assert spoke < game.mind.jobs[1].started < spoke + 0.2
        await game.until("end done")


async def paused(game: "Game") -> None:
    """Speak, pause for long enough to be answered and not long enough to have finished, and speak on."""
    await game.listen()
    await game.talk(800, 300, 800)


@pytest.mark.parametrize(
    ("ears", "mind", "mouth"),
    [
        (Ears((HANG,), (0.1, "Mend it.")), Mind(), Mouth()),
        (Ears((0.01, "Mend")), Mind((HANG,), (0.1, ACTING)), Mouth()),
        (Ears((0.01, "Mend")), Mind((0.01, "[emotion anger"), (0.01, ACTING)), Mouth()),
        (Ears((0.01, "Mend")), Mind((0.01, ACTING)), Mouth(good=0.5)),
        (Ears((0.01, "Mend")), Mind((0.01, ACTING)), Mouth(first=0.01, each=0.01)),
    ],
    ids=["decode", "prefill", "tokens", "clause", "everything ready"],
)
async def test_who_goes_on_takes_the_answer_back(play: "Play", ears: Ears, mind: Mind, mouth: Mouth) -> None:
    async with play(ears=ears, mind=mind, mouth=mouth) as game:
        await paused(game)
        await game.settle()
        first = [job for engine in game.engines for job in engine.live if job.started < 1.4]
        assert first
        assert {job.how for job in first} <= {"cancelled", "done"}
        assert all(job.ended is not None and job.ended < 1.5 for job in first)
        assert game.lines()[2:] == ["attending", "thinking", "attending"]
        await game.until("end done")
        await game.settle()
    assert [event.turn for event in game.of(events.TurnBegin)] == [1]
    assert game.lines().count("thinking") == 2
    assert len([text for text in game.lines() if text.startswith("heard")]) == 1
    assert len(game.ears.heard[-1]) > len(game.ears.heard[0]) + 16_000
    assert game.finished == [(1, "done")]


async def test_an_answer_that_was_taken_back_was_never_made(play: "Play") -> None:
    async with play(ears=Ears((0.01, "Mend it.")), mind=Mind((0.01, ACTING)), mouth=Mouth(0.01, 0.01)) as game:
        await paused(game)
        await game.until("end done")
        assert game.lines().count(ACTED) == 1  # the cooldown of the first one would have forbidden it
        await game.type("And?")
        await game.until("end done")
    assert game.mind.remembers() == ["Mend it.", REPLY]
    assert "notice action_cooldown" in game.lines()


async def test_who_pauses_again_and_again_gets_one_answer(play: "Play") -> None:
    async with play(ears=Ears((0.05, "And"))) as game:
        await game.listen()
        for _ in range(6):
            await game.talk(400, 250)
        await game.until("end done")
        await game.settle()
    assert game.lines().count("begin") == 1
    assert game.session.turns == 1


async def test_words_that_must_go_on_are_waited_for(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Mend my sword and"))) as game:
        await game.listen()
        await game.talk(800)
        fell_silent = anyio.current_time()
        assert LONGEST < await game.until("begin") - fell_silent < 2.1


async def test_partial_transcripts_are_shown_while_the_player_speaks(play: "Play") -> None:
    async with play(ears=Ears(partial=(0.1, "Mend"))) as game:
        await game.listen()
        await game.talk(3000)
        before = await game.settle()
        await game.until("end done")
    assert 1 <= game.lines(0, before).count("hearing Mend") <= 6
    assert "hearing Mend" not in game.lines()[game.lines().index("heard Mend my sword.") :]


async def test_what_is_understood_so_far_is_read_ahead_of_time(play: "Play") -> None:
    async with play(ears=Ears(partial=(0.1, "Mend my sword."))) as game:
        await game.listen()
        await game.talk(2500)
        assert ("brynja", "Mend my") in game.mind.warmed  # the last word may yet become another
        await game.until("end done")


async def test_a_partial_that_comes_late_is_not_shown(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Mend it."), partial=(5.0, "Mend"))) as game:
        await game.listen()
        await game.talk(2500)
        await game.until("end done")
        assert game.ears.busy
        await anyio.sleep(5)
    assert "hearing Mend" not in game.lines()


async def test_a_partial_that_comes_in_a_pause_does_not_disturb_the_answer(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Mend it."), partial=(0.3, "Mend it")), mind=Mind((2.0, REPLY))) as game:
        game.ears.on_partial = lambda: setattr(game, "level", QUIET)
        await game.listen()
        game.level = VOICE
        await game.until("begin")
        await anyio.sleep(1)
        [answer] = game.mind.live
        assert answer.ended is None
        assert not any(job.rank and job.started > answer.started for job in game.mind.jobs)


async def test_partials_go_on_after_the_player_turned_away_and_back(play: "Play") -> None:
    async with play(ears=Ears(partial=(0.05, "Mend"))) as game:
        await game.listen()
        await game.send("talk.stop", character="brynja")
        await game.talk(2500, 1000)
        await game.send("talk.start", character="brynja")
        before = await game.settle()
        await game.talk(2500)
        assert "hearing Mend" in game.lines(before)


async def test_a_noise_is_no_turn(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        await game.talk(50, 2000)
        await game.settle()
    assert game.lines() == ["attending", "listening", "attending", "idle"]
    assert game.ears.jobs == []


async def test_a_voice_without_words_is_no_turn(play: "Play") -> None:
    async with play(ears=Ears((0.1, ""))) as game:
        await game.listen()
        await game.talk(800, 2000)
        before = await game.settle()
        await game.type()
        await game.until("end done")
    assert game.lines(0, before)[2:] == ["attending", "thinking", "heard silence", "idle"]
    assert game.of(events.TurnBegin)[0].turn == 1


async def test_silence_for_an_hour(play: "Play") -> None:
    async with play() as game:
        await game.send("listen.start", mode="open_mic", rate=16_000)
        things = 0
        for second in range(3600):
            if second == 60:
                gc.collect()
                things = len(gc.get_objects())
            await game.live.audio(pcm(QUIET, 1))
            await anyio.sleep(1)
        assert await game.settle() == 2
        assert len(game.mind.jobs) == 1  # the prompt was read once
        gc.collect()
        assert len(gc.get_objects()) - things < 100
        await game.listen()
        await game.talk(800)
        await game.until("end done")
    assert game.session.turns == 1


async def test_a_key_that_is_released_ends_the_turn_at_once(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Mend my sword and"))) as game:
        await game.listen("push_to_talk")
        await game.talk(800, 2000)
        assert "begin" not in game.lines()
        assert game.mind.requests  # yet the answer is ready
        released = anyio.current_time()
        await game.hush()
        assert await game.until("say Good day to you.") - released < 0.001
        await game.until("end done")
        await game.settle()
    assert game.lines()[1:] == ["listening", "attending", "thinking", "heard Mend my sword and", *SAID]


async def test_a_short_word_with_a_key_is_a_turn(play: "Play") -> None:
    async with play(ears=Ears((0.05, "No."))) as game:
        await game.listen("push_to_talk")
        await anyio.sleep(0.2)
        await game.talk(50)
        await game.hush()
        await game.until("end done")
        await game.settle()
    assert [text for text in game.lines() if text.startswith(("heard", "end"))] == ["heard No.", "end done"]


async def test_a_key_without_a_word_is_no_turn(play: "Play") -> None:
    async with play() as game:
        await game.send("listen.start", mode="push_to_talk", rate=16_000)
        await game.live.audio(bytes(32_000))
        await game.send("listen.stop")
        await game.settle()
    assert game.lines() == ["attending", "listening", "idle"]
    assert game.ears.jobs == []


async def test_a_microphone_that_is_switched_off_ends_the_turn(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        await game.talk(800)
        await game.hush()
        await game.until("end done")
        await game.settle()
    assert game.lines()[3:] == ["thinking", "heard Mend my sword.", *SAID]


@pytest.mark.parametrize("pause", [60, 250])
async def test_a_microphone_that_starts_anew_forgets_what_was_said(play: "Play", pause: int) -> None:
    async with play(mind=Mind((HANG,))) as game:
        await game.listen()
        await game.talk(800, pause)
        before = await game.settle()
        assert game.ears.live
        await game.listen()
        await anyio.sleep(3)
        assert not any(engine.busy for engine in game.engines)
    assert game.lines(before) == ["listening"]
    assert game.session.turns == 0


async def test_listening_must_have_begun(play: "Play") -> None:
    async with play() as game:
        with pytest.raises(InputError) as stopped:
            await game.send("listen.stop")
        with pytest.raises(InputError) as fed:
            await game.live.audio(pcm(VOICE, 0.1))
        await game.listen()
        await game.hush()
        with pytest.raises(InputError):
            await game.send("listen.stop")
    assert (stopped.value.code, fed.value.code) == ("wrong_order", "wrong_order")


async def test_nobody_hears_who_talks_to_nobody(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        await game.send("talk.stop", character="brynja")
        before = await game.settle()
        await game.talk(800, 2000)
        await game.settle()
    assert game.lines(before) == []
    assert game.ears.jobs == []


async def test_who_turns_away_in_a_pause_is_not_answered(play: "Play") -> None:
    async with play(mind=Mind((HANG,))) as game:
        await game.listen()
        await game.talk(800, 250)
        before = await game.settle()
        await game.send("talk.stop", character="brynja")
        await anyio.sleep(3)
        assert not any(engine.busy for engine in game.engines)
    assert game.lines(before) == ["idle"]
    assert game.session.turns == 0


async def test_a_noise_that_ends_while_the_character_answers_does_not_make_it_idle(play: "Play") -> None:
    async with play(mind=Mind((1.0, REPLY))) as game:
        await game.listen()
        game.level = VOICE
        await game.until("attending")
        game.level = QUIET
        before = await game.settle()
        await game.type()
        await game.until("end done")
        await game.settle()
    assert game.lines(before) == ["heard Hello.", "thinking", *SAID]


async def test_who_writes_in_a_pause_is_answered(play: "Play") -> None:
    async with play() as game:
        await game.listen()
        await game.talk(800, 150)
        await game.type()
        await anyio.sleep(5)
        await game.settle()
    assert game.finished[-1][1] == "done"
    assert game.mind.requests[-1].messages[-1].text.endswith("Hello.")
