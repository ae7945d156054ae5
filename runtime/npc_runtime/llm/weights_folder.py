"""A folder with the weights of a model for the library transformers: is it whole, and may it be loaded?

Only weights in the safetensors format are: a pickle runs whatever its author wrote into it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npc_runtime.errors import ModelError
from npc_runtime.llm.gguf import Header

_MOST_JSON = 8 << 20
"""Bytes of a settings file; tokenizers are not read."""
_AGAIN = "download all files of the model into one folder"
_NAMES = {"gpt_neo": "gptneo", "gpt_neox": "gptneox", "cohere": "command-r"}
"""Architectures that llama.cpp calls otherwise."""


def read_folder(path: Path) -> Header:
    """Look at a folder of weights.

    Args:
        path: The folder, with `config.json`, a tokenizer and `*.safetensors`.

    Raises:
        ModelError: It is no such folder, or not whole, or of a kind that must not or cannot be loaded.
    """
    if not path.is_dir():
        raise ModelError(
            f"{path} is not a folder with the weights of a model",
            hint="llm.backend = transformers takes a folder; a .gguf file runs with llm.backend = llama",
        )
    settings = _json(path / "config.json")
    weights = sum(file.stat().st_size for file in _weights(path))
    if not any((path / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise ModelError(f"the folder {path} has no tokenizer", hint=_AGAIN)
    kind = settings.get("model_type")
    if not isinstance(kind, str):
        raise ModelError(f"{path / 'config.json'} does not say what kind of model it is (model_type)", hint=_AGAIN)
    if settings.get("auto_map"):
        raise ModelError(
            f"the model in {path} comes with a program of its own, which is not run",
            hint="choose a model that the library transformers knows by itself",
        )
    layers, width = _number(settings, "num_hidden_layers", "n_layer", "num_layers"), _width(settings)
    vocabulary = _number(settings, "vocab_size")
    return Header(
        architecture=_NAMES.get(kind, kind),
        name=path.name,
        # Attention has four matrices of width x width, the layer behind it eight: the count of most decoders.
        parameters=12 * layers * width * width + vocabulary * width,
        weights=weights,
        context=_number(settings, "max_position_embeddings", "n_positions"),
        blocks=layers,
        embedding=width,
        vocabulary=vocabulary,
        template=_template(path),
    )


def _weights(path: Path) -> list[Path]:
    index = path / "model.safetensors.index.json"
    if index.is_file():
        listed = _json(index).get("weight_map")
        names = sorted({str(name) for name in listed.values()}) if isinstance(listed, Mapping) else []
        files = [path / Path(name).name for name in names]
    else:
        files = sorted(path.glob("*.safetensors"))
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ModelError(f"the model in {path} is not complete: {missing[0]} is missing", hint=_AGAIN)
    if not files:
        pickles = [*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth"), *path.glob("*.ckpt")]
        if pickles:
            raise ModelError(
                f"the weights in {path} are pickles ({pickles[0].name}), which can run any program and are not loaded",
                hint="download the safetensors version of the model",
            )
        raise ModelError(f"the folder {path} has no weights (*.safetensors)", hint=_AGAIN)
    return files


def _template(path: Path) -> str:
    """The text of the chat template, wherever it is; empty if there is none."""
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        file = path / name
        if file.is_file() and file.stat().st_size <= _MOST_JSON:
            if file.suffix == ".jinja":
                return file.read_text(encoding="utf-8", errors="replace")
            template = _json(file).get("chat_template")
            return template if isinstance(template, str) else ""
    return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_JSON:
            raise ModelError(f"{path} is far too large", hint=_AGAIN)
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"the folder {path.parent} has no {path.name}", hint=_AGAIN) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read as JSON", hint=_AGAIN) from error
    if not isinstance(data, dict):
        raise ModelError(f"{path} is not the settings of a model", hint=_AGAIN)
    return data


def _width(settings: Mapping[str, Any]) -> int:
    return _number(settings, "hidden_size", "n_embd", "d_model")


def _number(settings: Mapping[str, Any], *keys: str) -> int:
    values = (settings.get(key) for key in keys)
    return next((value for value in values if type(value) is int and 0 < value < 1 << 40), 0)
