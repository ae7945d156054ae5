"""Engines that fail, hang or say nothing: the character says so in its own way, and the session goes on."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._scripted import HANG, QUIET, REPLY, SAID, VOICE, Ears, Mind, Mouth, Script

from npc_runtime import events
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import EngineError, ModelError
from npc_runtime.lane import LIVE
from npc_runtime.llm.backend import Completion, Delta, Finish
from npc_runtime.speech import ClipHead, ClipPiece, Samples, Transcript, VoiceColour

if TYPE_CHECKING:
    from tests.flow.conftest import Game, Play

pytestmark = pytest.mark.anyio

DEAF = EngineError("Nothing can be heard.", hint="turn it up")
LOST = ["begin", "neutral normal", "speaking", "say Lost my thread."]
FAILED = ["end failed", "idle"]


async def goes_on(game: "Game") -> None:
    """Check that the next turn, spoken if there is a microphone, is like any other."""
    await anyio.sleep(1)
    before = await game.settle()
    await game.type("And then?")
    await game.until("end done")
    await game.settle()
    assert game.lines(before) == ["heard And then?", "thinking", *SAID]
    assert not any(engine.live[-1:] and engine.live[-1].ended is None for engine in game.engines)


async def test_ears_that_fail(play: "Play") -> None:
    async with play(ears=Ears((0.1, DEAF))) as game:
        await game.listen()
        await game.talk(800)
        await game.until("end failed")
        since = await game.settle()
        await goes_on(game)
    assert game.lines(0, since)[3:] == ["thinking", *LOST, "error engine", *FAILED]
    [error] = game.of(events.Error)
    assert (error.message, error.hint, error.turn) == ("Nothing can be heard.", "turn it up", 1)
    assert game.mind.remembers() == []


async def test_ears_that_hang(play: "Play") -> None:
    async with play(ears=Ears((HANG,))) as game:
        await game.listen()
        await game.talk(800)
        silent = anyio.current_time()
        assert 5 < await game.until("begin", within=30) - silent < 15
        await game.until("end failed")
        assert not game.ears.busy
        await goes_on(game)
    assert len(game.ears.heard) == 1
    [error] = game.of(events.Error)
    assert error.code == "engine"
    assert "recognised" in error.message and error.hint


@pytest.mark.parametrize("fault", [ValueError("bug"), ModelError("The model is damaged.")], ids=["bug", "model"])
async def test_ears_that_fail_in_another_way(play: "Play", fault: Exception) -> None:
    async with play(ears=Ears((0.1, fault))) as game:
        await game.listen()
        await game.talk(800, 300)
        assert game.of(events.Error) == []
        await game.until("end failed")
        await goes_on(game)
    assert len(game.of(events.Error)) == 1
    assert "say Lost my thread." in game.lines()


@pytest.mark.parametrize("fault", [DEAF, ValueError("bug"), ModelError("gone")], ids=["engine", "bug", "model"])
async def test_partial_transcripts_that_fail(play: "Play", fault: Exception) -> None:
    async with play(ears=Ears((0.1, "Mend my sword."), partial=(0.05, fault))) as game:
        await game.listen()
        await game.talk(2500)
        await game.until("end done")
        await goes_on(game)
    assert not any(text.startswith(("error", "hearing")) for text in game.lines())


async def test_partial_transcripts_that_hang(play: "Play") -> None:
    async with play(ears=Ears((0.1, "Mend my sword."), partial=(HANG,))) as game:
        await game.listen()
        await game.talk(2500)
        await game.until("end done")
        await goes_on(game)


@pytest.mark.parametrize("fault", [EngineError("gone"), HANG, ValueError("bug")], ids=["engine", "hangs", "bug"])
async def test_a_prompt_that_cannot_be_read_ahead_of_time(play: "Play", fault: Exception | float) -> None:
    async with play(mind=Mind(warm=(0.05, fault))) as game:
        await goes_on(game)


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        ((EngineError("gone"),), "engine", []),
        ((0.1, EngineError("gone")), "engine", []),
        ((0.1, "[emotion anger weak] Well", EngineError("gone")), "engine", []),
        ((0.1, "[emotion anger weak] One is here. And", 0.5, EngineError("gone")), "engine", ["say One is here."]),
        ((0.1, ValueError("bug")), "internal", []),
        ((0.1, "[emotion anger weak] One is here. And", ValueError("bug")), "internal", ["say One is here."]),
        ((0.1,), "empty_reply", []),
        ((0.1, "  ", "\n"), "empty_reply", []),
        ((0.1, "[emotion anger weak]"), "empty_reply", []),
    ],
)
@pytest.mark.parametrize("spoken", [False, True], ids=["typed", "spoken"])
async def test_a_mind_that_fails(play: "Play", reply: Script, code: str, said: list[str], spoken: bool) -> None:
    asked = [reply] * (2 if code == "empty_reply" else 1)  # who says nothing is asked once more
    async with play(mind=Mind(*asked, (0.1, REPLY))) as game:
        if spoken:
            await game.listen()
            await game.talk(800)
        else:
            await game.type()
        await game.until("end failed")
        since = await game.settle()
        await goes_on(game)
    says = [text for text in game.lines(0, since) if text.startswith("say")]
    assert says[: len(said)] == said
    assert says[-1] == "say Lost my thread."
    assert game.lines(0, since)[-3:] == [f"error {code}", *FAILED]
    assert [error.turn for error in game.of(events.Error)] == [1]
    assert game.mind.remembers() == []


@pytest.mark.parametrize("reply", [(HANG,), (0.1, "[emotion anger weak] One is here. And", HANG)])
async def test_a_mind_that_hangs_is_left_for_what_the_player_says_next(play: "Play", reply: Script) -> None:
    async with play(mind=Mind(reply, (0.1, REPLY))) as game:
        await game.type()
        await anyio.sleep(60)
        since = await game.settle()
        await game.type("And then?")
        await game.until("end done")
        await game.settle()
        assert game.mind.live[0].how == "cancelled"
    assert game.lines(since)[-2 - len(SAID) :] == ["heard And then?", "thinking", *SAID]


@pytest.mark.parametrize("fault", [EngineError("mute"), ValueError("bug"), ""], ids=["engine", "bug", "no sound"])
async def test_a_clause_that_cannot_be_spoken_is_shown(play: "Play", fault: Exception | str) -> None:
    reply = "[emotion joy weak] One is here. Two is there. [action refuse_service]"
    async with play(mind=Mind((0.1, reply), (0.1, REPLY)), mouth=Mouth(one=fault)) as game:
        await game.type()
        await game.until("end done")
        since = await game.settle()
        await goes_on(game)
    notice = ["notice voice_failed"] if fault else []
    shown = [*notice, "say One is here.", "speaking", "say Two is there.", "do refuse_service {}", "end done", "idle"]
    assert game.lines(0, since)[5:] == shown
    assert game.mind.remembers() == ["Hello.", "[emotion joy weak] One is here. Two is there."]


async def test_a_voice_that_fails_inside_a_clause(play: "Play") -> None:
    async with play(mouth=Mouth(day=EngineError("mute"))) as game:
        await game.type()
        await game.until("end done")
        since = await game.settle()
        await goes_on(game)
    assert game.lines(0, since)[5:] == ["speaking", "say Good day to you.", "notice voice_failed", "end done", "idle"]


async def test_a_voice_that_fails_inside_a_clause_leaves_no_gap(play: "Play") -> None:
    """The next clause begins where the sound of the broken one ended, and its subtitle and mouth with it."""
    async with play(
        mind=Mind((0.1, "[emotion joy weak] One is here. Two is there."), (0.1, REPLY)), mouth=Mouth(here=DEAF)
    ) as game:
        await game.type()
        await game.until("end done")
    second = game.of(events.Say)[1]
    audio = [event for event in game.of(events.SpeechAudio) if event.clause == 1]
    assert second.start_ms == audio[0].start_ms == 500


class Mute(Mouth):
    """A voice that never works."""

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        raise ValueError("bug")
        yield


async def test_a_voice_that_always_fails_leaves_the_words(play: "Play") -> None:
    async with play(mouth=Mute()) as game:
        await game.listen()
        for _ in range(3):
            before = await game.settle()
            await game.talk(800)
            await game.until("end done")
            await anyio.sleep(1)
            answer = ["begin", "joy weak", "notice voice_failed", "say Good day to you.", "end done", "idle"]
            assert game.lines(before) == ["attending", "thinking", "heard Mend my sword.", *answer]
    assert game.mind.remembers() == ["Mend my sword.", REPLY] * 2


async def test_a_voice_that_hangs_is_left_for_what_the_player_says_next(play: "Play") -> None:
    async with play(mouth=Mouth(good=HANG)) as game:
        await game.listen()
        await game.talk(800)
        await anyio.sleep(60)
        since = await game.settle()
        game.level = VOICE
        await game.until("end interrupted")
        game.level = QUIET
        await game.until("end done")
        await game.settle()
        assert game.mouth.live[0].how == "cancelled"
    assert game.lines(since) == ["end interrupted", "idle", "attending", "thinking", "heard Mend my sword.", *SAID]


async def test_everything_fails_at_once(play: "Play") -> None:
    async with play(ears=Ears((0.1, DEAF)), mouth=Mouth(lost=ValueError("bug"))) as game:
        await game.listen()
        await game.talk(800)
        await game.until("end failed")
        since = await game.settle()
        await goes_on(game)
    ending = ["notice voice_failed", "say Lost my thread.", "error engine", *FAILED]
    assert game.lines(0, since)[-len(ending) :] == ending


class Sore(Ears):
    """Ears that fail while they are being stopped."""

    def __init__(self, fault: Exception, *scripts: Script) -> None:
        super().__init__(*scripts)
        self.fault = fault

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        try:
            return await super().hear(samples, language=language, hotwords=hotwords, rank=rank)
        except anyio.get_cancelled_exc_class() as cancelled:
            raise self.fault from cancelled


@pytest.mark.parametrize("fault", [DEAF, ValueError("bug")], ids=["engine", "bug"])
async def test_ears_that_fail_when_they_are_stopped(play: "Play", fault: Exception) -> None:
    async with play(ears=Sore(fault, (HANG,), (0.1, "Mend my sword."))) as game:
        await game.listen()
        await game.talk(800, 250, 800)
        await game.until("end done")
        await game.settle()
    assert game.lines()[2:] == ["attending", "thinking", "attending", "thinking", "heard Mend my sword.", *SAID]


@pytest.mark.parametrize("fault", [EngineError("gone"), ValueError("bug")], ids=["engine", "bug"])
@pytest.mark.parametrize("broken", ["mind", "mouth"])
async def test_engines_that_fail_when_they_are_stopped(play: "Play", fault: Exception, broken: str) -> None:
    class SoreMind(Mind):
        @asynccontextmanager
        async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
            with _sore(fault):
                async with super().stream(request) as items:
                    yield items

    class SoreMouth(Mouth):
        @asynccontextmanager
        async def stream(
            self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
        ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
            with _sore(fault):
                async with super().stream(text, character, rank=rank, colour=colour) as parts:
                    yield parts

    hang = {"mind": (HANG,), "mouth": (0.1, "Wait here.")}[broken]
    mind = SoreMind(hang, (0.1, REPLY)) if broken == "mind" else Mind(hang, (0.1, REPLY))
    async with play(mind=mind, mouth=SoreMouth(wait=HANG) if broken == "mouth" else Mouth()) as game:
        await game.type()
        await anyio.sleep(1)
        before = await game.settle()
        await game.interrupt()
        await anyio.sleep(1)
        assert game.lines(before) == ["end interrupted", "idle"]
        await goes_on(game)
    assert game.finished == [(1, "interrupted"), (2, "done")]


@contextmanager
def _sore(fault: Exception) -> Iterator[None]:
    try:
        yield
    except anyio.get_cancelled_exc_class() as cancelled:
        raise fault from cancelled
