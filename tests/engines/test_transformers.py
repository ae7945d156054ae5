"""The third engine: families that llama.cpp does not read, as tiny models with random weights."""

import importlib
import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from npc_runtime.errors import EngineError, ModelError
from npc_runtime.llm.backend import Completion, Delta, Finish, Message
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.local_file import local_model

pytestmark = [
    pytest.mark.engine,
    pytest.mark.anyio,
    pytest.mark.skipif(
        importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None,
        reason="torch and transformers are not installed (extra transformers)",
    ),
]

TALK = (Message("system", "You are a smith."), Message("user", "Who are you?"))


def build(folder: Path, kind: str, **settings: Any) -> Path:
    """A folder with weights, as the library itself writes them."""
    tokenizers: Any = importlib.import_module("tokenizers")
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    folder.mkdir(exist_ok=True)
    letters = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {"<|endoftext|>": 0} | {letter: number for number, letter in enumerate(sorted(letters), 1)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")
    wrapped.save_pretrained(folder)
    torch.manual_seed(1)
    size = {"vocab_size": len(vocabulary), "bos_token_id": 0, "eos_token_id": 0, "max_position_embeddings": 512}
    if kind == "gptj":
        shape = transformers.GPTJConfig(n_embd=64, n_layer=2, n_head=2, rotary_dim=16, n_positions=512, **size)
    else:
        shape = transformers.GPTNeoConfig(
            hidden_size=64,
            num_layers=2,
            num_heads=2,
            attention_types=[[["global", "local"], 1]],
            window_size=32,
            **size,
        )
    transformers.AutoModelForCausalLM.from_config(shape).save_pretrained(folder)
    if settings:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


def model_of(path: Path) -> LocalModel:
    config = ChildConfig("transformers", str(path), "", 2048, 1, 0, 1, 1, 0)
    return local_model(path.name, config)


async def answer(model: LocalModel, **changes: Any) -> tuple[str, Finish]:
    values: dict[str, Any] = {"max_tokens": 24, "seed": 7, "player": "Tamsin", "character": "Brynja"}
    text, finish = "", None
    async with model.stream(Completion(messages=TALK, **(values | changes))) as items:
        async for item in items:
            if isinstance(item, Delta):
                text += item.text
            else:
                finish = item
    assert finish is not None
    return text, finish


@pytest.mark.parametrize("kind", ["gptj", "gptneo"])
async def test_a_family_is_served(kind: str, tmp_path: Path) -> None:
    model = model_of(build(tmp_path / kind, kind))
    assert (model.template.name, model.context, model.small) == ("completion", 512, True)
    try:
        first, finish = await answer(model)
        assert first
        prompt = model.template.prompt(TALK, player="Tamsin", character="Brynja")
        assert finish.prompt_tokens == len(prompt)
        assert 1 <= finish.completion_tokens <= 24
        again, _ = await answer(model)  # from what the cache holds
        assert again == first
        other, _ = await answer(model, seed=8)
        assert other != first
        opened, _ = await answer(model, opening="[emotion")
        assert opened.startswith("[emotion")
        await model.warm(Completion(messages=TALK[:1]), said="Who")
        assert await model.count(["Größe", ""]) == [7, 0]
        letter = next(letter for letter in first[1:] if letter.isalpha())
        model.template = replace(model.template, stop=(letter,))
        stopped, finish = await answer(model)
        assert stopped == first[: first.index(letter)]
        assert finish.complete
        model.template = replace(model.template, stop=())
        with pytest.raises(EngineError, match="window 512"):
            await answer(model, written="x" * 600)
        with anyio.move_on_after(0.2):
            await answer(model, max_tokens=400)
        assert (await answer(model))[0] == first
        assert model.process.starts == 1
    finally:
        await model.aclose()


@pytest.mark.parametrize("method", ["gptq", "awq"])
async def test_quantised_weights_ask_for_what_they_need(method: str, tmp_path: Path) -> None:
    path = build(tmp_path / method, "gptj", quantization_config={"quant_method": method, "bits": 4, "group_size": 128})
    model = model_of(path)
    try:
        with pytest.raises(ModelError, match=f"{method.upper()}, which needs"):
            await model.start()
    finally:
        await model.aclose()
