"""A session that is heard on this machine: on a device that the tests drive block by block."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import anyio
import numpy as np
import pytest

from npc_runtime import events
from npc_runtime.audio.session import DeviceSession
from npc_runtime.audio.speakers import Speakers
from npc_runtime.errors import InputError, NpcError
from npc_runtime.server.protocol import ClientMessage, Interrupt, Playback

pytestmark = pytest.mark.anyio

RATE = 1000
BLOCK = 10
"""Samples, and milliseconds."""


class Device:
    """Stands in for the module `sounddevice`, and for the one stream that it opens."""

    PortAudioError = OSError
    latency = 0.0

    def __init__(self) -> None:
        self.closed = False
        self._callback: Callable[..., None]

    def query_devices(self, kind: str) -> dict[str, Any]:
        return {"default_samplerate": float(RATE)}

    def OutputStream(self, *, callback: Callable[..., None], **_: Any) -> "Device":
        self._callback = callback
        return self

    def start(self) -> None:
        """Blocks are played when the test says so."""

    def close(self) -> None:
        self.closed = True

    def block(self) -> list[int]:
        """What is played next."""
        data = np.full((BLOCK, 1), 99, np.int16)
        self._callback(data, BLOCK, None, None)
        samples: list[int] = data[:, 0].tolist()
        return samples


class Clock:
    """A clock that runs ten times as fast as the loop's."""

    def now(self) -> float:
        return 10 * anyio.current_time()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    device = Device()
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    return device


def tone(ms: int, *, turn: int = 1) -> events.SpeechAudio:
    pcm = np.full(ms, 7, "<i2").tobytes()
    return events.SpeechAudio(turn=turn, clause=0, rate=RATE, start_ms=0.0, last=True, pcm=pcm)


class Session:
    """A live session that says what the test wants, and keeps what it is told."""

    def __init__(self, *said: events.Event) -> None:
        self.said = said
        self.handled: list[ClientMessage] = []
        self.heard = b""
        self.fault: Exception | None = None
        self.left = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self.fault is not None:
            raise self.fault
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._tasks.start_soon(anyio.sleep_forever)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._tasks.cancel_scope.cancel()
        try:
            await self._stack.aclose()
        finally:
            self.left = True

    async def handle(self, message: ClientMessage) -> None:
        self.handled.append(message)
        if self.fault is not None:
            raise self.fault

    async def audio(self, pcm: bytes) -> None:
        self.heard += pcm

    @property
    async def events(self) -> AsyncIterator[events.Event]:
        for event in self.said:
            yield event


def end(turn: int = 1) -> events.TurnEnd:
    return events.TurnEnd(turn=turn, reason="done", text="", timings={})


async def test_what_a_session_says_is_heard_and_its_playback_reported(device: Device) -> None:
    said: list[events.Event] = [events.State(character="brynja", stage="speaking"), tone(15), end()]
    inner = Session(*said)
    async with DeviceSession(inner) as session:
        assert [event async for event in session.events] == said
        assert [device.block(), device.block()] == [[7] * 10, [7] * 5 + [0] * 5]
        await anyio.wait_all_tasks_blocked()
        assert inner.handled == [Playback(type="playback", turn=1, played_ms=15.0, done=True)]
        await session.audio(b"\1\2")
        assert inner.heard == b"\1\2"
    assert inner.left
    assert device.closed


async def test_what_a_session_takes_back_is_not_heard(device: Device) -> None:
    inner = Session(tone(100), events.SpeechStop(turn=1), end())
    async with DeviceSession(inner) as session:
        assert [event async for event in session.events] == list(inner.said)
        assert device.block() == [0] * BLOCK
        await anyio.wait_all_tasks_blocked()
        assert inner.handled == []


async def test_a_game_that_does_not_play_has_nothing_to_say_about_playback(device: Device) -> None:
    inner = Session()
    async with DeviceSession(inner) as session:
        await session.handle(Playback(type="playback", turn=1, played_ms=5.0))
        await session.handle(Interrupt(type="interrupt"))
    assert inner.handled == [Interrupt(type="interrupt")]


@pytest.mark.parametrize("fault", [InputError("That turn is over."), ValueError("a bug")])
async def test_a_refused_report_does_not_end_the_session(device: Device, fault: Exception) -> None:
    inner = Session(tone(15), tone(15, turn=2))
    async with DeviceSession(inner) as session:
        inner.fault = fault
        async for _ in session.events:
            device.block()
            device.block()
            await anyio.wait_all_tasks_blocked()
    assert {message.turn for message in inner.handled if isinstance(message, Playback)} == {1, 2}


async def test_a_session_that_cannot_begin_lets_go_of_the_speakers(device: Device) -> None:
    inner = Session()
    inner.fault = NpcError("There can be no session.")
    with pytest.raises(NpcError, match="no session"):
        async with DeviceSession(inner):
            pytest.fail("the session cannot begin")
    assert device.closed


async def test_a_game_that_is_gone_leaves_nothing_behind(device: Device) -> None:
    inner = Session(tone(1000))
    with anyio.move_on_after(0.05) as gone:
        async with DeviceSession(inner) as session:
            async for _ in session.events:
                await anyio.sleep_forever()
    assert gone.cancelled_caught
    assert inner.left
    assert device.closed


async def test_a_failure_of_the_game_passes_through_unchanged(device: Device) -> None:
    inner = Session()
    with pytest.raises(InputError):
        async with DeviceSession(inner):
            raise InputError("The game made a mistake.")
    assert inner.left
    assert device.closed


async def test_the_game_is_told_once_that_nothing_is_heard_any_more(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npc_runtime.audio.speakers._TICK", 0.01)
    speakers = Speakers(Clock())
    inner = Session(tone(100), end(), tone(100, turn=2), end(2))
    async with DeviceSession(inner, speakers) as session:
        with anyio.fail_after(5):
            while not speakers.gone:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        got = [event async for event in session.events]
        assert isinstance(got[0], events.Notice)
        assert got[0].code == "speakers_gone"
        assert got[1:] == list(inner.said)
        with anyio.fail_after(5):
            while Playback(type="playback", turn=2, played_ms=100.0, done=True) not in inner.handled:  # noqa: ASYNC110
                await anyio.sleep(0.01)
