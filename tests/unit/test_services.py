"""Services for hearing and speaking: which ones the settings mean, and whose key goes where."""

from typing import Any

import pytest
from tests._fault_server import FaultServer, error

from npc_runtime.config import Settings
from npc_runtime.errors import InputError, ServiceError
from npc_runtime.models.registry import Registry
from npc_runtime.services import resolved
from npc_runtime.tts.mouths import Manner
from npc_runtime.tts.voice_choice import VoiceChoice
from npc_runtime.tts.voices_here import MachineVoices

pytestmark = pytest.mark.anyio

THEIRS, GIVEN = "sk-of-openai", "sk-given"
HERE = "http://127.0.0.1:8880/v1"


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", THEIRS)
    monkeypatch.setenv("GROQ_API_KEY", "sk-of-groq")
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)


async def found(**tts: Any) -> Settings:
    return await resolved(Settings.model_validate({"tts": tts, "stt": {"backend": "whisper"}}))


@pytest.mark.parametrize(
    ("tts", "engine"),
    [
        ({}, "auto"),
        ({"base_url": HERE}, "openai"),
        ({"provider": "groq"}, "openai"),
        ({"engine": "piper", "base_url": HERE}, "piper"),
        ({"engine": "elevenlabs", "base_url": HERE}, "elevenlabs"),
    ],
)
async def test_a_service_that_is_named_is_wanted(tts: dict[str, str], engine: str) -> None:
    assert (await found(**tts)).tts.engine == engine


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"provider": "openai"}, THEIRS),
        ({"provider": "groq"}, "sk-of-groq"),
        ({"provider": "groq", "base_url": HERE}, ""),
        ({"base_url": "https://api.openai.com/v1"}, THEIRS),
        ({"base_url": "http://api.openai.com/v1"}, ""),
        ({"base_url": "https://api.openai.com.example.org/v1"}, ""),
        ({"base_url": HERE}, ""),
        ({"base_url": HERE, "api_key": GIVEN}, GIVEN),
    ],
)
async def test_a_key_is_for_its_own_address(section: dict[str, str], key: str) -> None:
    settings = await resolved(Settings.model_validate({"tts": section, "stt": section}))
    assert settings.tts.api_key.get_secret_value() == key
    assert settings.stt.api_key.get_secret_value() == key
    assert settings.tts.base_url == settings.stt.base_url != ""


async def test_an_address_that_is_none() -> None:
    with pytest.raises(InputError, match="must be an address"):
        await found(base_url="localhost")


async def test_no_key_goes_in_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy sees what would be on the way."""
    with FaultServer(error(401, "No.")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        mouths = MachineVoices(await found(base_url="http://api.openai.com/v1"), Registry.load()).mouths()
        with pytest.raises(ServiceError):
            async with mouths["openai"].stream("Hello.", VoiceChoice("openai", "", "en"), Manner()) as parts:
                await anext(parts)
        for mouth in mouths.values():
            await mouth.aclose()
    [asked] = proxy.asked
    assert asked.path == "http://api.openai.com/v1/audio/speech"
    assert THEIRS not in str(asked.headers)


@pytest.mark.parametrize(
    ("tts", "environ", "services"),
    [
        ({}, {}, set()),
        ({}, {"OPENAI_API_KEY": "k", "ELEVENLABS_API_KEY": "k"}, {"openai", "elevenlabs"}),
        ({"api_key": "k"}, {}, {"openai"}),
        ({"base_url": HERE}, {}, {"openai"}),
        ({"engine": "elevenlabs", "api_key": "k"}, {}, {"elevenlabs"}),
        ({"engine": "elevenlabs", "base_url": HERE}, {"ELEVENLABS_API_KEY": "k"}, set()),
        ({"engine": "elevenlabs", "base_url": HERE, "api_key": "k"}, {"OPENAI_API_KEY": "k"}, {"openai", "elevenlabs"}),
    ],
)
def test_which_services_are_set_up(tts: dict[str, str], environ: dict[str, str], services: set[str]) -> None:
    voices = MachineVoices(Settings.model_validate({"tts": tts}), Registry.load(), environ=environ)
    assert set(voices.here().services) == services == {"openai", "elevenlabs"} & set(voices.mouths())
