"""Smart Turn: what the network is given, what it makes of recorded sentences, and files that are not the model."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from npc_runtime.config import load
from npc_runtime.errors import ModelError
from npc_runtime.models.locate import MissingModelError, locate
from npc_runtime.models.pull import pull
from npc_runtime.models.registry import Registry
from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import RATE, read_audio
from npc_runtime.stt.smart_turn import COMPLETE, SmartTurn
from npc_runtime.stt.vad import speech_spans

MODEL = "smart-turn-v3"
NAME = "input_features"


class Value:
    """An input or output of a network."""

    def __init__(self, name: str, shape: list[Any]) -> None:
        self.name, self.shape, self.type = name, shape, "tensor(float)"


class Network:
    """Stands in for onnxruntime's session, and keeps what it is given."""

    given: np.ndarray

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def get_inputs(self) -> list[Value]:
        return [Value(NAME, ["batch", 80, 800])]

    def get_outputs(self) -> list[Value]:
        return [Value("logits", ["batch", 1])]

    def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        Network.given = inputs[NAME]
        return [np.array([[0.25]], np.float32)]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Samples], np.ndarray]:
    """What the network is given for some audio."""
    monkeypatch.setattr(onnxruntime, "InferenceSession", Network)
    (tmp_path / "m.onnx").touch()
    turn = SmartTurn(tmp_path / "m.onnx")

    def features(samples: Samples) -> np.ndarray:
        assert turn.probability(samples) == 0.25
        return Network.given

    return features


def buzz(seconds: float, *, level: float = 0.1) -> Samples:
    count = int(seconds * RATE)
    noise = np.random.default_rng(0).standard_normal(count) * np.linspace(1, 0.2, count)
    sound: Samples = (level * (noise - noise.mean())).astype(np.float32)
    return sound


def test_short_audio_stands_at_the_end_of_the_window(given: Callable[[Samples], np.ndarray]) -> None:
    features = given(buzz(3))
    assert features.shape == (1, 80, 800) and features.dtype == np.float32
    floor = features.min()
    assert np.all(features[..., :498] == floor)
    assert np.mean(features[..., 502:] > floor) > 0.99


def test_of_long_audio_the_end_is_heard(given: Callable[[Samples], np.ndarray]) -> None:
    sound = buzz(11)
    np.testing.assert_array_equal(given(sound), given(sound[3 * RATE :]))


def test_loudness_makes_no_difference(given: Callable[[Samples], np.ndarray]) -> None:
    np.testing.assert_allclose(given(buzz(5, level=0.4)), given(buzz(5, level=0.02)), atol=1e-3)


@pytest.mark.parametrize("count", [0, 1, RATE])
def test_silence_and_nothing_are_audio_too(given: Callable[[Samples], np.ndarray], count: int) -> None:
    assert np.all(np.isfinite(given(np.zeros(count, np.float32))))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist") as failure:
        SmartTurn(tmp_path / "absent.onnx")
    assert failure.value.hint == "Run `npc-runtime models pull smart-turn-v3`."


@pytest.mark.parametrize("content", [b"", b"\x08\x0a not a network", b"<!DOCTYPE html>"])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.onnx is damaged"):
        SmartTurn(path)


def test_another_network() -> None:
    spec = importlib.util.find_spec("faster_whisper")
    assert spec is not None and spec.submodule_search_locations
    with pytest.raises(ModelError, match="is not an end-of-turn model"):
        SmartTurn(Path(spec.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx")


@pytest.fixture(scope="session")
def smart_turn(tmp_path_factory: pytest.TempPathFactory) -> SmartTurn:
    """The real model: the person's own, or fetched where all tests must run."""
    try:
        return SmartTurn(locate(MODEL, cache=load().model_cache).path)
    except MissingModelError as error:
        if not os.environ.get("NPC_TEST_ALL"):
            pytest.skip(f"{error}; NPC_TEST_ALL=1 fetches it for the tests")
        folder = pull(error.entry, cache=tmp_path_factory.mktemp("cache"))
        return SmartTurn(folder / Registry.load().get(MODEL).main)


def upto(audio: Samples, share: float) -> Samples:
    """The sentence until a share of it is spoken, then 200 ms of a quiet room."""
    spans = speech_spans(audio)
    end = spans[0].start + int(share * (spans[-1].end - spans[0].start))
    room = 3e-4 * np.random.default_rng(0).standard_normal(RATE // 5)
    return np.concatenate([audio[:end], room.astype(np.float32)])


# The fixtures' voices are synthetic. These are the sentences that they end as a person does: about half of all.
@pytest.mark.engine
@pytest.mark.network
@pytest.mark.parametrize(
    "name", ["ansel_fever", "ansel_thanks", "barnaby_message", "noise_10db", "padded_1s", "thora_gate"]
)
def test_a_whole_sentence_is_more_of_a_turn_than_its_first_part(
    smart_turn: SmartTurn, audio_fixtures: Path, name: str
) -> None:
    audio = read_audio(audio_fixtures / f"{name}.flac")
    whole, cut = (smart_turn.probability(upto(audio, share)) for share in (1.0, 0.6))
    assert COMPLETE < whole <= 1
    assert 0 <= cut < whole - 0.3
