"""The player speaks while the character answers: who is stopped by what, and which words are heard."""

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import CHUNK, QUIET, REPLY, SAID, VOICE, Ears, Mind, Mouth

from npc_runtime import events

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

LONG = "[emotion joy weak] Good day to you, my old and very dear friend of the road. " * 3
"""A reply of some seconds."""


async def test_a_voice_stops_the_character_and_is_answered(play: "Play") -> None:
    async with play(mind=Mind((0.1, LONG), (0.1, REPLY))) as game:
        await game.listen()
        await game.type()
        await game.until("piece")
        await anyio.sleep(1.1)
        before = await game.settle()
        spoke = anyio.current_time()
        await game.talk(1000)
        stopped = await game.until("speech.stop")
        await game.until("end done")
        await game.settle()
    assert 0.2 < stopped - spoke < 0.4
    told, stop = next((at, event) for at, event in game.told if isinstance(event, events.SpeechStop))
    assert stop.heard_ms is not None
    # Within the chunk that brings the frame that decides; a chunk is there when it begins.
    assert 0 <= told + CHUNK - game.listening_since - stop.heard_ms / 1000 <= CHUNK
    rest = game.lines(before)
    first = rest.index("speech.stop")
    assert rest[first:] == [
        "speech.stop",
        "end interrupted",
        "idle",
        "attending",
        "thinking",
        "heard Mend my sword.",
        *SAID,
    ]
    assert game.of(events.TurnEnd)[0].text.startswith("Good day to you")
    assert len(game.ears.heard[0]) > 16_000 * 0.9  # also what was said before the character fell silent


@pytest.mark.parametrize("reports", [False, True])
async def test_a_short_noise_does_not_stop_the_character(play: "Play", reports: bool) -> None:
    async with play(mind=Mind((0.1, LONG)), reports=reports) as game:
        await game.listen()
        await game.type()
        for _ in range(4):
            await game.until("piece")
            await game.talk(120, 700)
        await game.until("end done")
        await anyio.sleep(2)
    assert "attending" not in game.lines()[2:]
    assert game.ears.live == []
    assert game.finished == [(1, "done")]


async def test_what_is_heard_of_the_character_is_not_recognised(play: "Play") -> None:
    async with play(mind=Mind((0.1, LONG))) as game:
        game.echo = 0.35
        await game.listen()
        await game.type()
        await game.until("end done")
    assert game.ears.jobs == []


@pytest.mark.parametrize("reports", [False, True])
async def test_the_character_is_not_stopped_by_its_own_voice(play: "Play", reports: bool) -> None:
    async with play(mind=Mind((0.1, LONG)), reports=reports) as game:
        game.echo = 0.35
        await game.listen()
        await game.type()
        await game.until("end done")
        await anyio.sleep(2)
    assert game.lines()[2:4] == ["heard Hello.", "thinking"]
    assert "attending" not in game.lines()[2:]
    assert game.ears.live == []
    assert game.finished == [(1, "done")]


async def test_who_is_louder_than_the_echo_stops_the_character(play: "Play") -> None:
    async with play(mind=Mind((0.1, LONG), (0.1, REPLY))) as game:
        game.echo = 0.35
        await game.listen()
        await game.type()
        await game.until("piece")
        await anyio.sleep(1)
        await game.talk(1000)
        await game.until("end interrupted")
        await game.until("end done")


async def test_a_murmur_over_the_character_is_no_turn(play: "Play") -> None:
    async with play(mind=Mind((0.1, LONG))) as game:
        await game.listen()
        await game.type()
        await game.until("piece")
        await anyio.sleep(1)
        await game.talk(200, 1500)
        assert game.ears.live == []
        await game.until("end done")
        await anyio.sleep(1)
    assert game.finished == [(1, "done")]
    assert game.lines()[-1] == "idle"


async def before_the_end(game: "Game", seconds: float) -> None:
    """Wait until so long before the last sound of a second of speech."""
    await game.listen()
    await anyio.sleep(0.5)
    await game.type()
    await game.until("piece")
    await anyio.sleep(1 - seconds)


async def test_who_begins_just_before_the_end_and_goes_on_is_answered(play: "Play") -> None:
    async with play() as game:
        await before_the_end(game, 0.1)
        await game.talk(1500)
        await game.until("end done")
        before = await game.settle()
        await game.until("end done")
        await game.settle()
    assert game.lines(before)[-len(SAID) - 2 :] == ["thinking", "heard Mend my sword.", *SAID]
    assert len(game.ears.heard[0]) > 16_000 * 1.4  # from the first word on


async def test_an_echo_that_lasts_longer_than_the_voice_is_no_turn(play: "Play") -> None:
    async with play() as game:
        await before_the_end(game, 0.2)
        await game.talk(400, 2000)
        await game.settle()
    assert game.lines() == ["attending", "listening", "heard Hello.", "thinking", *SAID]
    assert game.ears.live == []


