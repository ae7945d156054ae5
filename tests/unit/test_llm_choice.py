"""Which language model `auto` takes: what is named, a local server's, a file that fits, or the embedded one."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit import _model_servers as stands

from npc_runtime.cli import doctor_models
from npc_runtime.cli.finding import Finding
from npc_runtime.config import LlmSettings, Settings
from npc_runtime.llm import probe
from npc_runtime.llm.auto import Pick, pick
from npc_runtime.models.choice import Choice, Offer, choose_language_model
from npc_runtime.models.downloaded import Downloaded, downloaded, present
from npc_runtime.models.fit import Verdict
from npc_runtime.models.hardware import Gpu, Machine
from npc_runtime.models.registry import ModelEntry, Registry
from npc_runtime.models.store import model_folder

GIB = 1 << 30
PULLED = 300 << 20
EMBEDDED = "smollm2-135m-q4"
LARGE = Downloaded("qwen-3b", 2 * GIB, Verdict("fits", 3 * GIB, "leaves the game 8.0 GiB of memory"))
SMALL = Downloaded("gemma-1b", GIB, Verdict("fits", GIB, "leaves the game 9.0 GiB of memory"))
HUGE = Downloaded("llama-70b", 40 * GIB, Verdict("too big", 41 * GIB, "needs 41.0 GiB and 12.0 GiB of memory is free"))
OLLAMA = Offer("llama3.1:8b", "Ollama at 127.0.0.1:11434", loaded=True)


def chosen(settings: dict[str, Any], **there: Any) -> Choice:
    return choose_language_model(
        LlmSettings.model_validate(settings), known=there.pop("known", False), embedded=EMBEDDED, **there
    )


@pytest.mark.parametrize(
    ("settings", "there", "source", "model", "why"),
    [
        ({"provider": "groq", "model": "llama-3.1-8b"}, {}, "service", "llama-3.1-8b", "groq: the settings name it"),
        ({"base_url": "http://me:pw@box:8080/v1"}, {}, "service", "", "box:8080"),
        ({"backend": "openai"}, {}, "service", "", "OpenAI"),
        ({"model": "qwen-3b"}, {"known": True}, "file", "qwen-3b", "the settings name it"),
        ({"model": "my/own.gguf"}, {}, "file", "my/own.gguf", "the settings name it"),
        ({"model": "llama3.1:8b"}, {"named": OLLAMA}, "server", "llama3.1:8b", "11434: the settings name it"),
        ({"model": "qwen-3b"}, {"known": True, "named": OLLAMA}, "file", "qwen-3b", "the settings name it"),
        ({"model": "qwen-3b", "backend": "llama"}, {"named": OLLAMA}, "file", "qwen-3b", "the settings name it"),
        ({}, {"best": OLLAMA, "files": [LARGE]}, "server", "llama3.1:8b", "which has it in memory"),
        ({"backend": "transformers"}, {"best": OLLAMA, "files": [LARGE]}, "file", "", "transformers"),
        ({}, {"best": Offer("a", "b", False)}, "server", "a", "has to load it first"),
        ({"backend": "llama"}, {"best": OLLAMA, "files": [SMALL, LARGE, HUGE]}, "file", "qwen-3b", "the largest"),
        ({}, {"files": [SMALL, HUGE]}, "file", "gemma-1b", "leaves the game 9.0 GiB"),
        ({}, {"files": [HUGE]}, "file", EMBEDDED, "llama-70b needs 41.0 GiB"),
        ({}, {}, "file", EMBEDDED, "no other was downloaded"),
        ({"backend": "llama"}, {"best": OLLAMA}, "file", EMBEDDED, "an engine of our own"),
    ],
)  # fmt: skip
def test_the_order(settings: dict[str, Any], there: dict[str, Any], source: str, model: str, why: str) -> None:
    choice = chosen(settings, **there)
    assert (choice.source, choice.model) == (source, model)
    assert why in choice.why and choice.why.endswith(".")
    assert "pw" not in choice.why


def machine(cores: int = 8, available: int = 16 * GIB, *gpus: Gpu) -> Machine:
    return Machine(total=32 * GIB, available=available, cores=cores, threads=2 * cores, gpus=gpus)


def gguf(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"GGUF\x03\x00\x00\x00")
        file.truncate(size)  # sparse: nothing is written


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """The shipped one, and a model that was pulled, and one that was not."""
    entries = [
        ModelEntry.model_validate(
            {
                "id": name,
                "kind": "llm",
                "family": "qwen",
                "title": name,
                "languages": ["en"],
                "licence": "MIT",
                "ram_mib": 1100,
                "main": "model.gguf",
                "files": [{"name": "model.gguf", "size": PULLED, "sha256": "0" * 64}],
                "packages": [{"module": "npc_no_such_package", "files": {"model.gguf": "model.gguf"}}],
            }
        )
        for name in ("pulled-1b", "absent-1b")
    ]
    gguf(model_folder(tmp_path, "pulled-1b") / "model.gguf", PULLED)
    return Registry([*Registry.load().entries, *entries])


def test_what_was_downloaded(registry: Registry, tmp_path: Path) -> None:
    folder = model_folder(tmp_path, "")
    gguf(folder / "mine.gguf", 1 << 20)
    (folder / "page.gguf").write_text("<html>", encoding="ascii")
    (folder / "folder.gguf").mkdir()
    found = downloaded(registry, tmp_path, machine(), context_tokens=2048)
    assert [one.model for one in found] == ["pulled-1b", str(folder / "mine.gguf")]
    assert [one.verdict.level for one in found] == ["fits", "fits"]
    assert [entry.id for entry in present(registry, tmp_path, "llm")] == [EMBEDDED, "pulled-1b"]


def test_few_cores_do_not_keep_up_with_a_large_file(registry: Registry, tmp_path: Path) -> None:
    (slow,) = downloaded(registry, tmp_path, machine(1), context_tokens=2048)
    assert slow.verdict.level == "too big"
    assert slow.verdict.reason == "has 300 MiB, and one processor core keeps up with 250 MiB"
    (tight,) = downloaded(registry, tmp_path, machine(1, 4 * GIB), context_tokens=2048)
    assert tight.verdict.level == "tight"
    card = Gpu("Card", 12 * GIB, 10 * GIB)
    (quick,) = downloaded(registry, tmp_path, machine(1, 16 * GIB, card), context_tokens=2048, gpu=True)
    assert (quick.verdict.level, "Card" in quick.verdict.reason) == ("fits", True)
    gguf(model_folder(tmp_path, "") / "mine.gguf", PULLED)
    full = Gpu("Card", 12 * GIB, 4 * GIB + (400 << 20))
    *_, mine = downloaded(registry, tmp_path, machine(1, 16 * GIB, full), context_tokens=2048, gpu=True)
    assert mine.verdict.level == "tight"
    *_, mine = downloaded(registry, tmp_path, machine(1, 16 * GIB), context_tokens=2048)
    assert mine.verdict.level == "too big"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER", 20.0)
    monkeypatch.setattr(probe, "CONNECT", 20.0)


async def picked(registry: Registry, cache: Path, ports: list[int], **llm: Any) -> Pick:
    settings = Settings.model_validate({"state": cache, "llm": llm})
    return await pick(settings, registry, machine(), ports=ports, environ={})


@pytest.mark.anyio
async def test_what_is_there_is_looked_at_and_picked(registry: Registry, tmp_path: Path) -> None:
    with stands.serving(stands.OLLAMA) as ollama:
        best = await picked(registry, tmp_path, [ollama.port])
        named = await picked(registry, tmp_path, [ollama.port], model="qwen2.5:0.5b")
        own = await picked(registry, tmp_path, [ollama.port], model="pulled-1b")
    assert best.server and best.model
    assert (best.choice.source, best.choice.model, best.model.name) == ("server", "llama3.1:8b", "llama3.1:8b")
    assert best.server.base_url == f"http://127.0.0.1:{ollama.port}/v1"
    assert named.model and (named.choice.model, named.model.name) == ("qwen2.5:0.5b", "qwen2.5:0.5b")
    assert (own.choice.source, own.server, len(own.servers)) == ("file", None, 1)
    nobody = await picked(registry, tmp_path, [])
    assert (nobody.choice.source, nobody.choice.model) == ("file", "pulled-1b")
    bare = await picked(Registry.load(), tmp_path / "empty", [])
    assert bare.choice == Choice("file", EMBEDDED, bare.choice.why)


@pytest.mark.anyio
async def test_keys_come_from_the_environment(tmp_path: Path) -> None:
    with stands.serving(stands.ANYTHING_LLM, key="s3cret") as stand:
        settings = Settings.model_validate({"state": tmp_path})
        environ = {"ANYTHINGLLM_API_KEY": "s3cret"}
        found = await pick(settings, Registry.load(), machine(), ports=[stand.port], environ=environ)
    assert [model.name for server in found.servers for model in server.models] == ["tavern"]
    assert "s3cret" not in repr(found)


def looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *ports: int, cores: int = 8, **settings: Any
) -> list[Finding]:
    monkeypatch.setattr("npc_runtime.llm.auto.PORTS", ports)
    return list(doctor_models.models(Settings.model_validate({"state": tmp_path, **settings}), machine(cores)))


def test_doctor_lists_servers_with_their_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANYTHINGLLM_API_KEY", raising=False)
    many = {"/v1/models": stands.listing(*(f"m{number}-8b" for number in range(12)))}
    with (
        stands.serving(stands.OLLAMA) as ollama,
        stands.serving(stands.ANYTHING_LLM, key="x") as locked,
        stands.serving(many) as other,
    ):
        findings = looked(monkeypatch, tmp_path, ollama.port, locked.port, other.port)
    assert not [finding for finding in findings if finding.state == "bad"]
    said = {finding.message: finding for finding in findings if finding.subject == "model server"}
    first, second, third = said
    assert first == (
        f"Ollama at 127.0.0.1:{ollama.port}: llama3.1:8b (8B), qwen2.5:0.5b (494M, in memory, not for characters), "
        "nomic-embed-text:latest (137M, not for characters), gpt-oss:120b-cloud (117B, not for characters)"
    )
    assert "wants a key" in second and "ANYTHINGLLM_API_KEY" in said[second].fix
    assert third.endswith("and 4 more")
    (choice,) = [finding.message for finding in findings if finding.subject == "llm choice"]
    assert "llama3.1:8b of Ollama" in choice


@pytest.mark.parametrize(("cores", "stt"), [(2, "whisper-tiny-en"), (8, "whisper-base")])
def test_doctor_where_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cores: int, stt: str) -> None:
    found = looked(monkeypatch, tmp_path, cores=cores, stt={"device": "cpu"})
    findings = {finding.subject: finding for finding in found}
    assert findings["model servers"].message == "none found"
    assert findings["llm model"].message.startswith(EMBEDDED)
    assert findings["stt model"].message.startswith(f"{stt} (from ")
    assert findings["stt device"].message == "the processor cores: the settings say so"


def test_doctor_when_a_service_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = looked(
        monkeypatch, tmp_path, llm={"provider": "groq", "model": "llama"}, stt={"backend": "openai", "model": "w"}
    )
    findings = {finding.subject: finding for finding in found}
    assert {finding.state for finding in found} == {"ok"}
    assert "groq" in findings["llm choice"].message
    assert findings["llm model"].message.startswith(EMBEDDED), "it stands in when the service fails"
