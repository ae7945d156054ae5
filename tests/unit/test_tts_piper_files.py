import json
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.errors import ModelError
from npc_runtime.tts.onnx_patch import expose
from npc_runtime.tts.piper_files import read_files

CONFIG: dict[str, Any] = {
    "audio": {"sample_rate": 16000},
    "espeak": {"voice": "de"},
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [3]},
    "num_symbols": 4,
    "num_speakers": 2,
    "speaker_id_map": {"anna": 0, "bert": 1},
}


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def _node(operator: str, output: str) -> bytes:
    return _field(1, _field(2, output.encode()) + _field(4, operator.encode()))


def _model(*nodes: bytes) -> bytes:
    return _field(7, b"".join(nodes)) + expose(b"", "output")


def _voice(folder: Path, model: bytes, config: dict[str, Any] | str = CONFIG) -> Path:
    path = folder / "de_DE-anna.x.onnx"
    path.write_bytes(model)
    text = config if isinstance(config, str) else json.dumps(config)
    path.with_name(path.name + ".json").write_text(text, encoding="utf-8")
    return path


def test_a_voice_is_read(tmp_path: Path) -> None:
    files = read_files(_voice(tmp_path, _model(_node("Exp", "w"), _node("Ceil", "lengths"))))
    assert files.name == "de_DE-anna.x"
    assert (files.rate, files.hop, files.language, files.num_speakers) == (16000, 256, "de", 2)
    assert files.symbols[3] == "a"
    assert files.speakers == {"anna": 0, "bert": 1}
    assert (files.audio_output, files.duration_output) == ("output", "lengths")


def test_a_model_that_tells_lengths_already_is_taken_the_same_way(tmp_path: Path) -> None:
    model = expose(_model(_node("Ceil", "lengths")), "lengths")
    files = read_files(_voice(tmp_path, model))
    assert files.model == model
    assert files.duration_output == "lengths"


@pytest.mark.parametrize("nodes", [(), (_node("Ceil", "a"), _node("Ceil", "b"))])
def test_a_model_without_one_clear_length_tensor_still_works(tmp_path: Path, nodes: tuple[bytes, ...]) -> None:
    model = _model(*nodes)
    files = read_files(_voice(tmp_path, model))
    assert files.duration_output is None
    assert files.model == model


@pytest.mark.parametrize(
    ("model", "message"),
    [(b"", "is empty"), (b"<html>Not found</html>", "is damaged"), (_model(_node("Ceil", "x"))[:-3], "is damaged")],
)
def test_a_bad_model_is_named(tmp_path: Path, model: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        read_files(_voice(tmp_path, model))
    assert "de_DE-anna.x.onnx" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "is empty"),
        ("{", "cannot be read"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "cannot be read"),
        ("{}", "'audio' is missing"),
        (json.dumps(CONFIG | {"audio": 5}), "does not describe"),
        (json.dumps(CONFIG | {"audio": {"sample_rate": -1}}), "-1 is not a positive"),
        (json.dumps(CONFIG | {"num_symbols": 3}), "numbered from 0 to 2"),
        (json.dumps(CONFIG | {"phoneme_id_map": {}}), "numbered"),
        (json.dumps(CONFIG | {"phoneme_id_map": []}), "does not describe"),
    ],
)
def test_a_bad_description_is_named(tmp_path: Path, config: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        read_files(_voice(tmp_path, _model(), config))
    assert "de_DE-anna.x.onnx.json" in caught.value.message
    assert caught.value.hint


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model .*no\.onnx does not exist"):
        read_files(tmp_path / "no.onnx")
    path = _voice(tmp_path, _model())
    path.with_name(path.name + ".json").unlink()
    with pytest.raises(ModelError, match=r"description .*\.json does not exist"):
        read_files(path)
    with pytest.raises(ModelError, match=r"cannot be read|does not exist"):
        read_files(tmp_path)
