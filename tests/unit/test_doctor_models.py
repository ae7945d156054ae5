"""What `doctor` says about models: a name that belongs to a service is not looked for on this machine."""

from pathlib import Path
from typing import Any

import pytest

from npc_runtime.cli import doctor_models
from npc_runtime.config import Settings
from npc_runtime.models.hardware import this_machine
from npc_runtime.models.registry import Registry


@pytest.mark.parametrize(
    ("tts", "state"),
    [
        ({"engine": "openai", "model": "tts-1"}, "ok"),
        ({"engine": "elevenlabs", "model": "eleven_v3"}, "ok"),
        ({"base_url": "http://127.0.0.1:8880/v1", "model": "kokoro"}, "ok"),
        ({"engine": "espeak", "model": "tts-1"}, "ok"),
        ({"engine": "piper", "base_url": "http://127.0.0.1:8880/v1", "model": "tts-1"}, "bad"),
        ({"model": "tts-1"}, "bad"),
    ],
)
def test_the_model_of_a_speech_service_is_not_looked_for_here(
    tts: dict[str, Any], state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npc_runtime.llm.auto.PORTS", ())
    settings = Settings.model_validate({"state": tmp_path, "tts": tts})
    found = {finding.subject: finding for finding in doctor_models.models(settings, this_machine())}
    voice = found["tts model"]
    assert voice.state == state
    assert (Registry.load().default("tts").id if state == "ok" else "unknown model 'tts-1'") in voice.message
