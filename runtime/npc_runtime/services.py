"""Services: where those for hearing and speaking are, and their keys, as the settings and the presets say."""

import logging

from pydantic import SecretStr

from npc_runtime.config import Settings, SttSettings, TtsSettings
from npc_runtime.errors import ServiceError
from npc_runtime.llm.keys import find_key, sendable
from npc_runtime.llm.providers import Provider, Providers

_log = logging.getLogger(__name__)

ELEVENLABS = Provider(
    id="elevenlabs",
    name="ElevenLabs",
    base_url="https://api.elevenlabs.io",
    keys=("ELEVENLABS_API_KEY",),
    hosts=("*.elevenlabs.io",),
)
"""It speaks only, and has an interface of its own."""


async def resolved(settings: Settings) -> Settings:
    """The settings with the addresses and keys of services in them, so that engines need not look for them.

    Raises:
        InputError: There is no such provider, or an address is none.
    """
    stt, tts = settings.stt, settings.tts
    if stt.backend != "whisper" and (stt.provider or stt.base_url or stt.backend == "openai"):
        stt = stt.model_copy(update=await _found(stt, _service_of(stt), "STT"))
    if tts.engine == "elevenlabs":
        service = ELEVENLABS.at(tts.base_url)
        given = sendable(tts.api_key, service, from_file=tts.from_file)
        tts = tts.model_copy(update={"api_key": await _key(service, given, "TTS")})
    elif tts.provider or tts.base_url or tts.engine == "openai":
        tts = tts.model_copy(update={"engine": speech_engine(tts), **await _found(tts, _service_of(tts), "TTS")})
    return settings.model_copy(update={"stt": stt, "tts": tts})


def speech_engine(tts: TtsSettings) -> str:
    """What speaks for characters who do not mind: a service that is named is wanted."""
    return "openai" if tts.engine == "auto" and (tts.provider or tts.base_url) else tts.engine


def _service_of(section: SttSettings | TtsSettings) -> Provider:
    # At an address of somebody else, nothing of OpenAI is left but the interface.
    return Providers.load().get(section.provider or "openai").at(section.base_url)


async def _found(section: SttSettings | TtsSettings, service: Provider, name: str) -> dict[str, str | SecretStr]:
    given = sendable(section.api_key, service, from_file=section.from_file)
    return {"base_url": service.base_url, "api_key": await _key(service, given, name)}


async def _key(service: Provider, given: SecretStr, name: str) -> SecretStr:
    """The key of a service; without one it will refuse, and what is on this machine does the work."""
    try:
        return await find_key(service, given, variable=f"NPC_RUNTIME_{name}__API_KEY")
    except ServiceError as error:
        _log.warning("%s", error)
        return given
