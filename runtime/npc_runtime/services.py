"""Services: where those for hearing and speaking are, and their keys, as the settings and the presets say."""

import logging

from pydantic import SecretStr

from npc_runtime.config import Settings, SttSettings, TtsSettings
from npc_runtime.errors import ServiceError
from npc_runtime.llm.keys import find_key
from npc_runtime.llm.providers import Provider, Providers, custom

_log = logging.getLogger(__name__)

OPENAI_URL = "https://api.openai.com/v1"


async def resolved(settings: Settings) -> Settings:
    """The settings with the addresses and keys of services in them, so that engines need not look for them.

    Raises:
        InputError: There is no such provider, or an address is none.
    """
    stt, tts = settings.stt, settings.tts
    if stt.provider or stt.base_url or stt.backend == "openai":
        stt = stt.model_copy(update=await _found(stt, stt.provider or ("" if stt.base_url else "openai"), "STT"))
    if (tts.provider or tts.base_url or tts.engine == "openai") and tts.engine != "elevenlabs":
        tts = tts.model_copy(update=await _found(tts, tts.provider or ("" if tts.base_url else "openai"), "TTS"))
    return settings.model_copy(update={"stt": stt, "tts": tts})


async def _found(section: SttSettings | TtsSettings, provider: str, name: str) -> dict[str, str | SecretStr]:
    """Address and key of a service; without a key it will refuse, and what is on this machine does the work."""
    service: Provider = Providers.load().get(provider).at(section.base_url) if provider else custom(section.base_url)
    key = section.api_key
    try:
        key = await find_key(service, key, variable=f"NPC_RUNTIME_{name}__API_KEY")
    except ServiceError as error:
        _log.warning("%s", error)
    return {"base_url": service.base_url, "api_key": key}
