"""The chain of voices under faults: the next one speaks, nothing is said twice, and what happened is told once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import numpy as np
import pytest

from npc_runtime.breaker import FIRST_REST_S, LONGEST_REST_S, LONGEST_WAIT_S
from npc_runtime.content.character import CharacterFile, Persona
from npc_runtime.errors import EngineError, ModelError, NpcError, ServiceError, SetupError
from npc_runtime.lane import BACKGROUND, LIVE
from npc_runtime.speech import ClipHead, ClipPiece, TimedPhone
from npc_runtime.tts.chain_mouth import ChainMouth
from npc_runtime.tts.mouths import Manner
from npc_runtime.tts.voice_choice import Engine, Reason, VoiceChain, VoiceChoice

pytestmark = pytest.mark.anyio

LENGTH = 400
ONLINE = VoiceChoice("openai", "alloy", "en")
OTHER = VoiceChoice("openai", "nova", "en")
LOCAL = VoiceChoice("espeak", "en", "en")
BUSY = ServiceError("Too many requests.", failing="limit", retry_after=90)


class Clock:
    time = 0.0

    def now(self) -> float:
        return self.time


class Mouth:
    """Speaks four pieces; `faults` says after how many samples each clause fails, and how."""

    def __init__(self, level: float) -> None:
        self.level = level
        self.faults: list[tuple[int, Exception] | None] = []
        self.refuses: NpcError | None = None
        self.asked: list[tuple[str, str]] = []
        self.started: list[VoiceChoice] = []
        self.open = 0
        self.busy = False

    async def start(self, choice: VoiceChoice) -> None:
        if self.refuses:
            raise self.refuses
        self.started.append(choice)

    @asynccontextmanager
    async def stream(
        self, text: str, choice: VoiceChoice, manner: Manner, *, rank: int = LIVE
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        self.asked.append((text, choice.name))
        self.open += 1
        try:
            yield self.parts(self.faults.pop(0) if self.faults else None)
        finally:
            self.open -= 1

    async def parts(self, fault: tuple[int, Exception] | None) -> AsyncIterator[ClipHead | ClipPiece]:
        if fault and fault[0] < 0:
            raise fault[1]
        yield ClipHead((TimedPhone("a", LENGTH),), LENGTH, 1000, "exact", "en")
        for done in range(0, LENGTH, 100):
            await anyio.lowlevel.checkpoint()
            if fault and fault[0] == done:
                raise fault[1]
            yield ClipPiece(np.full(100, self.level, np.float32), 1000, last=done == 300)
        if fault and fault[0] == LENGTH:
            raise fault[1]

    async def aclose(self) -> None:
        self.open = -1


class Chain:
    """A mouth of two voices, online and local, and all that was told."""

    def __init__(self, *voices: VoiceChoice, reasons: tuple[Reason, ...] = ()) -> None:
        self.online, self.local, self.clock = Mouth(1.0), Mouth(2.0), Clock()
        self.told: list[tuple[str, str]] = []
        members: dict[Engine, Mouth] = {"openai": self.online, "espeak": self.local}
        self.mouth = ChainMouth(
            lambda _: VoiceChain(voices or (ONLINE, LOCAL), reasons),
            members,
            tell=lambda code, message, _: self.told.append((code, message)),
            clock=self.clock,
        )

    async def say(self, text: str = "Hm.", who: str = "otto", rank: int = LIVE) -> list[float]:
        """The levels of the sound: 1 is online, 2 local, 0 silence."""
        heads, audio = [], []
        async with self.mouth.stream(text, someone(who), rank=rank) as parts:
            async for part in parts:
                if isinstance(part, ClipHead):
                    heads.append(part)
                else:
                    audio.append(part)
        assert len(heads) == 1
        assert sum(len(piece.audio) for piece in audio) == heads[0].samples
        assert [piece.last for piece in audio] == [False] * (len(audio) - 1) + [True]
        assert self.online.open == self.local.open == 0
        return [float(piece.audio[0]) for piece in audio]


def someone(id: str = "otto") -> CharacterFile:
    return CharacterFile(name=id.title(), persona=Persona(summary="A.")).with_id(id)


async def test_the_first_voice_speaks() -> None:
    chain = Chain()
    assert await chain.say() == [1, 1, 1, 1]
    assert (chain.local.asked, chain.told) == ([], [])


@pytest.mark.parametrize("error", [ServiceError("No.", failing="connect"), ValueError("bug")])
async def test_a_failure_before_the_head_leaves_the_clause_to_the_next(error: Exception) -> None:
    chain = Chain()
    chain.online.faults = [(-1, error)]
    assert await chain.say() == [2, 2, 2, 2]
    assert [code for code, _ in chain.told] == ["voice_failed"]


@pytest.mark.parametrize(("done", "heard"), [(0, [0]), (100, [1, 0]), (300, [1, 1, 1, 0]), (400, [1, 1, 1, 1])])
async def test_a_failure_in_the_middle_is_silence_and_the_next_clause_is_anothers(done: int, heard: list[int]) -> None:
    chain = Chain()
    chain.online.faults = [(done, ServiceError("Broken off.", failing="limit"))]
    assert await chain.say("One.") == heard
    assert await chain.say("Two.") == [2, 2, 2, 2]
    assert chain.local.asked == [("Two.", "en")]


async def test_it_is_told_once_for_each_character_and_reason() -> None:
    reason = Reason("voice_missing", "Otto has lost its voice.")
    chain = Chain(reasons=(reason,))
    chain.online.faults = [(-1, ServiceError("No.", failing="connect"))] * 2
    for who in ("otto", "otto", "anna"):
        await chain.say(who=who)
    assert [code for code, _ in chain.told].count("voice_missing") == 2
    assert [code for code, _ in chain.told].count("voice_failed") == 1
    assert "openai:alloy of Otto failed: No." in chain.told[1][1]


@pytest.mark.parametrize(
    ("errors", "rest"),
    [
        ([ServiceError("No.", failing="server")] * 2, FIRST_REST_S),
        ([BUSY], 90),
        ([ServiceError("Full.", failing="limit", retry_after=1e9)], LONGEST_WAIT_S),
        ([ServiceError("Key.", failing="key")], LONGEST_REST_S),
        ([ModelError("Damaged.")], LONGEST_REST_S),
    ],
)
async def test_a_voice_that_fails_is_left_alone_for_a_while(errors: list[NpcError], rest: float) -> None:
    chain = Chain()
    chain.online.faults = [(-1, error) for error in errors]
    for _ in errors:
        await chain.say()
    for time, level in ((rest - 1, 2), (rest + 1, 1)):
        chain.clock.time = time
        assert (await chain.say())[0] == level
    assert len(chain.online.asked) == len(errors) + 1


async def test_one_failure_now_and_then_does_not_count() -> None:
    chain = Chain()
    fault = (-1, ServiceError("Broken.", failing="broken"))
    chain.online.faults = [fault, None, fault, None]
    assert [(await chain.say())[0] for _ in range(4)] == [2, 1, 2, 1]


async def test_a_voice_that_a_service_does_not_know_leaves_its_others_alone() -> None:
    chain = Chain(OTHER, ONLINE, LOCAL)
    chain.online.faults = [(-1, ServiceError("No such voice.", failing="request"))]
    assert (await chain.say())[0] == 1
    await chain.say()
    assert [name for _, name in chain.online.asked] == ["nova", "alloy", "alloy"]


async def test_when_all_rest_all_are_asked_and_the_first_failure_is_raised() -> None:
    chain = Chain()
    chain.online.faults = [(-1, BUSY)] * 2
    chain.local.faults = [(-1, ModelError("Damaged."))]
    with pytest.raises(ServiceError, match="Too many"):
        await chain.say()
    assert await chain.say() == [2, 2, 2, 2]
    assert len(chain.online.asked) == 2


async def test_only_the_first_voice_prepares_lines_and_no_service_is_asked_for_any() -> None:
    chain = Chain(LOCAL, ONLINE)
    assert await chain.say(rank=BACKGROUND) == [2, 2, 2, 2]
    chain.local.faults = [(-1, ModelError("Damaged."))]
    with pytest.raises(ModelError):
        await chain.say(rank=BACKGROUND)
    with pytest.raises(EngineError):  # it is being left alone
        await chain.say(rank=BACKGROUND)
    assert (len(chain.local.asked), chain.online.asked) == (2, [])


async def test_a_line_is_not_prepared_by_whoever_stands_in_for_a_service() -> None:
    chain = Chain(ONLINE, LOCAL)
    chain.online.faults = [(-1, BUSY)]
    assert await chain.say() == [2, 2, 2, 2]
    with pytest.raises(EngineError):
        await chain.say(rank=BACKGROUND)
    assert len(chain.local.asked) == 1


async def test_leaving_early_closes_the_voice() -> None:
    chain = Chain()
    async with chain.mouth.stream("Hm.", someone()) as parts:
        assert isinstance(await anext(aiter(parts)), ClipHead)
        assert chain.online.open == 1
    assert chain.online.open == 0
    with anyio.move_on_after(0):
        async with chain.mouth.stream("Hm.", someone()) as parts:
            async for _ in parts:
                await anyio.sleep(1)
    assert chain.online.open == 0


async def test_the_first_voice_that_can_is_made_ready() -> None:
    chain = Chain()
    chain.online.refuses = SetupError("Not installed.")
    await chain.mouth.start(someone())
    assert chain.local.started == [LOCAL]
    assert (await chain.say())[0] == 2
    chain.local.refuses = SetupError("Gone, too.")
    with pytest.raises(SetupError, match="Not installed"):
        await chain.mouth.start(someone())


async def test_nobody_at_all_says_what_to_do() -> None:
    chain = Chain()
    chain.mouth = ChainMouth(lambda _: VoiceChain(()), {})
    with pytest.raises(SetupError, match="Nothing on this machine speaks 'en'") as caught:
        await chain.mouth.start(someone())
    assert "espeakng-loader" in caught.value.hint
