"""Which language model answers for which settings, and that the embedded one does when the chosen one cannot."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests._fault_server import Answer, FaultServer, error, page, reply, unused_port
from tests.unit import _model_servers as stands

from npc_runtime.clock import MonotonicClock
from npc_runtime.config import BudgetSettings, LlmFallback, LlmSettings, Settings
from npc_runtime.errors import InputError, ModelError, SetupError
from npc_runtime.events import Event, Notice
from npc_runtime.ledger import Ledger
from npc_runtime.llm import probe
from npc_runtime.llm.backend import Completion, Delta, Finish, LanguageModel, Message
from npc_runtime.llm.chain import ModelChain
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.member import Member
from npc_runtime.llm.process import ModelProcess
from npc_runtime.minds import Means, Mind, choose_mind, on_terms
from npc_runtime.models.hardware import Machine
from npc_runtime.models.registry import Registry

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

KEY = "sk-never-tell-anybody-0123456789"
ASK = Completion(
    messages=(Message("system", "You are Brynja, a smith."), Message("user", "Who are you?")), max_tokens=12, seed=1
)
EMBEDDED = Registry.load().default("llm").id
ROOMY = Machine(64 << 30, 48 << 30, 2, 2)
TIGHT = Machine(4 << 30, 1 << 30, 2, 2)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(probe, "ANSWER", 20.0)
    monkeypatch.setattr(probe, "CONNECT", 20.0)
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "LLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@asynccontextmanager
async def chosen(state: Path, *, machine: Machine = ROOMY, **llm: Any) -> AsyncIterator[Mind]:
    settings = Settings(state=state, content=state, llm=LlmSettings.model_validate(llm))
    mind = await choose_mind(Means(settings, Registry.load(), 1, machine, MonotonicClock()))
    try:
        yield mind
    finally:
        await mind.aclose()


async def members(state: Path, *, machine: Machine = ROOMY, **llm: Any) -> Sequence[Member]:
    async with chosen(state, machine=machine, **llm) as mind:
        assert isinstance(mind, ModelChain)
        return mind.members


def names(found: Sequence[Member]) -> list[str]:
    return [member.name for member in found]


async def answer(mind: LanguageModel, request: Completion = ASK) -> tuple[str, Finish]:
    async with mind.stream(request) as items:
        *parts, finish = [item async for item in items]
    assert isinstance(finish, Finish)
    return "".join(part.text for part in parts if isinstance(part, Delta)), finish


async def test_nothing_set_is_the_embedded_model_as_it_is(state: Path) -> None:
    async with chosen(state) as mind:
        assert isinstance(mind, LocalModel) and mind.name == EMBEDDED
    async with chosen(state, backend="llama") as mind:
        assert isinstance(mind, LocalModel) and mind.name == EMBEDDED


async def test_a_file_is_used_as_it_is(state: Path, gguf: Path) -> None:
    async with chosen(state, model=str(gguf)) as mind:
        assert isinstance(mind, LocalModel) and mind.process.config.model == str(gguf)
    with pytest.raises(ModelError):
        async with chosen(state, model="nowhere.gguf"):
            pass


async def test_a_service_has_the_embedded_model_behind_it(state: Path) -> None:
    found = await members(state, provider="groq", model="llama-3.1-8b-instant")
    assert names(found) == ["groq/llama-3.1-8b-instant", EMBEDDED]
    assert [(member.local, member.eager) for member in found] == [(False, False), (True, True)]
    assert [member.eager for member in await members(state, machine=TIGHT, provider="groq")] == [False, False]
    assert names(await members(state, backend="openai")) == ["openai/gpt-4.1-mini", EMBEDDED]
    assert names(await members(state, base_url="https://example.org/v1", model="m")) == ["custom/m", EMBEDDED]


@pytest.mark.parametrize(
    ("fallback", "expected"),
    [
        ("local", [EMBEDDED]),
        (
            "groq/llama-3.1-8b-instant, mistral/",
            ["groq/llama-3.1-8b-instant", "mistral/mistral-small-latest", EMBEDDED],
        ),
        ([{"base_url": "https://example.org/v1", "model": "m"}, "local"], ["custom/m", EMBEDDED]),
        ([LlmFallback(backend="openai", model="gpt-4o")], ["openai/gpt-4o", EMBEDDED]),
    ],
)
async def test_what_stands_by_and_the_embedded_model_once(state: Path, fallback: object, expected: list[str]) -> None:
    found = await members(state, provider="openai", fallback=fallback)
    assert names(found) == ["openai/gpt-4.1-mini", *expected]
    assert {member.model.reply_format for member in found[:-1]} == {"json"}, "one prompt serves all services"


@pytest.fixture
def other(state: Path, gguf: Path) -> Path:
    """Another model file."""
    path = state / "other.gguf"
    path.write_bytes(gguf.read_bytes())
    return path


async def test_a_file_may_have_services_behind_it_and_then_the_embedded_model(state: Path, other: Path) -> None:
    found = await members(state, model=str(other), fallback="groq/m")
    assert [member.model.name for member in found] == [found[0].name, "groq/m", EMBEDDED]
    assert [member.eager for member in found] == [True, False, False], "one of this machine is enough in memory"
    assert names(await members(state, fallback="groq/m")) == [EMBEDDED, "groq/m"]


async def test_what_is_wrong_is_said_at_once(state: Path) -> None:
    with pytest.raises(InputError, match="no provider 'grok'") as caught:
        await members(state, provider="grok")
    assert "did you mean groq?" in caught.value.hint
    with pytest.raises(InputError, match="base_url must be an address"):
        await members(state, base_url="example.org")
    with pytest.raises(SetupError, match="needs to know the model") as missing:
        await members(state, backend="transformers")
    assert "llm.model" in missing.value.hint


async def test_a_capable_server_here_is_taken_and_its_grammar_used(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stands.serving(stands.LLAMA_SERVER) as stand:
        monkeypatch.setattr("npc_runtime.llm.auto.PORTS", (stand.port,))
        found = await members(state)
        assert names(found) == ["custom/mistral", EMBEDDED] and all(member.local for member in found)
        assert not found[0].model.small
        asked = len(stand.asked)
        assert names(await members(state, provider="groq", model="m"))[0] == "groq/m"
        assert len(stand.asked) == asked, "nobody is asked when it makes no difference"
        assert names(await members(state, provider="groq", fallback=[{"model": "mistral"}]))[1] == "custom/mistral"
        async with chosen(state, backend="llama") as mind:
            assert mind.name == EMBEDDED
    with stands.serving(stands.OLLAMA) as stand:
        monkeypatch.setattr("npc_runtime.llm.auto.PORTS", (stand.port,))
        assert names(await members(state)) == ["custom/llama3.1:8b", EMBEDDED]
        found = await members(state, model="qwen2.5:0.5b")
        assert names(found) == ["custom/qwen2.5:0.5b", EMBEDDED] and found[0].model.small


@pytest.fixture(scope="module")
def keyed(gguf: Path) -> ChildConfig:
    return ChildConfig("xllamacpp", str(gguf), "", 1024, 1, 0, 1, 2, 0)


async def test_a_real_server_at_an_address_of_this_machine(
    state: Path, keyed: ChildConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = ModelProcess(keyed)
    await process.start()
    try:
        port = int(process.url.rpartition(":")[2])
        monkeypatch.setattr("npc_runtime.llm.auto.PORTS", (port,))
        async with chosen(state) as mind:
            assert mind.name == EMBEDDED, "a small model of a server is no better than the embedded one"
        settings: dict[str, Any] = {"base_url": f"{process.url}/v1", "api_key": SecretStr(process.api_key)}
        async with chosen(state, **settings) as mind:
            assert isinstance(mind, ModelChain) and mind.small
            told: list[Event] = []
            grammar = 'root ::= "Steel " ("sings." | "hums.")'
            asked = Completion(messages=ASK.messages, grammar=grammar, max_tokens=12)
            text, finish = await answer(on_terms(mind, None, Settings(), "s", told.append), asked)
            assert text in ("Steel sings.", "Steel hums."), "the server keeps to the grammar"
            assert finish.model.startswith("custom/") and finish.prompt_tokens and not told
            assert mind.members[0].local
        monkeypatch.setenv("LLAMA_API_KEY", process.api_key)
        async with chosen(state, base_url=f"{process.url}/v1") as mind:
            assert (await answer(mind))[1].model.startswith("custom/"), "the key of its kind is used, too"
    finally:
        await process.stop()


@pytest.fixture
def ledger(state: Path) -> Iterator[Ledger]:
    with Ledger(state) as kept:
        yield kept


async def test_whatever_a_service_does_the_embedded_model_answers_and_says_why(
    state: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    faults: list[tuple[Answer, str, str]] = [
        (error(401, f"Incorrect API key provided: {KEY}."), "key", "NPC_RUNTIME_LLM__API_KEY"),
        (error(404, "The model `test-modell` does not exist", code="model_not_found"), "test-modell", "test-model"),
        (error(429, "Slow down.", retry_after="30"), "", ""),
        (error(500, "Oops."), "", ""),
        (page(), "web page", "base_url"),
        (Answer(["{}"], content_type="application/json"), "", ""),
        (Answer(reply()), "empty", ""),
    ]
    async with chosen(state, provider="openai") as kept:
        assert isinstance(kept, ModelChain)
        embedded = kept.members[-1]
        await embedded.start()

        async def told_of(*, says: str, hint: str, **llm: Any) -> None:
            async with chosen(state, **({"api_key": SecretStr(KEY)} | llm)) as mind:
                assert isinstance(mind, ModelChain)
                told: list[Event] = []
                settings = Settings(budget=BudgetSettings())
                chain = on_terms(ModelChain([mind.members[0], embedded]), ledger, settings, "s", told.append)
                for _ in range(2):
                    text, finish = await answer(chain)
                    assert text.strip() and finish.model == EMBEDDED
                [notice] = told
                assert isinstance(notice, Notice) and notice.code == "switched" and notice.hint, notice
                assert notice.message.startswith(f"{EMBEDDED} takes over from ")
                assert says in notice.message and hint in notice.hint, notice
                assert KEY not in repr(told) + repr(mind.members[0].trouble)

        for fault, says, hint in faults:
            with FaultServer(fault) as service:
                at: dict[str, Any] = {"base_url": service.url, "model": "test-modell", "reply_format": "tags"}
                await told_of(says=says, hint=hint, provider="openai", **at)
        with unused_port() as port:
            dead = f"http://127.0.0.1:{port}"
            at = {"model": "m", "connect_timeout": 1, "reply_format": "tags"}
            await told_of(says="", hint="", base_url=f"{dead}/v1", **at)
            monkeypatch.setenv("HTTP_PROXY", dead)
            await told_of(says="service.invalid", hint="", base_url="http://service.invalid/v1", **at)
        await told_of(says="needs a key", hint="GROQ_API_KEY", provider="groq", model="m", api_key="")
    assert KEY not in caplog.text
