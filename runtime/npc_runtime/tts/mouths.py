"""Mouths: voices of one engine that a turn can await, each kind under the same interface."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import anyio

from npc_runtime.lane import LIVE, Lane, Ticket
from npc_runtime.speech import Clip, ClipHead, ClipPiece, VoiceColour
from npc_runtime.tts.espeak import pieces
from npc_runtime.tts.voice import Voice
from npc_runtime.tts.voice_choice import VoiceChoice

AT_ONCE = 4
"""Clauses that a service is asked for at the same time."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a clause is to be spoken."""

    pace: float = 1.0
    volume: float = 1.0
    colour: VoiceColour | None = None


class VoiceMouth(Protocol):
    """Speaks with any voice of one engine."""

    @property
    def busy(self) -> bool:
        """Whether it works, or has work to do."""
        ...

    async def start(self, choice: VoiceChoice) -> None:
        """Make ready what would make the first clause late.

        Raises:
            NpcError: The voice cannot speak.
        """
        ...

    def stream(
        self, text: str, choice: VoiceChoice, manner: Manner, *, rank: int = LIVE
    ) -> AbstractAsyncContextManager[AsyncIterator[ClipHead | ClipPiece]]:
        """Speak one clause: its head, then its sound in pieces; nothing when there is nothing to say.

        Leaving the context stops the voice. Reading raises `NpcError` when it fails.
        """
        ...

    async def aclose(self) -> None:
        """Free the engine."""
        ...


class LaneMouth:
    """Voices that run on this machine, in a lane of their engine, each loaded when it is first needed.

    Args:
        name: Of the lane.
        load: Loads a voice; called in the lane.
    """

    def __init__(self, name: str, load: Callable[[VoiceChoice], Voice]) -> None:
        self._load = load
        self._lane = Lane(name)
        self._voices: dict[VoiceChoice, Voice] = {}
        self._warm: set[int] = set()

    @property
    def busy(self) -> bool:
        """Whether it works, or has work to do."""
        return self._lane.busy

    async def start(self, choice: VoiceChoice) -> None:
        """Load a voice, and have it speak once so that its first line is not late."""
        await self._lane.run(lambda _: self._warmed(choice))

    @asynccontextmanager
    async def stream(
        self, text: str, choice: VoiceChoice, manner: Manner, *, rank: int = LIVE
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        """Speak one clause: see `VoiceMouth.stream`."""

        def work(ticket: Ticket) -> Iterator[ClipHead | ClipPiece]:
            return self._voice(choice).stream(
                text, pace=manner.pace, volume=manner.volume, colour=manner.colour, ticket=ticket
            )

        async with self._lane.stream(work, rank=rank) as parts:
            yield parts

    async def aclose(self) -> None:
        """Free the voices."""
        await anyio.to_thread.run_sync(self._lane.close)

    def _warmed(self, choice: VoiceChoice) -> None:
        voice = self._voice(choice)
        if id(voice) not in self._warm:
            voice.warm_up()
            self._warm.add(id(voice))

    def _voice(self, choice: VoiceChoice) -> Voice:
        if choice not in self._voices:
            self._voices[choice] = self._load(choice)
        return self._voices[choice]


class SpeechService(Protocol):
    """A service that speaks a clause as a whole."""

    async def start(self) -> None:
        """Import what takes long, away from the event loop."""
        ...

    async def speak(self, text: str, choice: VoiceChoice, manner: Manner) -> Clip:
        """Speak a clause; an empty clip when there is nothing to say.

        Raises:
            ServiceError: The service failed.
            SetupError: Something that it needs is not installed.
        """
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...


class ServiceMouth:
    """The voices of a service.

    Args:
        service: Speaks.
    """

    def __init__(self, service: SpeechService) -> None:
        self._service = service
        self._working = 0
        self._places = anyio.Semaphore(AT_ONCE)

    @property
    def busy(self) -> bool:
        """Whether it is being waited for."""
        return self._working > 0

    async def start(self, choice: VoiceChoice) -> None:
        """Import what takes long; the service itself is not asked for anything."""
        await self._service.start()

    @asynccontextmanager
    async def stream(
        self, text: str, choice: VoiceChoice, manner: Manner, *, rank: int = LIVE
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        """Speak one clause: see `VoiceMouth.stream`."""
        parts = self._parts(text, choice, manner)
        try:
            yield parts
        finally:
            await parts.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._service.aclose()

    async def _parts(
        self, text: str, choice: VoiceChoice, manner: Manner
    ) -> AsyncGenerator[ClipHead | ClipPiece, None]:
        self._working += 1
        try:
            async with self._places:
                clip = await self._service.speak(text, choice, manner)
        finally:
            self._working -= 1
        if len(clip.audio):
            yield clip.head
            for piece in pieces(clip):
                yield piece