async def answered(game: "Game") -> None:
    """Speak, and wait until it is certain that this was all, and not until it is answered."""
    await game.listen()
    await game.talk(800)
    await game.until("begin", "heard Mend")


@pytest.mark.parametrize(
    ("ears", "mind", "mouth"),
    [
        (Ears((0.05, "Mend"), (0.1, "Mend my sword.")), Mind((5.0, LONG), (0.1, REPLY)), Mouth()),
        (
            Ears((0.05, "Mend"), (0.1, "Mend my sword.")),
            Mind((0.1, "[emotion anger", 5.0, LONG), (0.1, REPLY)),
            Mouth(),
        ),
        (Ears((0.05, "Mend"), (0.1, "Mend my sword.")), Mind((0.1, "Wait here."), (0.1, REPLY)), Mouth(wait=5.0)),
    ],
    ids=["prefill", "tokens", "clause"],
)
async def test_who_goes_on_before_the_answer_sounds_is_heard_as_a_whole(
    play: "Play", ears: Ears, mind: Mind, mouth: Mouth
) -> None:
    async with play(ears=ears, mind=mind, mouth=mouth) as game:
        await answered(game)
        before = await game.settle()
        await game.talk(800)
        await game.until("end done")
        await game.settle()
    assert game.lines(before)[-len(SAID) - 2 :] == ["thinking", "heard Mend my sword.", *SAID]
    assert "speech.stop" not in game.lines()
    assert game.finished == [(1, "interrupted"), (2, "done")]
    assert game.of(events.TurnEnd)[0].text == ""
    first, *_, whole = game.ears.heard
    assert len(whole) > len(first) + 0.8 * 16_000
    assert game.mind.remembers() == []
    assert game.mind.requests[-1].messages[-1].text.endswith("Mend my sword.")


async def test_who_goes_on_while_the_words_are_recognised_is_heard_as_a_whole(play: "Play") -> None:
    async with play(ears=Ears((5.0, "Mend"), (0.1, "Mend my sword."))) as game:
        await game.listen()
        await game.talk(800, 900, 800)
        await game.until("end done")
        await game.settle()
    assert game.lines()[3:] == ["thinking", "idle", "attending", "thinking", "heard Mend my sword.", *SAID]
    assert len(game.ears.heard[-1]) > len(game.ears.heard[0]) + 0.8 * 16_000
    assert game.session.turns == 1


async def test_what_was_answered_is_not_heard_again(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Mend"), (0.1, "Mend my sword."))) as game:
        await game.listen()
        for _ in range(2):
            await game.talk(800)
            await game.until("end done")
            await anyio.sleep(1)
    first, second = game.ears.heard
    assert len(second) == pytest.approx(len(first), abs=8000)


@pytest.mark.parametrize("way", ["turned away", "microphone"])
async def test_what_was_given_up_is_not_heard_with_later_words(play: "Play", way: str) -> None:
    async with play(ears=Ears((0.05, "Mend")), mind=Mind((5.0, LONG), (0.1, REPLY))) as game:
        await answered(game)
        game.level = VOICE
        await game.until("end interrupted")
        if way == "turned away":
            await game.send("talk.stop", character="brynja")
            await game.talk(100, 1000)
            await game.send("talk.start", character="brynja")
        else:
            await game.listen()
            game.level = QUIET
        await anyio.sleep(60)
        count = len(game.ears.heard)
        await game.talk(800)
        await game.until("end done")
    assert len(game.ears.heard) == count + 1
    assert len(game.ears.heard[-1]) < 1.5 * 16_000


async def test_a_key_stops_the_character_when_a_word_was_said(play: "Play") -> None:
    async with play(ears=Ears((0.05, "Wait.")), mind=Mind((0.1, LONG), (0.1, REPLY))) as game:
        await game.type()
        await game.until("piece")
        await anyio.sleep(1)
        before = await game.settle()
        await game.listen("push_to_talk")
        await game.talk(150)
        await game.hush()
        await game.until("end done")
        await game.settle()
    rest = [text for text in game.lines(before) if not text.startswith("say Good day to you,")]
    assert rest == ["speech.stop", "end interrupted", "idle", "thinking", "heard Wait.", *SAID] or rest == [
        "thinking",
        "speech.stop",
        "end interrupted",
        "idle",
        "heard Wait.",
        *SAID,
    ]


async def test_a_game_may_say_that_it_is_silent_already(play: "Play") -> None:
    """What the game reports as played out is no echo any more: a voice is the player's at once."""
    async with play() as game:
        await game.listen()
        await game.type()
        await game.until("audio")
        await game.send("playback", turn=1, played_ms=1000, done=True)
        await game.until("end done")
        before = await game.settle()
        await anyio.sleep(0.5)
        await game.talk(800)
        await game.until("end done")
        await game.settle()
    assert game.lines(before) == ["attending", "thinking", "heard Mend my sword.", *SAID]
