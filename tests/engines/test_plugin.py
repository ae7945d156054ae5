"""The pytest plugin as a mod author uses it, on the recordings of the fixtures and in a mod of one's own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npc_runtime import events
from npc_runtime.content.library import Library
from npc_runtime.resources import bundled
from npc_runtime.testing import Npc, Reply

pytestmark = pytest.mark.engine

AUDIO = Path(__file__).parents[1] / "fixtures" / "audio"
FIXTURES: dict[str, dict[str, Any]] = json.loads((AUDIO / "fixtures.json").read_text(encoding="utf-8"))
SPOKEN = [
    "brynja_name.flac",
    "ansel_fever.flac",
    "barnaby_room.flac",
    "thora_thief.flac",
    "stereo_44k.wav",
    "lossy.mp3",
]
_TELLING = 6
"""Words from which on a small recogniser tells what was said: "Ah, a rogue." sounds like "Ah, I wrote." to it."""
SILENT = [name for name, about in FIXTURES.items() if not about["text"]]
LABELS = set(events.EMOTION_LABELS)
Alike = Callable[[str, str], float]

MOD_CHARACTER = "name: Zed\nlanguage: en\npersona: {summary: A ferryman who loves rain.}\nactions: [row]\n"
MOD_ACTIONS = "actions:\n  row:\n    description: Row the player over the river.\n"
MOD_TEST = """
def test_the_ferryman(npc):
    reply = npc.say("zed", "Good morning, ferryman.")
    assert reply.heard == "Good morning, ferryman."
    assert reply.text and reply.end.reason == "done"
    assert {action.name for action in reply.actions} <= {"row"}
    samples, rate = reply.audio
    assert len(samples) > rate / 4
"""


def is_whole(reply: Reply, character: str, allowed: set[str]) -> None:
    assert reply.end is not None and reply.end.reason == "done", reply.notices
    assert reply.text
    assert not set("[]*") & set(reply.text)
    assert reply.emotions and {emotion.label for emotion in reply.emotions} <= LABELS
    assert {action.name for action in reply.actions} <= allowed
    samples, rate = reply.audio
    assert len(samples) > rate / 4 and float(abs(samples).max()) > 0.05
    assert [message["seq"] for message in reply.messages] == list(range(1, len(reply.events) + 1))
    assert {message["character"] for message in reply.messages if message["type"] == "turn.begin"} == {character}


def is_spoken(heard: str, text: str) -> bool:
    """Whether what was heard of a reply is speech with its words; Whisper leaves out whole sentences now and then."""
    words, said = ([word.strip('.,!?;:–…"').lower() for word in one.split()] for one in (heard, text))
    return len(words) >= 3 and sum(word in said for word in words) > 0.6 * len(words)


def allowed(character: str) -> set[str]:
    return set(Library.load([bundled()]).character(character).actions)


def test_there_are_nineteen_emotions() -> None:
    assert len(LABELS) == 19


@pytest.mark.parametrize("name", SPOKEN)
def test_a_recording_is_heard_and_answered(npc: Npc, alike: Alike, name: str) -> None:
    about = FIXTURES[name]
    reply = npc.hear(about["character"], AUDIO / name)
    assert alike(reply.heard, about["text"]) > 0.6
    is_whole(reply, about["character"], allowed(about["character"]))
    if len(reply.text.split()) >= _TELLING:
        assert is_spoken(npc.transcribe(reply.audio), reply.text)


@pytest.mark.parametrize("name", SILENT)
def test_what_is_no_speech_is_no_turn(npc: Npc, name: str) -> None:
    reply = npc.hear("brynja", AUDIO / name)
    assert (reply.heard, reply.text, reply.end, reply.actions) == ("", "", None, [])
    assert reply.audio[1] == 0
    heard = [event for event in reply.events if isinstance(event, events.Heard)]
    assert len(heard) == 1 and heard[0].reason


def test_text_is_answered_and_repeatable(npc: Npc) -> None:
    scene = npc.scene(bundled("assets", "demo", "smithy.yaml"))
    reply = npc.say("smith", "Can you mend my sword?", scene=scene)
    assert reply.heard == "Can you mend my sword?"
    is_whole(reply, "brynja", allowed("brynja"))
    things = {entity.id for entity in scene.entities}
    assert all(action.args["item"] in things for action in reply.actions if "item" in action.args)


def test_a_mod_of_ones_own(tmp_path: Path) -> None:
    for path, text in {
        "content/characters/zed.yaml": MOD_CHARACTER,
        "content/actions/river.yaml": MOD_ACTIONS,
        "test_zed.py": MOD_TEST,
        "pytest.ini": "[pytest]\nnpc_content = content\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    environ = os.environ | {"XDG_DATA_HOME": str(tmp_path / ".state")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, text=True, capture_output=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
