"""Every family of models is served by both engines of llama.cpp: loaded, told in its own form, held to the grammar."""

import logging
from pathlib import Path

import anyio
import httpx2
import pytest
from tests.engines._tiny_models import MODELS, build

from npc_runtime.errors import ModelError
from npc_runtime.llm.backend import Completion, Delta, Finish, Message
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.grammar import OPENING, reply_grammar
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.local_file import local_model
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.reply import EmotionTag, ParserEvent, ParserNotice, Words
from npc_runtime.models.hardware import Gpu, Machine

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

TEMPLATES = {
    **{"llama": "llama2", "mistral": "mistral-v1", "smollm": "chatml", "falcon": "falcon", "mpt": "chatml"},
    **{"gptneox": "completion", "qwen2": "chatml", "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma"},
    **{"phi2": "phi2", "phi3": "phi3"},
}
TALK = (
    Message("system", "You are a smith."),
    Message("user", "Good day."),
    Message("assistant", "Aye."),
    Message("user", "Who are you?"),
)
BAD_TAGS = ("unknown_emotion", "malformed_tag")
BEGINNING = 1
"""Number of the token that begins a text in all of these models."""


def config(engine: str, model: Path, **changes: object) -> ChildConfig:
    values: dict[str, object] = {"context": 1024, "slots": 1, "cache_mb": 0, "threads": 1, "batch_threads": 1}
    return ChildConfig(engine, str(model), "", gpu_layers=0, **(values | changes))  # type: ignore[arg-type]


async def reply(model: LocalModel, *, seed: int = 3) -> tuple[list[ParserEvent], Finish]:
    """What a model's reply under our grammar means."""
    reader = ReplyParser(speaker="Brynja", aliases=[], others=[], player="Tamsin", max_sentences=1, language="en")
    request = Completion(
        messages=TALK,
        grammar=reply_grammar((), max_sentences=1),
        opening=OPENING,
        max_tokens=120,
        seed=seed,
        player="Tamsin",
        character="Brynja",
    )
    events: list[ParserEvent] = []
    finish = None
    async with model.stream(request) as items:
        async for item in items:
            if isinstance(item, Delta):
                events += reader.feed(item.text)
            else:
                finish = item
    assert finish is not None
    return events + reader.close(complete=finish.complete), finish


async def prompt_tokens(model: LocalModel, text: str) -> list[int]:
    """The tokens of a prompt as the engine itself makes them of it."""
    async with httpx2.AsyncClient(base_url=model.process.url) as client:
        answer = await client.post(
            "/tokenize",
            json={"content": [text] if model.process.config.engine != "xllamacpp" else text, "add_special": True},
            headers={"Authorization": f"Bearer {model.process.api_key}"},
        )
    tokens: list[int] = answer.json()["tokens"]
    return tokens


@pytest.mark.parametrize("family", MODELS)
async def test_a_family_is_served(local_engine: str, family: str, tmp_path: Path) -> None:
    path = build(MODELS[family], tmp_path / f"{family}.gguf")
    model = local_model(family, config(local_engine, path))
    assert model.template.name == TEMPLATES[family]
    assert model.small
    try:
        await model.start()
        events, finish = await reply(model)
        assert isinstance(events[0], EmotionTag), events[:3]
        assert any(isinstance(event, Words) for event in events)
        assert not [event for event in events if isinstance(event, ParserNotice) and event.code in BAD_TAGS]
        prompt = model.template.prompt(TALK, begun=OPENING, player="Tamsin", character="Brynja")
        tokens = await prompt_tokens(model, prompt)
        assert finish.prompt_tokens == len(tokens)
        assert tokens.count(BEGINNING) == (MODELS[family].sentencepiece + prompt.count("<s>")), "begins twice, or not"
    finally:
        await model.aclose()


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q5_0", "Q4_1", "Q4_0"])
async def test_quantised_weights_are_served(local_engine: str, kind: str, tmp_path: Path) -> None:
    path = build(MODELS["smollm"], tmp_path / "model.gguf", kind=kind)
    model = local_model(kind, config(local_engine, path))
    try:
        events, _ = await reply(model)
        assert isinstance(events[0], EmotionTag)
    finally:
        await model.aclose()


