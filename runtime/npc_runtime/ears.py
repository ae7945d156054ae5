"""Ears: who recognises speech. Whisper on this machine, or a service with Whisper ready to take over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from npc_runtime.breaker import Breaker
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.failover import Standby, Switch, first_that_works
from npc_runtime.lane import LIVE, Lane, Ticket
from npc_runtime.speech import Samples, Transcript
from npc_runtime.stt.online import OnlineEars
from npc_runtime.stt.placement import Placement
from npc_runtime.stt.whisper import WhisperEngine


@dataclass(frozen=True, slots=True)
class Whisper:
    """A Whisper model, and where it works."""

    folder: Path
    placement: Placement


class LaneEars:
    """Whisper in its lane, loaded when it is first needed; with another model where a language needs another one.

    Args:
        find: The model for a language, which raises `ModelError` where there is none.
        language: What is mostly spoken, as ISO 639-1 code.
        threads: For decoding.

    Raises:
        ModelError: There is no model for it.
    """

    def __init__(self, find: Callable[[str], Whisper], language: str, threads: int) -> None:
        self._find = find
        self._language = language
        self._threads = threads
        self._lane = Lane("stt")
        self._found = {language: find(language)}
        self._engines: dict[Path, WhisperEngine] = {}

    async def start(self) -> None:
        """Load the model for what is mostly spoken."""
        await self._lane.run(lambda _: self._loaded(self._language).warm_up())

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        """Recognise one utterance."""

        def work(ticket: Ticket) -> Transcript:
            return self._loaded(language).transcribe(
                samples, language=language, hotwords=hotwords, thorough=rank == LIVE, ticket=ticket
            )

        return await self._lane.run(work, rank=rank)

    @property
    def busy(self) -> bool:
        """Whether it works, or has work to do."""
        return self._lane.busy

    async def aclose(self) -> None:
        """Free the models."""
        await anyio.to_thread.run_sync(self._lane.close)

    def _loaded(self, language: str) -> WhisperEngine:
        if language not in self._found:
            self._found[language] = self._find(language)
        found = self._found[language]
        if found.folder not in self._engines:
            self._engines[found.folder] = WhisperEngine(found.folder, threads=self._threads, placement=found.placement)
        return self._engines[found.folder]


class ServiceEars:
    """A service hears what is to be answered; what it cannot, and what is only shown, this machine does.

    Args:
        service: Asked for final transcripts alone: each request costs money.
        here: Of this machine; None where it has no model for the language.
        clock: Time, for how long a service that failed is left alone.
    """

    def __init__(self, service: OnlineEars, here: LaneEars | None, *, clock: Clock | None = None) -> None:
        clock = clock or MonotonicClock()
        self.switched: Callable[[Switch], None] = lambda _: None
        """Told when this machine has taken over."""
        self._service = service
        self._here = here
        standbys: list[Standby[OnlineEars | LaneEars]] = [Standby(service.name, service, Breaker(clock))]
        if here is not None:
            standbys.append(Standby("Whisper on this machine", here, Breaker(clock)))
        self._standbys = standbys

    async def start(self) -> None:
        """Make ready; the model of this machine is loaded, too, as nobody can wait for it later."""
        await self._service.start()
        if self._here is not None:
            await self._here.start()

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        """Recognise one utterance.

        Raises:
            EngineError: Nobody could.
        """
        standbys = self._standbys if rank == LIVE else self._standbys[1:]
        if not standbys:
            return Transcript("", language, reason="unclear")

        async def attempt(ears: OnlineEars | LaneEars) -> Transcript:
            return await ears.hear(samples, language=language, hotwords=hotwords, rank=rank)

        return await first_that_works(standbys, attempt, what="recognise speech", switched=self.switched)

    @property
    def busy(self) -> bool:
        """Whether anybody works, or has work to do."""
        return self._service.busy or (self._here is not None and self._here.busy)

    async def aclose(self) -> None:
        """Free what is held."""
        await anyio.to_thread.run_sync(self._service.close)
        if self._here is not None:
            await self._here.aclose()
