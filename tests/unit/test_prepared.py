"""Prepared speech: what was made beforehand starts at once and sounds the same, and everything else is passed on."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from npc_runtime.content.character import CharacterFile, Persona, VoiceSpec
from npc_runtime.errors import EngineError
from npc_runtime.lane import BACKGROUND, LIVE, Lane, Ticket
from npc_runtime.prepared import PreparedMouth
from npc_runtime.speech import ClipHead, ClipPiece, TimedPhone, VoiceColour
from npc_runtime.tts.wav import pcm16

pytestmark = pytest.mark.anyio

RATE = 1000
SIZE = 2 * 100
"""Bytes of a line of one word."""
BARK = "Hmm. Lost my thread."
ANGRY = VoiceColour(rate=1.1, variability=1.1, volume=1.15)
SMITH = CharacterFile(name="Brynja", persona=Persona(summary="Blacksmith."))


def sound(text: str) -> tuple[ClipHead, ClipPiece, ClipPiece]:
    """100 samples for each word, different for each text, some of them too loud."""
    length = 100 * len(text.split())
    audio = np.random.default_rng(len(text)).uniform(-1.1, 1.1, length).astype(np.float32)
    phones = (TimedPhone("a", 60, stressed=True), TimedPhone("", length - 60))
    head = ClipHead(phones, length, RATE, "exact", "en")
    return head, ClipPiece(audio[:30], RATE, last=False), ClipPiece(audio[30:], RATE, last=True)


class Voice:
    """Remembers what it was asked for; stops before a part where it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.colours: list[VoiceColour | None] = []
        self.before: Callable[[str, int], object] = lambda text, part: None
        self.parts = 3

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.asked]

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        self.asked.append((text, rank))
        self.colours.append(colour)

        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            for number, part in enumerate(sound(text)[: self.parts]):
                await anyio.lowlevel.checkpoint()
                self.before(text, number)
                yield part

        yield parts()


async def spoken(mouth: PreparedMouth, text: str, character: CharacterFile = SMITH) -> list[ClipHead | ClipPiece]:
    async with mouth.stream(text, character) as parts:
        return [part async for part in parts]


def pieces(parts: Sequence[ClipHead | ClipPiece]) -> list[ClipPiece]:
    return [part for part in parts if isinstance(part, ClipPiece)]


async def test_a_prepared_line_sounds_as_the_voice_made_it_and_the_voice_is_not_asked_again() -> None:
    voice = Voice()
    mouth = PreparedMouth(voice)
    await mouth.prepare([(BARK, SMITH)])
    assert voice.asked == [(BARK, BACKGROUND)]
    head, *made = sound(BARK)
    for _ in range(2):
        parts = await spoken(mouth, BARK)
        assert parts[0] == head
        played = pieces(parts[1:])
        assert [(len(piece.audio), piece.rate, piece.last) for piece in played] == [
            (30, RATE, False),
            (370, RATE, True),
        ]
        assert all(piece.audio.dtype == np.float32 for piece in played)
        assert [pcm16(piece.audio) for piece in played] == [pcm16(piece.audio) for piece in pieces(made)]
        played[0].audio.fill(0)  # a listener's own copy
    assert voice.texts == [BARK]


async def test_what_is_not_prepared_is_passed_on_as_it_is() -> None:
    voice = Voice()
    mouth = PreparedMouth(voice)
    await mouth.prepare([(BARK, SMITH)])
    parts = await spoken(mouth, "Aye.")
    assert np.array_equal(pieces(parts)[0].audio, sound("Aye.")[1].audio)
    async with mouth.stream("No.", SMITH, rank=5) as stream:
        assert await anext(stream) == sound("No.")[0]
    assert voice.asked[1:] == [("Aye.", LIVE), ("No.", 5)]
    assert not mouth.held("Aye.", SMITH)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"voice": VoiceSpec(rate=1.2)}, False),
        ({"voice": VoiceSpec(volume=0.5)}, False),
        ({"voice": VoiceSpec(name="en_US-amy-medium")}, False),
        ({"language": "de"}, False),
        ({"name": "Barnaby"}, True),
    ],
    ids=str,
)
async def test_a_line_belongs_to_everyone_who_would_sound_the_same(other: dict[str, object], same: bool) -> None:
    mouth = PreparedMouth(Voice())
    await mouth.prepare([(BARK, SMITH)])
    assert mouth.held(BARK, SMITH)
    assert mouth.held(BARK, SMITH.model_copy(update=other)) is same


