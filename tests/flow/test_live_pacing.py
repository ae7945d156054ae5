"""The voice and the player's ears: never far ahead, never behind, whether the game reports playback or not."""

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import WORD_MS, Mind

from npc_runtime import events

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

INNS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
SENTENCES = [f"The {number} inn stood beside a very old road." for number in INNS]
WORDS = " ".join(SENTENCES)
CLAUSE_MS = len(SENTENCES[0].split()) * WORD_MS
TOTAL_MS = len(SENTENCES) * CLAUSE_MS
AHEAD_MS = 5000
REPORT_MS = 100
"""Between two reports of the scripted game."""


async def told_at_length(game: "Game") -> float:
    """Let somebody talk for twenty seconds; returns when the sound begins."""
    await game.send("player.text", text="Tell me more.", to="barnaby")
    return await game.until("piece")


def mind() -> Mind:
    return Mind((0.1, f"[emotion joy weak] {WORDS}"))


@pytest.mark.parametrize("reports", [False, True])
async def test_the_voice_is_ahead_but_not_far(play: "Play", reports: bool) -> None:
    async with play(mind=mind(), reports=reports) as game:
        began = await told_at_length(game)
        end = await game.until("end done")
    assert CLAUSE_MS < game.speakers.most_ahead_ms <= AHEAD_MS + CLAUSE_MS + REPORT_MS
    assert TOTAL_MS <= (end - began) * 1000 + 1 <= TOTAL_MS + 2 * REPORT_MS
    assert game.of(events.TurnEnd)[0].text == WORDS


async def test_a_game_that_stops_playing_for_a_while_is_waited_for(play: "Play") -> None:
    async with play(mind=mind(), reports=True) as game:
        began = await told_at_length(game)
        await anyio.sleep(3)
        game.speakers.stall(True)
        await anyio.sleep(60)
        assert "end done" not in game.lines()
        assert game.speakers.received_ms <= 3000 + AHEAD_MS + CLAUSE_MS + 2 * REPORT_MS
        game.speakers.stall(False)
        end = await game.until("end done")
    assert (end - began) * 1000 - 60_000 == pytest.approx(TOTAL_MS, abs=3 * REPORT_MS)


async def test_a_game_that_stalls_now_and_then_is_never_far_behind(play: "Play") -> None:
    async with play(mind=mind(), reports=True) as game:
        await told_at_length(game)
        for _ in range(12):
            await anyio.sleep(1)
            game.speakers.stall(True)
            await anyio.sleep(1)
            game.speakers.stall(False)
        await game.until("end done")
    assert game.speakers.most_ahead_ms <= AHEAD_MS + CLAUSE_MS + 2 * REPORT_MS
    assert game.speakers.heard_ms == pytest.approx(TOTAL_MS, abs=1)


async def test_a_game_that_stops_reporting_is_not_waited_for_forever(play: "Play") -> None:
    async with play(mind=mind(), reports=True) as game:
        began = await told_at_length(game)
        await anyio.sleep(3)
        game.go_silent()
        end = await game.until("end done")
    assert TOTAL_MS - 1000 < (end - began) * 1000 < TOTAL_MS + 10_000


async def test_a_game_that_stops_reporting_does_not_get_everything_at_once(play: "Play") -> None:
    async with play(mind=mind(), reports=True) as game:
        await told_at_length(game)
        await anyio.sleep(3)
        game.go_silent()
        await game.until("end done")
    assert game.speakers.most_ahead_ms <= AHEAD_MS + CLAUSE_MS + 3000


async def test_a_game_that_only_says_when_it_is_done(play: "Play") -> None:
    async with play(mind=mind()) as game:
        await told_at_length(game)
        await anyio.sleep(TOTAL_MS / 1000 - 0.05)
        await game.send("playback", turn=1, played_ms=TOTAL_MS, done=True)
        await game.until("end done", within=0.2)


async def test_a_game_that_plays_faster_ends_the_turn_sooner(play: "Play") -> None:
    async with play() as game:
        await game.type()
        await game.until("audio")
        await game.send("playback", turn=1, played_ms=1000, done=True)
        await game.until("end done", within=0.01)


async def test_a_game_that_has_heard_more_than_there_was_has_heard_it_all(play: "Play") -> None:
    async with play(mind=mind()) as game:
        await told_at_length(game)
        await anyio.sleep(0.5)
        await game.send("playback", turn=1, played_ms=1e9)
        await anyio.sleep(0.2)
        await game.interrupt()
        await game.settle()
    [end] = game.of(events.TurnEnd)
    assert end.text.startswith(SENTENCES[0])
    assert "seventh" not in end.text


async def test_what_is_prepared_is_not_far_ahead_either(play: "Play") -> None:
    async with play(mind=mind(), character="") as game:
        await game.send("talk.start", character="barnaby")
        await game.until("end done")
        await game.listen("push_to_talk")
        await game.talk(800, 30_000)
        prepared = len(game.mouth.jobs) - 1  # but for the greeting
        assert 2 <= prepared <= AHEAD_MS // CLAUSE_MS + 2
        await game.hush()
        await game.until("end done")
    assert game.of(events.TurnEnd)[-1].text == WORDS
    assert game.speakers.most_ahead_ms <= AHEAD_MS + 2 * CLAUSE_MS


async def test_who_waits_for_the_player_can_be_interrupted(play: "Play") -> None:
    async with play(mind=mind(), reports=True) as game:
        await told_at_length(game)
        await anyio.sleep(3)
        game.speakers.stall(True)
        await anyio.sleep(30)
        before = await game.settle()
        at = anyio.current_time()
        await game.interrupt()
        await anyio.sleep(0.3)
        assert game.lines(before) == ["speech.stop", "end interrupted", "idle"]
        assert all(job.ended is not None and job.ended - at < 0.25 for job in game.mouth.jobs)
    text = game.of(events.TurnEnd)[0].text
    assert text.startswith(SENTENCES[0])
    assert "third" not in text
