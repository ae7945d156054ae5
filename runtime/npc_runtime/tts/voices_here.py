"""The voices of this machine: which are there, for the choice, and how each is loaded."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from npc_runtime.config import Settings
from npc_runtime.errors import InputError, NpcError
from npc_runtime.models.locate import LocatedModel, MissingModelError, locate
from npc_runtime.models.registry import Registry
from npc_runtime.service_http import OPENAI_URL
from npc_runtime.tts import elevenlabs, online_speech
from npc_runtime.tts.elevenlabs import ElevenLabsSpeech
from npc_runtime.tts.espeak import EspeakVoice, espeak_language
from npc_runtime.tts.espeak_library import espeak_installed, espeak_library
from npc_runtime.tts.mouths import LaneMouth, ServiceMouth, VoiceMouth
from npc_runtime.tts.online_speech import OnlineSpeech
from npc_runtime.tts.piper import PiperVoice
from npc_runtime.tts.piper_files import voice_language
from npc_runtime.tts.voice_choice import Engine, VoiceChoice, VoicesHere

_KEYS: Mapping[Engine, str] = {"openai": "OPENAI_API_KEY", "elevenlabs": "ELEVENLABS_API_KEY"}
"""The variable with the key of each service."""
_USUAL: Mapping[Engine, str] = {"openai": online_speech.DEFAULT_VOICE, "elevenlabs": elevenlabs.DEFAULT_VOICE}
"""The voice of each service for those who name none."""


@dataclass(frozen=True, slots=True)
class _Service:
    """How a service is used; what is empty is as usual."""

    url: str
    key: str = field(repr=False)
    model: str


class MachineVoices:
    """What this machine speaks with.

    Args:
        settings: What the person configured, with the keys of services in it.
        registry: The known models.
        threads: Threads of one Piper voice.
        environ: Where the usual variables of services are read from.
    """

    def __init__(
        self, settings: Settings, registry: Registry, *, threads: int = 1, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._threads = threads
        self._environ = environ
        self._loaded: dict[tuple[Path, str], PiperVoice] = {}

    def here(self) -> VoicesHere:
        """What there is, for `choose`; nothing is loaded before it is asked for."""
        services: dict[str, str] = {
            engine: voice for engine, voice in _USUAL.items() if self._service(engine) is not None
        }
        return VoicesHere(self._piper_language, self._piper_for, _espeak_language, _espeak_variant, services=services)

    def mouths(self) -> dict[Engine, VoiceMouth]:
        """Who speaks with the voices of each engine that is set up."""
        tts = self._settings.tts
        found: dict[Engine, VoiceMouth] = {
            "piper": LaneMouth("tts", self._piper),
            "espeak": LaneMouth("espeak", lambda choice: EspeakVoice.load(choice.name, pitch=choice.pitch)),
        }
        if one := self._service("openai"):
            url = one.url or OPENAI_URL
            found["openai"] = ServiceMouth(OnlineSpeech(url, one.key, model=one.model, timeout=tts.timeout))
        if one := self._service("elevenlabs"):
            speech = ElevenLabsSpeech(one.key, model=one.model, base_url=one.url, timeout=tts.timeout)
            found["elevenlabs"] = ServiceMouth(speech)
        return found

    def _service(self, engine: Engine) -> _Service | None:
        """A service that is set up; address and key of the settings belong to the engine that is configured."""
        tts = self._settings.tts
        configured = (tts.engine == "elevenlabs") == (engine == "elevenlabs")
        url, key = (tts.base_url, tts.api_key.get_secret_value()) if configured else ("", "")
        if not url:  # its key is for its own address alone: a mod's settings cannot send it elsewhere
            key = key or self._environ.get(_KEYS[engine], "")
        if not key and not (url and engine == "openai"):
            return None
        return _Service(url, key, tts.model if tts.engine == engine else "")

    def _piper(self, choice: VoiceChoice) -> PiperVoice:
        name, _, speaker = choice.name.partition("#")
        model = self._located(name, verify=True)
        key = (model.path, speaker)
        if key not in self._loaded:
            self._loaded[key] = PiperVoice.load(
                model.path,
                speaker=speaker or None,
                threads=self._threads,
                licence_note=model.entry.note if model.entry else "",
                margins=model.entry.margins if model.entry else None,
                cache=self._settings.model_cache / "voices",
            )
        return self._loaded[key]

    def _piper_language(self, name: str) -> str | None:
        try:
            model = self._located(name, verify=False)
        except (InputError, MissingModelError):
            return None
        except NpcError:
            return ""
        if model.entry is not None:
            return model.entry.languages[0]
        try:
            return voice_language(model.path)
        except NpcError:
            return ""  # it is there: what is wrong with it is told by whoever loads it

    def _piper_for(self, language: str) -> str | None:
        return next((name for name in self._piper_names(language) if self._piper_language(name) is not None), None)

    def _piper_names(self, language: str) -> Iterator[str]:
        """Known voices of a language, the default one first."""
        known = [entry for entry in self._registry.entries if entry.kind == "tts" and language in entry.languages]
        yield from (entry.id for entry in sorted(known, key=lambda entry: not entry.default))

    def _located(self, name: str, *, verify: bool) -> LocatedModel:
        return locate(
            name,
            cache=self._settings.model_cache,
            kind="tts",
            base=self._settings.content,
            registry=self._registry,
            verify=verify,
        )


def _espeak_language(code: str) -> str | None:
    if not espeak_installed():
        return None
    try:
        return espeak_language(espeak_library().voices, code)
    except NpcError:
        return None


def _espeak_variant(variant: str) -> bool:
    return variant.lower() in espeak_library().variants
