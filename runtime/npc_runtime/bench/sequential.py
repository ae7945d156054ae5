"""The other way to do it: the same engines one after the other, each on the whole of what the one before made.

The whole utterance goes through `WhisperModel.transcribe` as its documentation shows it, only with one beam and a known
language; the whole reply comes from the same language model with the same prompt, kept warm in the same way; the whole
reply is spoken by the same voice in one go. Nothing is streamed and nothing starts early.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import numpy as np
import psutil

from npc_runtime import events
from npc_runtime.bench.clips import Clip
from npc_runtime.bench.reply import AUDIBLE
from npc_runtime.cast import Mouth
from npc_runtime.clock import MonotonicClock
from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.engines import running
from npc_runtime.interview import Interview
from npc_runtime.lane import LIVE
from npc_runtime.models.locate import locate
from npc_runtime.models.registry import Kind, Registry
from npc_runtime.models.store import own_registry
from npc_runtime.session import Session
from npc_runtime.speech import ClipHead, ClipPiece, Samples, Transcript, VoiceColour
from npc_runtime.stt.whisper_import import faster_whisper
from npc_runtime.tts.piper import PiperVoice

END_OF_TURN_MS = 500.0
"""The silence that such pipelines usually wait for before they begin."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One answer; times in milliseconds, each stage from the end of the one before."""

    said: str
    character: str
    stt_ms: float
    llm_ms: float
    tts_ms: float
    silence_ms: float
    """Before the first audible sample."""

    @property
    def total_ms(self) -> float:
        """From the whole utterance to the first audible sample."""
        return self.stt_ms + self.llm_ms + self.tts_ms + self.silence_ms


class Sequential:
    """Answers one line after another. Use `sequential`."""

    def __init__(
        self, session: Session, ears: "_WholeEars", voices: dict[str, PiperVoice], said: list[events.Event]
    ) -> None:
        self._session = session
        self._interview = Interview(session)
        self._ears = ears
        self._voices = voices
        self._said = said

    async def answer(self, character: CharacterFile, clip: Clip) -> Whole | None:
        """Answer one line; None if nothing was understood, or an engine failed."""
        clock = MonotonicClock()
        await self._session.approach(character.id)
        self._said.clear()
        start = clock.now()
        await self._interview.hear(character.id, clip.samples)
        thought = clock.now()
        text = " ".join(event.text for event in self._said if isinstance(event, events.Say))
        if not text or any(isinstance(event, events.Error) for event in self._said):
            return None
        voice, spec = self._voices[character.id], character.voice
        sound = await anyio.to_thread.run_sync(lambda: voice.synthesize(text, pace=spec.rate, volume=spec.volume))
        spoken = clock.now()
        loud = np.flatnonzero(np.abs(sound.audio) > AUDIBLE / 32768)
        if not len(loud):
            return None
        stt = self._ears.seconds
        return Whole(
            clip.name,
            character.id,
            stt_ms=stt * 1000,
            llm_ms=(thought - start - stt) * 1000,
            tts_ms=(spoken - thought) * 1000,
            silence_ms=int(loud[0]) * 1000 / sound.rate,
        )


@asynccontextmanager
async def sequential(
    settings: Settings, library: Library, characters: Sequence[CharacterFile]
) -> AsyncIterator[Sequential]:
    """The engines, loaded and warm.

    Args:
        settings: What the person configured; the server has the same.
        library: Where the characters are from.
        characters: Who will answer.

    Raises:
        NpcError: An engine cannot be started.
    """
    registry = Registry.load(own_registry(settings.model_cache))

    def folder(kind: Kind, wanted: str, language: str) -> Any:
        chosen = wanted or registry.default(kind, language).id
        cache, base = settings.model_cache, settings.content
        return locate(chosen, cache=cache, kind=kind, base=base, registry=registry).path

    def voice(character: CharacterFile) -> PiperVoice:
        path = folder("tts", settings.tts.model or character.voice.name or "", character.language)
        loaded = PiperVoice.load(path, threads=settings.threads.tts or 1, cache=settings.model_cache / "voices")
        loaded.warm_up()
        return loaded

    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    language = characters[0].language
    async with running(settings, [], ears=False, conversations=len(characters)) as engines:
        ears = await anyio.to_thread.run_sync(
            lambda: _WholeEars(folder("stt", settings.stt.model, language), settings.threads.stt or min(cores, 4))
        )
        voices = {who.id: await anyio.to_thread.run_sync(voice, who) for who in characters}
        said: list[events.Event] = []
        session = Session(
            library,
            ears=ears,
            mind=engines.mind,
            mouth=_Silent(),
            emit=said.append,
            language=settings.stt.language,
            context_tokens=engines.context_tokens,
            temperature=settings.llm.temperature,
        )
        yield Sequential(session, ears, voices, said)


class _WholeEars:
    """Whisper as its library offers it."""

    def __init__(self, folder: Any, threads: int) -> None:
        self._model = faster_whisper().WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)
        self.seconds = 0.0
        """How long the last utterance took."""
        self._transcribe(np.zeros(16_000, np.float32), "en")

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        """Recognise one utterance."""
        clock = MonotonicClock()
        start = clock.now()
        text = await anyio.to_thread.run_sync(self._transcribe, samples, language)
        self.seconds = clock.now() - start
        return Transcript(text, language)

    def _transcribe(self, samples: Samples, language: str) -> str:
        segments, _ = self._model.transcribe(samples, language=language, beam_size=1)
        return " ".join(segment.text.strip() for segment in segments)


class _Silent(Mouth):
    """Says nothing: the words are collected, and spoken when the last one is there."""

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        """Nothing to say aloud."""

        async def nothing() -> AsyncIterator[ClipHead | ClipPiece]:
            yield ClipHead((), 0, 16_000, "estimated", character.language)

        yield nothing()
