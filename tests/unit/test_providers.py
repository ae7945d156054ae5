"""Presets of services: the shipped file holds, every mistake in one is said, and keys stay where they belong."""

import sys
import types
from pathlib import Path

import pytest
from pydantic import SecretStr

from npc_runtime.config import LlmFallback, LlmSettings
from npc_runtime.errors import ContentError, InputError, ServiceError
from npc_runtime.llm.keys import find_key
from npc_runtime.llm.online_choice import online_model
from npc_runtime.llm.providers import Provider, Providers, custom

PROVIDERS = Providers.load()
pytestmark = pytest.mark.anyio


def test_all_services_of_the_issue_are_there() -> None:
    names = "openai deepinfra replicate databricks mosaicml groq openrouter together mistral cohere huggingface gemini"
    for name in (*names.split(), "anthropic"):
        provider = PROVIDERS.get(name)
        assert provider.keys and provider.model and provider.looked_up
        assert provider.base_url.startswith("https://")
        can = provider.can
        assert {"json": can.json_schema, "tools": can.tools, "tags": True}[provider.reply_format]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema = 1\nproviders = [", "cannot be read as TOML"),
        ("schema = 2\nproviders = []", "schema"),
        ('schema = 1\n[[providers]]\nid = "a"\nname = "A"\nbase_url = "nowhere"', "providers.0.base_url"),
        ('schema = 1\n[[providers]]\nid = "a"\nname = "A"\nbase_url = "https://u:p@a.b"', "without a key"),
        ('schema = 1\n[[providers]]\nid = "a"\nname = "A"\nbase_url = "https://a.b"\nprise = 1', "providers.0.prise"),
        (
            'schema = 1\n[[providers]]\nid = "a"\nname = "A"\nbase_url = "https://a.b"\nmodels=[{id="m", input=1}]',
            "price of input and output",
        ),
        (
            'schema = 1\n[[providers]]\nid = "a"\nname = "A"\nbase_url = "https://a.b"\n'
            '[[providers]]\nid = "b"\nname = "B"\naliases = ["a"]\nbase_url = "https://a.b"',
            "there twice: a",
        ),
    ],
)
def test_mistakes_in_a_file_are_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "providers.toml"
    path.write_text(text)
    with pytest.raises(ContentError) as caught:
        Providers.load(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="cannot be read"):
        Providers.load(tmp_path / "none.toml")


def test_a_typo_gets_a_suggestion() -> None:
    with pytest.raises(InputError) as caught:
        PROVIDERS.get("grok")
    assert "did you mean groq?" in caught.value.hint


def test_a_workspace_is_filled_in() -> None:
    databricks = PROVIDERS.get("databricks")
    with pytest.raises(InputError) as caught:
        databricks.at("")
    assert "https://my-workspace.cloud.databricks.com" in caught.value.hint
    mine = databricks.at("https://acme.cloud.databricks.com/serving-endpoints/")
    assert mine.base_url == "https://acme.cloud.databricks.com/serving-endpoints"
    assert mine.keys == databricks.keys


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1",
        "http://api.openai.com/v1",
        "https://api.openai.com.evil.example/v1",
        "http://127.0.0.1/v1",
    ],
)
def test_a_services_own_key_stays_with_its_own_hosts(address: str) -> None:
    assert PROVIDERS.get("openai").at(address).keys == ()


@pytest.mark.parametrize(
    "address", ["nonsense", "ftp://a.b", "https://key@a.b/v1", "https://a.b/v1?key=SECRET", "https://"]
)
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InputError) as caught:
        custom(address)
    assert "SECRET" not in str(caught.value)


def test_what_is_known_of_a_model() -> None:
    assert PROVIDERS.get("huggingface").known("openai/gpt-oss-120b").reasoning == "low"
    assert PROVIDERS.get("openai").known("brand-new").input is None


def test_models_that_only_the_responses_api_has() -> None:
    openai = PROVIDERS.get("openai")
    assert [openai.api_for(name) for name in ("gpt-4.1-mini", "o3-pro", "gpt-5.2-pro-2025-12-11", "gpt-5-codex")] == [
        "chat",
        "responses",
        "responses",
        "responses",
    ]


GROQ = PROVIDERS.get("groq")


async def key(provider: Provider = GROQ, explicit: str = "", **environ: str) -> str:
    found = await find_key(provider, SecretStr(explicit), variable="NPC_RUNTIME_LLM__API_KEY", environ=environ)
    return found.get_secret_value()


def keyring(monkeypatch: pytest.MonkeyPatch, password: str | Exception | None) -> None:
    """A keyring in the place of the real one."""
    module = types.ModuleType("keyring")
    module.__spec__ = types.SimpleNamespace(name="keyring")  # type: ignore[assignment]  # all that is looked at

    def get_password(service: str, user: str) -> str | None:
        assert (service, user) == ("npc-runtime", "groq")
        if isinstance(password, Exception):
            raise password
        return password

    module.get_password = get_password  # type: ignore[attr-defined]  # made here
    monkeypatch.setitem(sys.modules, "keyring", module)


async def test_where_a_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring(monkeypatch, "from-keyring")
    assert await key(explicit=" own ", GROQ_API_KEY="usual") == "own"
    assert await key(GROQ_API_KEY="usual\n") == "usual"
    assert await key(OPENAI_API_KEY="another's") == "from-keyring"
    assert await key(custom("http://127.0.0.1:1/v1")) == ""


@pytest.mark.parametrize("stored", [None, "", RuntimeError("locked")])
async def test_a_missing_key_is_said_with_its_variables(
    monkeypatch: pytest.MonkeyPatch, stored: str | Exception | None
) -> None:
    keyring(monkeypatch, stored)
    with pytest.raises(ServiceError) as caught:
        await key()
    assert caught.value.failing == "key"
    for words in ("GROQ_API_KEY", "NPC_RUNTIME_LLM__API_KEY", "npc-runtime groq"):
        assert words in caught.value.hint


async def test_settings_name_a_model() -> None:
    settings = LlmSettings(provider="groq", model="openai/gpt-oss-120b", api_key=SecretStr("k"), reply_format="tools")
    model = online_model(settings, PROVIDERS, settings)
    assert (model.name, model.reply_format, model.known.input) == ("groq/openai/gpt-oss-120b", "tools", 0.15)
    other = online_model(LlmFallback(base_url="http://127.0.0.1:9/v1"), PROVIDERS, settings)
    assert other.name == "custom"
    assert "SecretStr('')" in repr(vars(other)["_given_key"]), "one service's key for another"
    with pytest.raises(InputError, match="No language service"):
        online_model(LlmSettings(), PROVIDERS, LlmSettings())
