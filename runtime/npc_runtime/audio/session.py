"""A live session that is heard on this machine: what characters say is played here, and its playback reported."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import anyio.abc

from npc_runtime import events
from npc_runtime.audio.speakers import Speakers
from npc_runtime.errors import NpcError
from npc_runtime.server.live import LiveSession
from npc_runtime.server.protocol import ClientMessage, Playback

_log = logging.getLogger(__name__)


class DeviceSession:
    """Wraps a session whose game wants `audio.out: device`; see `server.live.LiveSession`.

    The game gets every event as it is. What it says about playback is not passed on: it does not play.

    Args:
        inner: The session; its events are what is heard.
        speakers: Where; not open yet.
    """

    def __init__(self, inner: LiveSession, speakers: Speakers | None = None) -> None:
        self._inner = inner
        self._speakers = speakers or Speakers()
        self._played: dict[int, Playback] = {}
        """The latest news of each turn, not yet told."""
        self._news = anyio.Event()
        self._one_at_a_time = anyio.Lock()
        self._telling = anyio.CancelScope()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the speakers, then the session.

        Raises:
            SetupError: There are no speakers that can be used.
        """
        await self._stack.enter_async_context(self._speakers.open(self._heard))
        try:
            tasks = await self._stack.enter_async_context(anyio.create_task_group())
            await self._inner.__aenter__()
        except BaseException:
            await self._stack.aclose()
            raise
        tasks.start_soon(self._tell)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._telling.cancel()
        try:
            await self._inner.__aexit__(exc_type, exc, tb)
        finally:
            await self._stack.aclose()

    async def handle(self, message: ClientMessage) -> None:
        """Take in what the game says."""
        if isinstance(message, Playback):
            return
        async with self._one_at_a_time:
            await self._inner.handle(message)

    async def audio(self, pcm: bytes) -> None:
        """Take in microphone audio."""
        await self._inner.audio(pcm)

    @property
    async def events(self) -> AsyncIterator[events.Event]:
        """Everything for the game, in order; what is to be heard is played as it passes."""
        told = False
        async for event in self._inner.events:
            match event:
                case events.SpeechAudio():
                    self._speakers.play(event)
                case events.SpeechStop():
                    self._speakers.stop(event.turn)
                case events.TurnEnd():
                    self._speakers.finish(event.turn)
                case _:
                    pass
            if self._speakers.gone and not told:
                told = True
                yield events.Notice(
                    code="speakers_gone",
                    message="The speakers have stopped: characters are not heard.",
                    hint="plug them in again and restart npc-runtime",
                )
            yield event

    def _heard(self, turn: int, played_ms: float, done: bool) -> None:
        self._played[turn] = Playback(type="playback", turn=turn, played_ms=played_ms, done=done)
        self._news.set()

    async def _tell(self) -> None:
        """Report playback as a game would."""
        with self._telling:
            while True:
                await self._news.wait()
                self._news = anyio.Event()
                played, self._played = self._played, {}
                for message in played.values():
                    await self._report(message)

    async def _report(self, message: Playback) -> None:
        try:
            async with self._one_at_a_time:
                await self._inner.handle(message)
        except NpcError as error:
            _log.debug("playback was refused: %s", error)
        except Exception as error:  # one lost report must not end the session
            _log.error("playback could not be reported", exc_info=error)
