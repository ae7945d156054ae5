"""The supervised language model, on every engine that is installed."""

import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import anyio
import psutil
import pytest

from npc_runtime.character.memory.lines import Line
from npc_runtime.character.memory.remembering import fitting
from npc_runtime.errors import EngineError, MissingPackageError, ModelError
from npc_runtime.llm.backend import Completion, Delta, Finish, Message
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.process import ModelProcess
from npc_runtime.llm.prompt import estimated_tokens

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

SMITH = Message("system", "You are a blunt blacksmith. " + "The forge is hot and the day is long. " * 12)


def config(engine: str, model: Path, **changes: object) -> ChildConfig:
    values: dict[str, object] = {
        "engine": engine,
        "model": str(model),
        "api_key": "",
        "context": 2048,
        "slots": 2,
        "cache_mb": 32,
        "threads": 1,
        "batch_threads": 2,
        "gpu_layers": 0,
    }
    return ChildConfig(**(values | changes))  # type: ignore[arg-type]  # every value has the field's type


def ask(text: str, **changes: object) -> Completion:
    values: dict[str, object] = {"max_tokens": 24, "seed": 1, "conversation": "smith"}
    return Completion(messages=(SMITH, Message("user", text)), **(values | changes))  # type: ignore[arg-type]


async def answer(model: LocalModel, request: Completion) -> tuple[str, Finish]:
    text, finish = "", None
    async with model.stream(request) as items:
        async for item in items:
            if isinstance(item, Delta):
                text += item.text
            else:
                finish = item
    assert finish is not None
    return text, finish