async def test_a_feeling_colours_what_is_not_prepared_and_never_makes_a_prepared_line_wait() -> None:
    voice = Voice()
    mouth = PreparedMouth(voice)
    await mouth.prepare([(BARK, SMITH)])
    plain = await spoken(mouth, BARK)
    async with mouth.stream(BARK, SMITH, colour=ANGRY) as parts:
        coloured = [part async for part in parts]
    assert [pcm16(piece.audio) for piece in pieces(coloured)] == [pcm16(piece.audio) for piece in pieces(plain)]
    async with mouth.stream("Aye.", SMITH, colour=ANGRY):
        pass
    assert list(zip(voice.texts, voice.colours, strict=True)) == [(BARK, None), ("Aye.", ANGRY)]


async def test_what_is_there_is_not_made_again_even_by_two_at_once() -> None:
    voice = Voice()
    mouth = PreparedMouth(voice)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mouth.prepare, [("One.", SMITH), ("Two.", SMITH)])
        tasks.start_soon(mouth.prepare, [("One.", SMITH), ("Two.", SMITH), ("Two.", SMITH)])
    assert sorted(voice.texts) == ["One.", "Two."]


async def test_lines_used_longest_ago_make_room() -> None:
    voice = Voice()
    mouth = PreparedMouth(voice, limit_bytes=2 * SIZE)
    await mouth.prepare([("One.", SMITH), ("Two.", SMITH)])
    await spoken(mouth, "One.")
    await mouth.prepare([("Three.", SMITH)])
    assert [mouth.held(text, SMITH) for text in ("One.", "Two.", "Three.")] == [True, False, True]
    await mouth.prepare([("One.", SMITH), ("Four.", SMITH)])
    assert [mouth.held(text, SMITH) for text in ("One.", "Three.", "Four.")] == [True, False, True]


async def test_a_line_larger_than_all_room_pushes_nothing_out() -> None:
    mouth = PreparedMouth(Voice(), limit_bytes=2 * SIZE)
    await mouth.prepare([("One.", SMITH), (BARK, SMITH), ("Two words.", SMITH)])
    assert [mouth.held(text, SMITH) for text in ("One.", BARK, "Two words.")] == [False, False, True]
    await mouth.prepare([(BARK, SMITH)])
    assert mouth.held("Two words.", SMITH)


@pytest.mark.parametrize("error", [EngineError("no voice"), KeyError("bug")])
async def test_a_line_that_fails_is_left_out_and_the_rest_is_made(error: Exception) -> None:
    def fail(text: str, part: int) -> None:
        if text == "Two." and part == 2:
            raise error

    voice = Voice()
    voice.before = fail
    mouth = PreparedMouth(voice)
    await mouth.prepare([("One.", SMITH), ("Two.", SMITH), ("Three.", SMITH)])
    assert [mouth.held(text, SMITH) for text in ("One.", "Two.", "Three.")] == [True, False, True]
    with pytest.raises(type(error)):
        await spoken(mouth, "Two.")


@pytest.mark.parametrize("parts", [0, 1, 2])
async def test_a_line_without_all_its_sound_is_not_kept(parts: int) -> None:
    voice = Voice()
    voice.parts = parts
    mouth = PreparedMouth(voice)
    await mouth.prepare([(BARK, SMITH)])
    assert not mouth.held(BARK, SMITH)


async def test_a_prepare_that_is_cancelled_keeps_nothing_half_made() -> None:
    voice = Voice()
    mouth = PreparedMouth(voice)
    async with anyio.create_task_group() as tasks:

        def cancel(text: str, part: int) -> None:
            if text == "Two." and part == 1:
                tasks.cancel_scope.cancel()

        voice.before = cancel
        tasks.start_soon(mouth.prepare, [("One.", SMITH), ("Two.", SMITH), ("Three.", SMITH)])
    assert [mouth.held(text, SMITH) for text in ("One.", "Two.", "Three.")] == [True, False, False]
    voice.before = lambda text, part: None
    await mouth.prepare([("Two.", SMITH)])
    assert mouth.held("Two.", SMITH)


class LaneVoice:
    """A voice in a lane; preparing takes as long as nobody speaks."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.begun: list[str] = []
        self.inside = threading.Event()
        self.live = False

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        def work(ticket: Ticket) -> Iterator[ClipHead | ClipPiece]:
            self.begun.append(text)
            self.inside.set()
            self.live |= rank == LIVE
            head, *rest = sound(text)
            yield head
            while not self.live:
                ticket.check()
            yield from rest

        async with self.lane.stream(work, rank=rank) as parts:
            yield parts


async def test_preparing_makes_way_for_a_turn_and_goes_on_after_it() -> None:
    with Lane("tts") as lane:
        voice = LaneVoice(lane)
        mouth = PreparedMouth(voice)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(mouth.prepare, [(BARK, SMITH)])
            await anyio.to_thread.run_sync(voice.inside.wait)
            assert len(await spoken(mouth, "Aye.")) == 3
        assert voice.begun == [BARK, "Aye.", BARK]
        assert [pcm16(piece.audio) for piece in pieces(await spoken(mouth, BARK))] == [
            pcm16(piece.audio) for piece in sound(BARK)[1:]
        ]
