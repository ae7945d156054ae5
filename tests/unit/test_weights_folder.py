"""A folder of weights is looked at before the library is: only what is whole and cannot run code is loaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.errors import ModelError
from npc_runtime.llm.families import family_of
from npc_runtime.llm.weights_folder import read_folder

SETTINGS: dict[str, Any] = {
    "model_type": "gpt_neo",
    "hidden_size": 64,
    "num_layers": 2,
    "vocab_size": 300,
    "max_position_embeddings": 512,
}


def folder(path: Path, settings: object = SETTINGS, weights: tuple[str, ...] = ("model.safetensors",)) -> Path:
    (path / "config.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
    (path / "tokenizer.json").write_text("{}")
    for name in weights:
        (path / name).write_bytes(bytes(1000))
    return path


def refused(path: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_folder(path)
    assert caught.value.hint
    for word in words:
        assert word in str(caught.value)


def test_what_a_folder_says(tmp_path: Path) -> None:
    header = read_folder(folder(tmp_path))
    assert (header.architecture, header.context, header.blocks, header.weights) == ("gptneo", 512, 2, 1000)
    assert header.parameters == 12 * 2 * 64 * 64 + 300 * 64
    assert family_of(header, "gpt-neo-125m").name == "completion"


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json"])
def test_its_template_is_looked_at(tmp_path: Path, name: str) -> None:
    text = "{{ '<|im_start|>' }}"
    (tmp_path / name).write_text(text if name.endswith("jinja") else json.dumps({"chat_template": text}))
    assert family_of(read_folder(folder(tmp_path)), "m").name == "chatml"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{", "JSON"),
        ("[" * 100_000, "JSON"),
        ("[]", "not the settings"),
        ({"hidden_size": 64}, "model_type"),
        (SETTINGS | {"auto_map": {"AutoModelForCausalLM": "modeling.Evil"}}, "program of its own"),
    ],
)
def test_settings_that_cannot_be_used_are_said(tmp_path: Path, settings: object, words: str) -> None:
    refused(folder(tmp_path, settings), words)


def test_weights_that_are_missing_or_could_run_code_are_said(tmp_path: Path) -> None:
    refused(folder(tmp_path, weights=()), "no weights")
    refused(folder(tmp_path, weights=("pytorch_model.bin",)), "pickles", "safetensors version")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "../../model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder(tmp_path, weights=("model-1.safetensors",)), "model-2.safetensors is missing")
    assert read_folder(folder(tmp_path, weights=("model-1.safetensors", "model-2.safetensors"))).weights == 2000


def test_a_folder_that_is_none_or_not_whole_is_said(tmp_path: Path) -> None:
    refused(tmp_path / "missing", "not a folder")
    refused(tmp_path, "config.json")
    (folder(tmp_path) / "tokenizer.json").unlink()
    refused(tmp_path, "tokenizer")
