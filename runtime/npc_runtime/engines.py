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
from npc_runtime.ears import LaneEars, ServiceEars, Whisper
from npc_runtime.errors import NpcError
from npc_runtime.events import Notice
from npc_runtime.lane import Lane
from npc_runtime.llm.local import LocalModel
from npc_runtime.minds import Means, Mind, choose_mind
from npc_runtime.models.downloaded import present
from npc_runtime.models.hardware import Machine, this_machine
from npc_runtime.models.locate import LocatedModel, locate
from npc_runtime.models.registry import Kind, Registry
from npc_runtime.models.store import own_registry
from npc_runtime.service_http import OPENAI_URL
from npc_runtime.services import resolved
from npc_runtime.speech import Samples
from npc_runtime.stt.online import OnlineEars
from npc_runtime.stt.placement import place_here
from npc_runtime.stt.sizes import arrange
from npc_runtime.stt.smart_turn import GOES_ON, SmartTurn
from npc_runtime.tts.chain_mouth import ChainMouth
from npc_runtime.tts.voice_choice import choose
from npc_runtime.tts.voices_here import MachineVoices

_log = logging.getLogger(__name__)

_Wanted = tuple[str, str, str]
"""All of a character that decides which voice speaks: engine, name and language."""


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
        mind: The language model; see `choose_mind`.
        registry: The known models.
        language: The language that the player and the characters speak.
        machine: Its means; None: they are looked at.

    Raises:
        ModelError: A model is missing or wrong.
        SetupError: A setting asks for something that is not there.
    """

    def __init__(
        self,
        settings: Settings,
        mind: Mind,
        registry: Registry,
        *,
        language: str = "en",
        machine: Machine | None = None,
    ) -> None:
        self._settings = settings
        self._machine = machine or this_machine()
        self._registry = registry
        self.mind = mind
        context = mind.context if isinstance(mind, LocalModel) else settings.llm.context
        self.context_tokens = min(settings.llm.context, context)
        """Tokens of one conversation."""
        self.ears = self._ears(language)
        turns = settings.stt.smart_turn
        self.turns = LaneTurns(self._model("turn", "smart-turn-v3", language).path) if turns else None
        voices = MachineVoices(settings, registry, threads=settings.threads.tts or 1)
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

    def tells(self, tell: Callable[[Notice], None]) -> None:
        """Say to whom to tell when another voice speaks, or another one hears, than the one that was wanted."""
        self.mouth.tells(lambda code, message, hint: tell(Notice(code=code, message=message, hint=hint)))
        if isinstance(self.ears, ServiceEars):
            self.ears.switched = lambda switch: tell(switch.notice())

    def busy(self) -> Mapping[str, bool]:
        """Which engines work: `stt`, `llm`, `tts`."""
        return {"stt": self.ears.busy, "llm": self.mind.busy, "tts": self.mouth.busy}

    async def aclose(self) -> None:
        """End all engines."""
        await self.mind.aclose()
        await self.mouth.aclose()
        await self.ears.aclose()
        if self.turns is not None:
            await anyio.to_thread.run_sync(self.turns.close)

    def _model(self, kind: Kind, configured: str, language: str) -> LocatedModel:
        wanted = configured or self._registry.default(kind, language).id
        base = self._settings.content
        return locate(wanted, cache=self._cache, kind=kind, base=base, registry=self._registry)

    def _ears(self, language: str) -> LaneEars | ServiceEars:
        settings = self._settings
        stt, machine = settings.stt, self._machine
        cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
        # A small Whisper model is slower with two threads than with one: they wait for each other at every token.
        threads = settings.threads.stt or max(1, min(cores // 2, 4))
        if stt.backend == "whisper" or (stt.backend == "auto" and not stt.base_url):
            return LaneEars(partial(self._whisper, stt.model, machine), language, threads)
        service = OnlineEars(stt.base_url or OPENAI_URL, stt.api_key, model=stt.model, timeout=stt.timeout)
        try:
            here = LaneEars(partial(self._whisper, "", machine), language, threads)
        except NpcError as error:
            _log.warning("Nothing on this machine hears when the service does not: %s", error.message)
            return ServiceEars(service, None)
        return ServiceEars(service, here)

    def _whisper(self, wanted: str, machine: Machine, language: str) -> Whisper:
        """The model of this machine that is wanted; as large a one as suits it where none is."""
        device = self._settings.stt.device
        # Whoever has no graphics processor need not wait for a library to say so.
        where = partial(place_here, device if machine.gpus or device == "cuda" else "cpu", machine)
        if not wanted and (best := arrange(present(self._registry, self._cache, "stt"), language, machine, where)):
            entry, placement = best
            return Whisper(self._model("stt", entry.id, language).path, placement)
        model = self._model("stt", wanted, language)
        return Whisper(model.path, where(model.entry.size if model.entry else 0))

    @property
    def _cache(self) -> Path:
        return self._settings.model_cache


def _wanted(character: CharacterFile) -> _Wanted:
    return character.voice.engine, character.voice.name, character.language


async def put_together(settings: Settings, *, language: str = "en", conversations: int | None = None) -> Engines:
    """The engines that suit the settings and this machine, not started yet.

    Args:
        settings: What the person configured.
        language: The language that the player and the characters speak.
        conversations: How many of them there will be, if that is known: each takes memory of its own.

    Raises:
        InputError: A provider that is not known, or an address that is none.
        ModelError: A model is missing or wrong.
        SetupError: A setting asks for something that is not there.
    """
    settings = await resolved(settings)
    registry = Registry.load(own_registry(settings.model_cache))
    slots = min(settings.llm.slots, conversations or settings.llm.slots)
    machine = await anyio.to_thread.run_sync(this_machine)
    mind = await choose_mind(Means.of(settings, registry, slots, machine))
    return Engines(settings, mind, registry, language=language, machine=machine)


@asynccontextmanager
async def running(
    settings: Settings, characters: Sequence[CharacterFile], *, ears: bool = True, conversations: int | None = None
) -> AsyncIterator[Engines]:
    """Engines that are started, and ended with the context; see `put_together` and `Engines.start`."""
    language = characters[0].language if characters else "en"
    engines = await put_together(settings, language=language, conversations=conversations)
    try:
        await engines.start(characters, ears=ears)
        yield engines
    finally:
        with anyio.CancelScope(shield=True):
            await engines.aclose()