async def test_a_script_ends_where_the_next_one_speaks(local_engine: str, tmp_path: Path) -> None:
    model = local_model("base", config(local_engine, build(MODELS["gptneox"], tmp_path / "base.gguf")))
    try:
        forced = 'root ::= "Aye." "\\nTamsin: And then?" [a-z]+'
        request = Completion(messages=TALK, grammar=forced, max_tokens=60, seed=1, player="Tamsin", character="Brynja")
        async with model.stream(request) as items:
            said = [item async for item in items]
        assert "".join(item.text for item in said if isinstance(item, Delta)) == "Aye."
        assert isinstance(said[-1], Finish) and said[-1].complete
    finally:
        await model.aclose()


async def test_warming_reads_what_the_reply_will_need(tmp_path: Path) -> None:
    path = build(MODELS["gemma"], tmp_path / "gemma-it.gguf")
    model = local_model("gemma", config("xllamacpp", path))
    try:
        await model.warm(Completion(messages=TALK[:-1]), said="Who are")
        _, finish = await reply(model)
        assert finish.cached_tokens > finish.prompt_tokens * 0.6
    finally:
        await model.aclose()


def test_no_more_context_than_the_model_was_trained_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = build(MODELS["llama"], tmp_path / "llama.gguf", context=768)
    with caplog.at_level(logging.WARNING):
        model = local_model("tiny", config("xllamacpp", path))
    assert model.context == model.process.config.context == 768
    assert "768" in caplog.text and "llm.context = 1024" in caplog.text
    caplog.clear()
    assert local_model("tiny", config("xllamacpp", path, context=700)).context == 700
    assert not caplog.text


def test_layers_are_chosen_by_the_machine_only_when_asked(tmp_path: Path) -> None:
    path = build(MODELS["llama"], tmp_path / "llama.gguf")
    machine = Machine(32 << 30, 16 << 30, 4, 8, (Gpu("a card", 16 << 30, 12 << 30),))

    def asked(layers: object) -> int:
        model = local_model("m", config("xllamacpp", path), gpu_layers=layers, machine=lambda: machine)  # type: ignore[arg-type]
        return model.process.config.gpu_layers

    assert [asked(0), asked(1), asked(-1), asked("auto")] == [0, 1, -1, -1]


BROKEN_GRAPHICS = """
import npc_runtime.llm.child_xllamacpp as child

serve = child.serve

def failing(config):
    if config.gpu_layers:
        raise RuntimeError("out of device memory")
    return serve(config)

child.serve = failing
"""


async def test_without_room_on_the_graphics_processor_it_runs_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN_GRAPHICS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = build(MODELS["smollm"], tmp_path / "model.gguf")
    model = local_model("m", config("xllamacpp", path), gpu_layers=-1)
    try:
        events, _ = await reply(model)
        assert isinstance(events[0], EmotionTag)
        assert model.process.starts == 2
        assert model.process.config.gpu_layers == 0
        assert "out of device memory" in caplog.text and "slower" in caplog.text
    finally:
        await model.aclose()


async def test_a_template_that_loops_for_ever_is_never_run(tmp_path: Path) -> None:
    path = build(MODELS["mistral"], tmp_path / "model.gguf")
    assert b"range(999999)" in path.read_bytes()
    model = local_model("m", config("xllamacpp", path))
    try:
        with anyio.fail_after(30):
            await reply(model)
    finally:
        await model.aclose()


async def test_a_cut_off_file_is_refused_before_an_engine_sees_it(tmp_path: Path) -> None:
    path = build(MODELS["llama"], tmp_path / "model.gguf")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ModelError, match="not complete") as caught:
        local_model("m", config("xllamacpp", path))
    assert "download it again" in caught.value.hint


async def test_a_small_model_is_told_by_its_parameters_not_by_its_file(tmp_path: Path) -> None:
    served = config("xllamacpp", build(MODELS["llama"], tmp_path / "model.gguf"))
    assert LocalModel("m", served).small
    assert LocalModel("m", served, parameters=494_000_000).small
    assert not LocalModel("m", served, parameters=999_885_952).small
