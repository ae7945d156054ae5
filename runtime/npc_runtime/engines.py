"""The engines of this machine, put together from the settings: each loaded once, each in a lane of its own."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import psutil

from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import NpcError, SetupError
from npc_runtime.lane import LIVE, Lane, Ticket
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.local_file import local_model
from npc_runtime.models.locate import LocatedModel, locate
from npc_runtime.models.registry import Kind, Registry
from npc_runtime.models.store import own_registry
from npc_runtime.speech import Samples, Transcript
from npc_runtime.stt.smart_turn import GOES_ON, SmartTurn
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.tts.chain_mouth import ChainMouth
from npc_runtime.tts.voice_choice import choose
from npc_runtime.tts.voices_here import MachineVoices

_log = logging.getLogger(__name__)

_Wanted = tuple[str, str, str]
"""All of a character that decides which voice speaks: engine, name and language."""

_LOCAL_ENGINES = {"auto": "xllamacpp", "llama": "xllamacpp", "llama-cpp-python": "llama-cpp-python"}


class LaneEars:
    """Whisper in its lane, loaded when it is first needed."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder
        self._threads = threads
        self._lane = Lane("stt")
        self._engine: WhisperEngine | None = None

    async def start(self) -> None:
        """Load the model."""
        await self._lane.run(lambda _: self._loaded().warm_up())

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        """Recognise one utterance."""

        def work(ticket: Ticket) -> Transcript:
            return self._loaded().transcribe(
                samples, language=language, hotwords=hotwords, thorough=rank == LIVE, ticket=ticket
            )

        return await self._lane.run(work, rank=rank)

    @property
    def busy(self) -> bool:
        """Whether it works, or has work to do."""
        return self._lane.busy

    def close(self) -> None:
        """Free the model."""
        self._lane.close()

    def _loaded(self) -> WhisperEngine:
        if self._engine is None:
            self._engine = WhisperEngine(self._folder, threads=self._threads)
        return self._engine


class LaneTurns:
    """Smart Turn in a lane of its own: it must not wait for recognition, with which it competes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lane = Lane("turn")
        self._model: SmartTurn | None = None

    async def start(self) -> None:
        """Load the model."""
        await self._lane.run(lambda _: self._loaded())

    async def goes_on(self, samples: Samples) -> bool:
        """Whether the player has hardly finished, by the sound of an utterance of 16 kHz."""
        return await self._lane.run(lambda _: self._loaded().probability(samples)) < GOES_ON

    def close(self) -> None:
        """Free the model."""
        self._lane.close()

    def _loaded(self) -> SmartTurn:
        if self._model is None:
            self._model = SmartTurn(self._path)
        return self._model


class Engines:
    """Ears, mind and mouth of this machine.

    Args:
        settings: What the person configured.
        language: The language that the player and the characters speak.
        conversations: How many of them there will be, if that is known: each takes memory of its own.

    Raises:
        ModelError: A model is missing or wrong.
        SetupError: A setting asks for something that is not there.
    """

    def __init__(self, settings: Settings, *, language: str = "en", conversations: int | None = None) -> None:
        self._settings = settings
        self._slots = min(settings.llm.slots, conversations or settings.llm.slots)
        self._cache = settings.model_cache
        self._registry = Registry.load(own_registry(self._cache))
        _refuse_what_is_not_there(settings)
        threads = settings.threads
        cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
        # A small Whisper model is slower with two threads than with one: they wait for each other at every token.
        self.ears = LaneEars(
            self._model("stt", settings.stt.model, language).path, threads.stt or max(1, min(cores // 2, 4))
        )
        turns = settings.stt.smart_turn
        self.turns = LaneTurns(self._model("turn", "smart-turn-v3", language).path) if turns else None
        self.mind = self._mind(cores)
        voices = MachineVoices(settings, self._registry, threads=threads.tts or 1)
        here = voices.here()
        self.mouth = ChainMouth(lambda character: choose(character, settings.tts, here), voices.mouths())

    async def start(self, characters: Sequence[CharacterFile], *, ears: bool = True) -> None:
        """Load everything that these characters need, side by side.

        Args:
            characters: Whose voices to load; those who share one cost no more than one of them.
            ears: Whether speech will have to be recognised.

        Raises:
            NpcError: The first engine that cannot be started says why. A voice only counts when nobody has one:
                otherwise the turn that needs it says what is wrong.
        """
        failures: list[NpcError] = []
        mute: list[NpcError] = []
        # A voice is loaded and warmed once for the thousand characters who may share it.
        speakers = {_wanted(character): character for character in reversed(characters)}.values()

        async def attempt(start: Callable[[], Awaitable[None]], failed: list[NpcError]) -> None:
            try:
                await start()
            except NpcError as error:
                failed.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(attempt, self.mind.start, failures)
            if ears:
                tasks.start_soon(attempt, self.ears.start, failures)
                if self.turns is not None:
                    tasks.start_soon(attempt, self.turns.start, failures)
            for character in speakers:
                tasks.start_soon(attempt, partial(self.mouth.start, character), mute)
        if len(mute) == len(speakers):
            failures += mute
        if failures:
            raise failures[0]
        for error in mute:
            _log.warning("%s", error.message)

    def busy(self) -> Mapping[str, bool]:
        """Which engines work: `stt`, `llm`, `tts`."""
        return {"stt": self.ears.busy, "llm": self.mind.busy, "tts": self.mouth.busy}

    async def aclose(self) -> None:
        """End all engines."""
        await self.mind.aclose()
        await self.mouth.aclose()
        for lane in (self.ears, self.turns):
            if lane is not None:
                await anyio.to_thread.run_sync(lane.close)

    def _model(self, kind: Kind, configured: str, language: str) -> LocatedModel:
        wanted = configured or self._registry.default(kind, language).id
        base = self._settings.content
        return locate(wanted, cache=self._cache, kind=kind, base=base, registry=self._registry)

    def _mind(self, cores: int) -> LocalModel:
        llm = self._settings.llm
        model = self._model("llm", llm.model, "en")
        config = ChildConfig(
            engine=_LOCAL_ENGINES[llm.backend],
            model=str(model.path),
            api_key="",
            context=llm.context,
            slots=self._slots,
            cache_mb=llm.cache_mb,
            # Decoding waits for memory, not for cores, and one core stays free for the game.
            threads=self._settings.threads.llm or max(1, min(cores - 1, 8)),
            batch_threads=self._settings.threads.llm or cores,
            gpu_layers=0,
        )
        return local_model(model.id, config, gpu_layers=llm.gpu_layers, timeout=llm.timeout)


def _wanted(character: CharacterFile) -> _Wanted:
    return character.voice.engine, character.voice.name, character.language


def _refuse_what_is_not_there(settings: Settings) -> None:
    for key, chosen, there in (
        ("llm.backend", settings.llm.backend, tuple(_LOCAL_ENGINES)),
        ("stt.backend", settings.stt.backend, ("auto", "whisper")),
    ):
        if chosen not in there:
            hint = f"use one of: {', '.join(there)}"
            raise SetupError(f"{key} = {chosen} is not available in this version.", hint=hint)


@asynccontextmanager
async def running(
    settings: Settings, characters: Sequence[CharacterFile], *, ears: bool = True, conversations: int | None = None
) -> AsyncIterator[Engines]:
    """Engines that are started, and ended with the context; see `Engines` and `Engines.start`."""
    language = characters[0].language if characters else "en"
    engines = Engines(settings, language=language, conversations=conversations)
    try:
        await engines.start(characters, ears=ears)
        yield engines
    finally:
        with anyio.CancelScope(shield=True):
            await engines.aclose()
