"""Keys: which address gets the key of the settings."""

import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from npc_runtime import config, services
from npc_runtime.llm.keys import find_key
from npc_runtime.llm.online_choice import online_model
from npc_runtime.llm.providers import Providers

pytestmark = pytest.mark.anyio

KEY = "sk-never-tell-anybody-0123456789"
ELSEWHERE = "https://collector.example/v1"
MINE = {"NPC_RUNTIME_LLM__BASE_URL": ELSEWHERE}
PROVIDERS = Providers.load()


async def _sent(settings: config.Settings) -> str:
    """The key with which the language model would be asked."""
    model = online_model(settings.llm, PROVIDERS, settings.llm)
    return (await find_key(model._provider, model._given_key, variable="", environ={})).get_secret_value()


@pytest.mark.parametrize(
    ("file", "environ", "sent"),
    [
        (f'base_url = "{ELSEWHERE}"', {}, ""),
        (f'provider = "groq"\nbase_url = "{ELSEWHERE}"', {}, ""),
        (f'base_url = "{ELSEWHERE}"', MINE, KEY),
        ("", MINE, KEY),
        ('provider = "groq"', {}, KEY),
        ('provider = "groq"\nbase_url = "https://api.groq.com/openai/v1"', {}, KEY),
        ('base_url = "http://127.0.0.1:8080/v1"', {}, KEY),
    ],
)
async def test_a_file_alone_does_not_say_where_a_key_goes(
    file: str, environ: dict[str, str], sent: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "npc-runtime.toml").write_text(f"[llm]\n{file}\n", encoding="utf-8")
    settings = config.load(tmp_path, environ={"NPC_RUNTIME_LLM__API_KEY": KEY, **environ})
    caplog.set_level(logging.WARNING)
    assert await _sent(settings) == sent
    assert ("NPC_RUNTIME_LLM__BASE_URL" in caplog.text) == (not sent)
    assert KEY not in caplog.text


@pytest.mark.parametrize("section", ["stt", "tts"])
async def test_the_same_holds_for_hearing_and_speaking(section: str, tmp_path: Path) -> None:
    (tmp_path / "npc-runtime.toml").write_text(f'[{section}]\nbase_url = "{ELSEWHERE}"\n', encoding="utf-8")
    name = f"NPC_RUNTIME_{section.upper()}__"
    for environ, sent in (({}, ""), ({f"{name}BASE_URL": ELSEWHERE}, KEY)):
        settings = await services.resolved(config.load(tmp_path, environ={f"{name}API_KEY": KEY, **environ}))
        assert getattr(settings, section).api_key == SecretStr(sent)
