"""The mouth of a character: its voices in order, the next one whenever one fails, and never a word twice."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import anyio
import numpy as np

from npc_runtime.breaker import Breaker
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import EngineError, NpcError, ServiceError, SetupError
from npc_runtime.lane import BACKGROUND, LIVE
from npc_runtime.speech import ClipHead, ClipPiece, VoiceColour
from npc_runtime.tts.mouths import Manner, VoiceMouth
from npc_runtime.tts.voice_choice import SERVICES, Engine, VoiceChain, VoiceChoice

_log = logging.getLogger(__name__)

Tell = Callable[[str, str, str], None]
"""Receives what a player may want to know: a code for `notice`, a message and a hint."""


class ChainMouth:
    """Speaks for every character, each with the first of its voices that works.

    A voice that fails before the head of a clause leaves that clause to the next voice. One that fails in the middle
    cannot be taken over from without saying words twice: the rest of the clause is silence, and the next clause is
    spoken by the next voice. What is prepared ahead is asked of the first voice alone, and never of a service: it keeps
    the voice that it was made with, and each clause of a service costs money.

    What goes wrong while voices are made ready is told when their character speaks: only then is somebody there.

    Args:
        choose: The voices of a character; called in a thread, once for each character.
        mouths: Who speaks with the voices of an engine.
        tell: Told once for each character and reason.
        clock: Time, for how long a voice that failed is left alone.
    """

    def __init__(
        self,
        choose: Callable[[CharacterFile], VoiceChain],
        mouths: Mapping[Engine, VoiceMouth],
        *,
        tell: Tell | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._choose = choose
        self._mouths = mouths
        self._tell = tell or _nobody
        self._clock = clock or MonotonicClock()
        self._chains: dict[tuple[object, ...], VoiceChain] = {}
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._known: dict[tuple[str, str], tuple[str, str, str]] = {}
        """What is to be told, by character and reason."""
        self._told: set[tuple[str, str]] = set()

    def tells(self, tell: Tell) -> None:
        """Say from now on to whom to tell why a voice is not the one that was wanted."""
        self._tell = tell

    @property
    def busy(self) -> bool:
        """Whether a voice works, or has work to do."""
        return any(mouth.busy for mouth in self._mouths.values())

    async def start(self, character: CharacterFile) -> None:
        """Make ready the voice that a character will speak with.

        Raises:
            NpcError: None of its voices can speak; the first one says why.
        """
        chain = await self._chain(character)
        first: NpcError | None = None
        for choice in chain.voices:
            try:
                await self._mouths[choice.engine].start(choice)
            except NpcError as error:
                first = first or error
                self._failed(character, choice, error)
            else:
                return
        raise first or _nothing(character, chain)

    def _tell_of(self, character: CharacterFile) -> None:
        """Tell what is known of a character's voices, and has not been told."""
        for key, told in self._known.items():
            if key[0] == _identity(character) and key not in self._told:
                self._told.add(key)
                self._tell(*told)

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        """Speak one clause in the character's voice: its head, then its sound in pieces."""
        parts = self._parts(text, character, rank, colour)
        try:
            yield parts
        finally:
            with anyio.CancelScope(shield=True):
                await parts.aclose()

    async def aclose(self) -> None:
        """Free all voices."""
        for mouth in self._mouths.values():
            await mouth.aclose()

    async def _parts(
        self, text: str, character: CharacterFile, rank: int, colour: VoiceColour | None
    ) -> AsyncGenerator[ClipHead | ClipPiece, None]:
        chain = await self._chain(character)
        if rank != BACKGROUND:
            self._tell_of(character)
        manner = Manner(character.voice.rate, character.voice.volume, colour)
        if rank == BACKGROUND:
            # What is prepared is kept: it has the voice that is meant, or is left to the turn that needs it.
            ready = [choice for choice in chain.voices[:1] if choice.engine not in SERVICES and self._ready(choice)]
            if not ready:
                raise EngineError("Only a voice of this machine that works prepares lines.")
        else:
            # When every voice is being left alone, all of them are asked: silence is worse than another failure.
            ready = [choice for choice in chain.voices if self._ready(choice)] or list(chain.voices)
        first: Exception | None = None
        lost: set[Engine] = set()
        for choice in ready:
            if choice.engine in lost:
                continue
            head: ClipHead | None = None
            left = 0
            breakers = (self._breaker(choice), self._breaker(choice, its_own=True))
            for breaker in breakers:
                breaker.enter()
            try:
                async with self._mouths[choice.engine].stream(text, choice, manner, rank=rank) as parts:
                    async for part in parts:
                        if isinstance(part, ClipHead):
                            head, left = part, part.samples
                        else:
                            left -= len(part.audio)
                        yield part
            except Exception as error:  # a voice that has a mistake in it must not silence the others
                first = first or error
                self._failed(character, choice, error)
                if rank != BACKGROUND:
                    self._tell_of(character)
                if head is None:
                    if choice.engine in SERVICES and not _of_one_voice(error):
                        lost.add(choice.engine)
                    continue
                if left > 0:
                    yield ClipPiece(np.zeros(left, np.float32), head.rate, last=True)
                return
            else:
                for breaker in breakers:
                    breaker.succeeded()
                return
            finally:
                for breaker in breakers:
                    breaker.left()
        raise first or _nothing(character, chain)

    async def _chain(self, character: CharacterFile) -> VoiceChain:
        key = (character.id, character.name, character.voice, character.language)
        if key not in self._chains:
            self._chains[key] = await anyio.to_thread.run_sync(self._choose, character)
        for reason in self._chains[key].reasons:
            self._once(character, reason.code, reason.message, reason.hint)
        return self._chains[key]

    def _failed(self, character: CharacterFile, choice: VoiceChoice, error: Exception) -> None:
        self._breaker(choice, its_own=_of_one_voice(error)).failed(error)
        known = error if isinstance(error, NpcError) else EngineError(f"The voice {choice} failed: {error!r}.")
        if known is not error:
            _log.error("The voice %s failed unexpectedly", choice, exc_info=error)
        why = getattr(error, "failing", type(error).__name__)
        message = f"The voice {choice} of {character.name} failed: {known.message}"
        self._once(character, f"voice_failed:{choice}:{why}", message, known.hint)

    def _once(self, character: CharacterFile, reason: str, message: str, hint: str) -> None:
        key = (_identity(character), reason)
        if key not in self._known:
            self._known[key] = (reason.partition(":")[0], message, hint)
            _log.warning("%s", f"{message} ({hint})" if hint else message)

    def _ready(self, choice: VoiceChoice) -> bool:
        return self._breaker(choice).allows() and self._breaker(choice, its_own=True).allows()

    def _breaker(self, choice: VoiceChoice, *, its_own: bool = False) -> Breaker:
        """That of a voice, or that of the service which all its voices share."""
        shared = choice.engine in SERVICES and not its_own
        return self._breakers.setdefault((choice.engine, "" if shared else choice.name), Breaker(self._clock))


def _nothing(character: CharacterFile, chain: VoiceChain) -> SetupError:
    why = chain.reasons[0].message if chain.reasons else f"Nothing on this machine speaks {character.language!r}."
    hint = "run `pip install espeakng-loader`, or `npc-runtime models pull NAME` for a voice such as tr_TR-dfki-medium"
    return SetupError(why, hint=hint)


def _of_one_voice(error: Exception) -> bool:
    """Whether only one voice of a service fails: one that does not know a voice may know the others."""
    return isinstance(error, ServiceError) and error.failing == "request"


def _identity(character: CharacterFile) -> str:
    return character.id or character.name


def _nobody(code: str, message: str, hint: str) -> None:
    """The log has it."""