async def test_it_answers_and_counts(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        text, finish = await answer(model, ask("Hello!", max_tokens=8))
        assert text.strip()
        assert finish.prompt_tokens > 80
        assert 1 <= finish.completion_tokens <= 8
        assert not finish.complete
    finally:
        await model.aclose()


async def test_a_grammar_leaves_no_choice(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        text, finish = await answer(model, ask("Hello!", grammar='root ::= "[emotion " ("joy" | "anger") "] Aye."'))
        assert text in ("[emotion joy] Aye.", "[emotion anger] Aye.")
        assert finish.complete
    finally:
        await model.aclose()


async def test_the_same_seed_gives_the_same_reply(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        await answer(model, ask("Who are you?", seed=5))
        first, _ = await answer(model, ask("Who are you?", seed=5))
        again, _ = await answer(model, ask("Who are you?", seed=5))
        assert first == again
    finally:
        await model.aclose()


TEXTS = ["", "Hello", 'Anna said: "Bring it."\n', "Größe", "<|im_end|>", "kılıç 🗡", " a  b ", "Hello"]


async def test_it_counts_with_its_own_tokenizer(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        assert await model.count(TEXTS) == [estimated_tokens(text) for text in TEXTS]  # it does not run yet
        await model.start()
        counts = await model.count(TEXTS)
        assert counts[:3] == [0, 1, 8]
        assert counts[4] > 1, "a control mark counted as one"
        assert counts[7] == counts[1]
        _, short = await answer(model, ask("", max_tokens=1))
        _, long = await answer(model, ask(TEXTS[2].strip(), max_tokens=1))
        assert [long.prompt_tokens - short.prompt_tokens] == await model.count([TEXTS[2].strip()])
        assert await model.count([]) == []
    finally:
        await model.aclose()


async def test_it_counts_while_it_answers_and_guesses_when_it_is_gone(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        async with model.stream(ask("Hello!", max_tokens=200, grammar="root ::= [a-z ]*")) as items:
            async for _ in items:
                assert await model.count(["Hello"]) == [1]
                break
        assert model.process.pid is not None
        psutil.Process(model.process.pid).kill()
        new = "A text that was not counted before."
        assert await model.count(["Hello", new]) == [1, estimated_tokens(new)]
    finally:
        await model.aclose()


async def test_memories_stay_within_their_room(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    said = [
        "Bring me my brother's hammer from the old mine.",
        "Eski kılıcı getir!",
        "Wölfe und Bären.",
        "Wolves! " * 30,
    ]
    lines = [Line('Anna said: "', " ".join(text.split()), '"', 1 - at / 9, at, at) for at, text in enumerate(said)]
    try:
        await model.start()
        for room in (8, 12, 20, 40, 60, 300):
            kept = [line.whole for line in await fitting(lines, room, model.count)]
            assert kept
            [told, spoken] = await model.count(["\n".join(kept), " ".join(kept)])
            assert told <= room
            assert spoken <= room
    finally:
        await model.aclose()


async def test_conversations_keep_their_prefix_warm(gguf: Path) -> None:
    model = LocalModel("smollm2", config("xllamacpp", gguf))
    try:
        _, cold = await answer(model, ask("Hello!", conversation="a"))
        await answer(model, ask("Hello!", conversation="b"))
        _, warm = await answer(model, ask("What do you sell?", conversation="a"))
        assert cold.cached_tokens == 0
        assert warm.cached_tokens > warm.prompt_tokens * 0.8
    finally:
        await model.aclose()


async def test_leaving_a_reply_frees_the_engine(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        await model.start()
        long = Completion(messages=(Message("user", "iron " * 1700),), max_tokens=300, conversation="long")
        with anyio.move_on_after(0.3) as scope:
            await answer(model, long)
        assert scope.cancelled_caught, "the model was done before it could be left"
        text, _ = await answer(model, ask("Hello!"))
        assert text.strip()
        assert model.process.starts == 1
    finally:
        await model.aclose()


async def test_a_killed_engine_is_replaced_and_asked_again(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        await model.start()
        assert model.process.pid is not None
        psutil.Process(model.process.pid).kill()
        text, _ = await answer(model, ask("Hello!"))
        assert text.strip()
        assert model.process.starts == 2
    finally:
        await model.aclose()


async def test_an_engine_that_dies_in_a_reply_fails_the_reply_only(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf))
    try:
        with pytest.raises(EngineError, match="stopped in the middle"):
            async with model.stream(ask("Hello!", max_tokens=400, grammar="root ::= [a-z ]*")) as items:
                async for _ in items:
                    if model.process.pid is not None:
                        psutil.Process(model.process.pid).kill()
        text, _ = await answer(model, ask("Hello!"))
        assert text.strip()
    finally:
        await model.aclose()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="a process cannot be stopped here")
async def test_a_hanging_engine_is_replaced(local_engine: str, gguf: Path) -> None:
    model = LocalModel("smollm2", config(local_engine, gguf), timeout=2)
    try:
        await model.start()
        assert model.process.pid is not None
        os.kill(model.process.pid, signal.SIGSTOP)
        text, _ = await answer(model, ask("Hello!"))
        assert text.strip()
        assert model.process.starts == 2
    finally:
        await model.aclose()


async def test_it_listens_on_loopback_and_asks_for_the_key(local_engine: str, gguf: Path) -> None:
    import httpx2

    process = ModelProcess(config(local_engine, gguf))
    try:
        await process.start()
        assert process.pid is not None
        addresses = {c.laddr.ip for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"}
        assert addresses == {"127.0.0.1"}
        body = {"model": "local", "prompt": "Hello", "max_tokens": 1}
        async with httpx2.AsyncClient(base_url=process.url) as client:
            refused = await client.post("/v1/completions", json=body)
            assert refused.status_code == 401
            allowed = await client.post(
                "/v1/completions",
                json=body,
                headers={"Authorization": f"Bearer {process.api_key}", "Origin": "https://evil.example"},
            )
            assert allowed.headers.get("Access-Control-Allow-Origin") not in ("*", "https://evil.example")
        assert process.api_key not in " ".join(psutil.Process(process.pid).cmdline())
    finally:
        await process.stop()


async def test_it_is_gone_when_its_parent_is_killed(local_engine: str, gguf: Path) -> None:
    script = f"""
        import anyio
        from npc_runtime.llm.child import ChildConfig
        from npc_runtime.llm.process import ModelProcess

        async def main():
            process = ModelProcess(ChildConfig({local_engine!r}, {str(gguf)!r}, "", 512, 1, 0, 1, 1, 0))
            await process.start()
            print(process.pid, flush=True)
            await anyio.sleep_forever()

        anyio.run(main)
    """
    async with await anyio.open_process([sys.executable, "-c", textwrap.dedent(script)], stderr=None) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(await parent.stdout.receive()))
        parent.kill()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the engine outlived the runtime"
        await anyio.sleep(0.05)


@pytest.mark.parametrize(
    "content", [b"", b"GGUF" + b"\x00" * 64, b"not a model at all" * 100], ids=["empty", "cut", "junk"]
)
async def test_a_wrong_model_file_is_said_so(local_engine: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    model = LocalModel("broken", config(local_engine, path))
    with pytest.raises(ModelError, match=r"broken\.gguf"):
        await model.start()


async def test_an_engine_that_is_not_installed_is_said_so(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPC_TEST_HIDE", "xllamacpp")
    hidden = Path(__file__).parent / "hide_module"
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    with pytest.raises(MissingPackageError, match="xllamacpp"):
        await ModelProcess(config("xllamacpp", gguf)).start()


async def test_a_missing_native_library_names_the_fix(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPC_TEST_HIDE", "libgomp")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "hide_module"))
    with pytest.raises(MissingPackageError) as caught:
        await ModelProcess(config("xllamacpp", gguf)).start()
    assert "libgomp1" in caught.value.hint
