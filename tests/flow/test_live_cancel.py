"""A turn is broken off: silence at once, every engine free soon, and only what was heard is said and remembered."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import HANG, QUIET, REPLY, SAID, VOICE, Ears, Mind, Mouth, Script
from tests.flow.conftest import new_house

from npc_runtime import events

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

ONE, TWO = "Good day to you.", "What brings you here?"
LONG = f"[emotion joy weak] {ONE} [action refuse_service] {TWO}"
AT_ONCE, FREE = 0.05, 0.25
"""Seconds until the voice must stop, and until all engines must be free."""


@dataclass(frozen=True)
class Stage:
    """How far a turn has come when it is broken off."""

    until: str
    """The last line before."""
    after: float = 0.3
    """Seconds from there."""
    reply: Script = (0.1, LONG)
    mouth: Callable[[], Mouth] = Mouth
    text: str = ""
    """What was heard of the reply."""
    acted: bool = False
    sounds: bool = False
    reports: bool = False
    works: tuple[str, ...] = ()
    """The engines that are in the middle of it."""


STAGES = {
    "prefill": Stage("begin", reply=(HANG,), works=("mind",)),
    "before the first word": Stage("joy weak", reply=("[emotion joy weak]", HANG), works=("mind",)),
    "between tokens": Stage("joy weak", reply=("[emotion joy weak] Good day", HANG), works=("mind",)),
    "before the first sound": Stage("joy weak", mouth=lambda: Mouth(good=HANG), works=("mouth",)),
    "both at work": Stage(
        "joy weak",
        reply=(f"[emotion joy weak] {ONE} And", HANG),
        mouth=lambda: Mouth(good=HANG),
        works=("mind", "mouth"),
    ),
    "inside a clause": Stage(
        "piece", 0.62, mouth=lambda: Mouth(you=HANG), text="Good day …", sounds=True, works=("mouth",)
    ),
    "between clauses": Stage(
        "audio",
        0.56,
        reply=(0.1, f"[emotion joy weak] {ONE} What", HANG),
        text="Good day …",
        sounds=True,
        works=("mind",),
    ),
    "first clause played": Stage(
        "audio", 3.0, reply=(0.1, f"[emotion joy weak] {ONE} What", HANG), text=ONE, sounds=True, works=("mind",)
    ),
    "while it plays": Stage("do refuse_service {}", 1.56, text=f"{ONE} What brings …", acted=True, sounds=True),
    "while it plays and is reported": Stage(
        "do refuse_service {}", 1.56, text=f"{ONE} What brings …", acted=True, sounds=True, reports=True
    ),
}
each_stage = pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)


async def reached(game: "Game", stage: Stage) -> int:
    """Let a turn come so far."""
    await game.type()
    await game.until(stage.until)
    await anyio.sleep(stage.after)
    working = {name for name in ("mind", "mouth") if any(job.ended is None for job in getattr(game, name).live)}
    assert working == set(stage.works)
    return await game.settle()


def broken_off(game: "Game", at: float, since: int, stage: Stage) -> None:
    """Check that the turn ended then, and how."""
    ending = [*(["speech.stop"] if stage.sounds else []), "end interrupted", "idle"]
    assert game.lines(since, sound=True)[: len(ending)] == ending
    assert all(told - at < AT_ONCE for told, _ in game.told[since : since + len(ending)])
    [end] = game.of(events.TurnEnd)
    assert (end.reason, end.text) == ("interrupted", stage.text)
    assert ("do refuse_service {}" in game.lines()) is stage.acted


def all_free(game: "Game", at: float) -> None:
    """Check that what worked for the turn that was broken off has stopped in time."""
    jobs = [job for engine in game.engines for job in engine.live if job.started < at]
    assert all(job.ended is not None and job.ended - at < FREE for job in jobs)


def remembered(stage: Stage) -> list[str]:
    return ["Hello.", f"[emotion joy weak] {stage.text}"] if stage.text else []


def mind(stage: Stage) -> Mind:
    return Mind(stage.reply, (0.1, REPLY))


@each_stage
@pytest.mark.parametrize("times", [1, 2])
async def test_the_game_says_interrupt(play: "Play", stage: Stage, times: int) -> None:
    async with play(mind=mind(stage), mouth=stage.mouth(), reports=stage.reports) as game:
        since = await reached(game, stage)
        at = anyio.current_time()
        for _ in range(times):
            await game.interrupt()
            await anyio.sleep(0.03)
        await anyio.sleep(FREE)
        all_free(game, at)
        broken_off(game, at, since, stage)
        assert len(game.lines(since)) == 2 + stage.sounds
        before = await game.settle()
        await game.type("And then?")
        await game.until("end done")
        await game.settle()
    assert game.lines(before) == ["heard And then?", "thinking", *SAID]
    assert game.mind.remembers() == remembered(stage)
    assert game.finished == [(1, "interrupted"), (2, "done")]


@each_stage
async def test_the_player_speaks(play: "Play", stage: Stage) -> None:
    async with play(mind=mind(stage), mouth=stage.mouth(), reports=stage.reports) as game:
        await game.listen()
        await anyio.sleep(1)
        since = await reached(game, replace(stage, after=max(0.01, stage.after - 0.3)))
        game.level = VOICE
        at = await game.until("end interrupted", within=0.4)
        await anyio.sleep(0.3)
        all_free(game, at)
        game.level = QUIET
        await game.until("end done")
        await game.settle()
    ending = [*(["speech.stop"] if stage.sounds else []), "end interrupted", "idle", "attending"]
    rest = game.lines(since, sound=True)
    first = rest.index(ending[0])
    assert rest[first : first + len(ending)] == ending
    assert all(at - told < 0.001 for told, event in game.told if isinstance(event, events.SpeechStop))
    assert [text for text in game.lines(since) if text.startswith("heard")] == ["heard Mend my sword."]
    [interrupted, done] = game.of(events.TurnEnd)
    assert interrupted.text.split(" …")[0] in f"{ONE} {TWO}"
    assert (interrupted.text == "") is (stage.text == "")
    assert done.text == ONE


@each_stage
async def test_the_player_writes_something_else(play: "Play", stage: Stage) -> None:
    async with play(mind=mind(stage), mouth=stage.mouth(), reports=stage.reports) as game:
        since = await reached(game, stage)
        at = anyio.current_time()
        await game.type("And then?")
        await game.until("end done")
        await game.settle()
        all_free(game, at)
    assert game.lines(since)[stage.sounds :] == ["end interrupted", "idle", "heard And then?", "thinking", *SAID]
    assert game.mind.remembers() == remembered(stage)


async def test_a_game_that_does_not_play_has_not_been_heard(play: "Play") -> None:
    async with play(mind=Mind((0.1, LONG), (0.1, REPLY)), reports=True) as game:
        await game.type()
        await game.until("piece")
        await anyio.sleep(0.62)
        game.speakers.stall(True)
        await anyio.sleep(5)
        await game.interrupt()
        await game.settle()
        game.speakers.stall(False)
        await game.type("And then?")
        await game.until("end done")
    assert game.of(events.TurnEnd)[0].text == "Good day …"
    assert game.mind.remembers() == ["Hello.", "[emotion joy weak] Good day …"]


async def test_half_a_word_was_not_heard(play: "Play") -> None:
    async with play(mind=Mind((0.1, "[emotion joy weak] Certainly not. No."))) as game:
        await game.type()
        await game.until("piece")
        await anyio.sleep(0.2)
        await game.interrupt()
        await game.settle()
    assert game.of(events.TurnEnd)[0].text == ""


async def test_an_action_stays_done_and_one_that_was_not_reached_may_still_come(play: "Play") -> None:
    mend = "[action repair_item item=iron_sword]"
    replies = [
        (0.1, f"[emotion joy weak] {ONE} {mend} Well."),
        (0.1, f"[emotion joy weak] {mend} Well.", HANG),
        (0.1, mend),
    ]
    done = "do repair_item {'item': 'iron_sword'}"
    async with play(mind=Mind(*replies), mouth=Mouth(you=HANG)) as game:
        await game.type()
        await game.until("piece")
        await anyio.sleep(1)
        await game.interrupt()
        assert done not in game.lines()
        await game.type()
        await game.until(done)
        await game.interrupt()
        await game.type()
        await game.until("notice action_cooldown")
        await game.until("end failed", "end done")
    assert game.lines().count(done) == 1


@pytest.mark.parametrize("by", ["message", "voice", "words"])
async def test_while_the_words_are_recognised(play: "Play", by: str) -> None:
    async with play(ears=Ears((HANG,), (0.1, "Mend my sword."))) as game:
        await game.listen()
        await game.talk(800, 900)
        since = await game.settle()
        assert game.ears.busy
        match by:
            case "message":
                at = anyio.current_time()
                await game.interrupt()
            case "voice":
                game.level = VOICE
                at = await game.until("idle", within=0.4)
            case _:
                at = anyio.current_time()
                await game.type("And then?")
        await anyio.sleep(FREE)
        all_free(game, at)
        game.level = QUIET
        if by == "message":
            assert game.lines(since) == ["idle"]
            await game.talk(800)
        await game.until("end done")
        await game.settle()
    assert game.lines(since)[0] == "idle"
    assert game.lines(since)[-len(SAID) :] == SAID
    assert game.session.turns == 1
    assert game.mind.remembers() == []


async def test_words_come_faster_than_they_can_be_answered(play: "Play") -> None:
    async with play() as game:
        for number in range(3):
            await game.type(f"Line {number}.")
            await anyio.sleep(0.02)
        await game.until("end done")
        await game.settle()
        assert not any(engine.live[-1].ended is None for engine in (game.mind, game.mouth))
    assert [text for text in game.lines() if text.startswith(("heard", "end"))] == [
        "heard Line 0.",
        "end interrupted",
        "heard Line 1.",
        "end interrupted",
        "heard Line 2.",
        "end done",
    ]


async def test_nobody_has_to_wait_for_what_was_taken_back(play: "Play") -> None:
    async with play(ears=Ears((0.3, "Mend my sword."), unwinding=0.8), house=new_house(places=2)) as game:
        await game.listen()
        await game.talk(250, 150, 250, 150, 250)
        await game.until("end done")
    assert "say Not now." not in game.lines()
    assert game.mind.requests
