"""The protocol's description: every message is in it, and what the runtime writes fits it."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from npc_runtime import events
from npc_runtime.server import protocol

MOOD = events.Mood(label="relaxed", strength="slightly", pad=(0.1, 0.0, 0.2))
JOY = events.Emotion(
    character="a",
    label="joy",
    strength="weak",
    intensity=0.3,
    pad=(0.1, 0.2, 0.3),
    mood=MOOD,
    relation=events.Relation(),
)
SENT: list[events.Event] = [
    events.Welcome(protocol=1, session="s", runtime={"version": "0"}, characters=()),
    events.State(character="a", stage="idle"),
    events.Heard(text="", final=True, language="en", reason="silence"),
    events.TurnBegin(turn=1, character="a", reply_to="Hi"),
    JOY,
    replace(JOY, face={"mouthSmileLeft": 0.24}),
    events.Say(turn=1, clause=0, text="Hi.", start_ms=0.0),
    events.Narration(turn=1, text="nods"),
    events.Visemes(turn=1, clause=0, set="oculus", timing="exact", frames=((0.0, 10.0, "PP", 1.0),)),
    events.SpeechAudio(turn=1, clause=0, rate=22050, start_ms=0.0, last=True, pcm=b"\0\0"),
    events.SpeechStop(turn=1),
    events.SpeechStop(turn=1, heard_ms=640.0),
    events.Action(turn=1, id="1", name="go", args={"a": 1, "b": True, "c": "x"}),
    events.GoalEvent(turn=1, character="a", name="gate_opened", params={"by": "a"}),
    events.TurnEnd(turn=1, reason="done", text="Hi.", timings={"total_ms": 1.0}),
    events.Saved(slot="1"),
    events.Loaded(slot="1"),
    events.Notice(code="c", message="m"),
    events.Error(code="c", message="m"),
]
RECEIVED: list[dict[str, Any]] = [
    {
        "type": "hello",
        "protocol": 1,
        "client": {"name": "game", "version": "2"},
        "player": {"id": "p", "name": "Tamsin"},
        "audio": {"out": "base64", "rate": 22050},
        "visemes": "arkit",
        "face": "vrm",
        "save": "slot 1",
    },
    {
        "type": "scene",
        "location": "Mill",
        "time": 12.5,
        "entities": [{"id": "sword", "name": "Sword", "tags": ["weapon"], "distance": 2}],
        "characters": [{"id": "b", "looking_at_player": True}],
        "facts": ["It rains."],
        "mood": "tense",
    },
    {"type": "scene.update", "mood": "calm"},
    {"type": "talk.start", "character": "b"},
    {"type": "talk.stop", "character": "b"},
    {"type": "player.text", "text": "Hi", "to": "b"},
    {"type": "listen.start", "mode": "open_mic", "rate": 16000},
    {"type": "listen.audio", "pcm_base64": "AAA="},
    {"type": "listen.stop"},
    {"type": "game.event", "name": "door_opened", "params": {"by": "player", "n": 2}},
    {"type": "action.result", "id": "1", "status": "done", "message": "It is mended."},
    {"type": "action.confirm", "id": "1", "allow": False},
    {"type": "playback", "turn": 1, "played_ms": 120.5, "done": False},
    {"type": "interrupt"},
    {"type": "converse", "characters": ["a", "b"], "max_turns": 4},
    {"type": "save", "slot": "1"},
    {"type": "load", "slot": "1"},
    {"type": "bye"},
]


def test_every_event_is_sent_here() -> None:
    assert {type(event) for event in SENT} == set(get_args(events.Event))


@pytest.mark.parametrize("event", SENT, ids=lambda event: event.type)
def test_the_schema_has_exactly_the_keys_on_the_wire(event: events.Event) -> None:
    definition = protocol.json_schema()["$defs"][type(event).__name__]
    wire = json.loads(json.dumps(events.to_wire(event, 7)))
    assert wire.keys() <= definition["properties"].keys()
    assert set(definition["required"]) <= wire.keys()
    assert definition["required"][:2] == ["type", "seq"]
    assert definition["properties"]["type"]["const"] == event.type


def test_a_face_is_on_the_wire_only_for_a_game_that_wants_one() -> None:
    assert protocol.client_messages().validate_python({"type": "hello", "protocol": 1}).face == "none"
    assert "face" not in events.to_wire(JOY, 1)
    # One that moves nothing is told: it takes back the one before.
    for face in ({"mouthSmileLeft": 0.24}, {}):
        assert events.to_wire(replace(JOY, face=face), 1)["face"] == face


@pytest.mark.parametrize("message", RECEIVED, ids=lambda message: message["type"])
def test_messages_from_the_game_are_read_and_extra_keys_ignored(message: dict[str, Any]) -> None:
    read = protocol.client_messages().validate_json(json.dumps({**message, "future": 1}))
    assert read.type == message["type"]
    assert message.items() <= {**message, **read.model_dump(mode="json", exclude_unset=True)}.items()
    assert not hasattr(read, "future")


def test_all_messages_are_described() -> None:
    client = protocol.json_schema()["$defs"]["ClientMessage"]
    assert set(client["discriminator"]["mapping"]) == {message["type"] for message in RECEIVED}
    server = protocol.json_schema()["$defs"]["ServerMessage"]
    assert set(server["discriminator"]["mapping"]) == {event.type for event in SENT}


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "helo"},
        {"type": "hello", "protocol": 2},
        {"type": "hello", "protocol": 1, "face": "sprite"},
        {"type": "player.text"},
        {"type": "player.text", "text": "x" * 4001},
        {"type": "listen.start", "mode": "open_mic", "rate": 0},
        {"type": "save", "slot": "../x"},
        {"type": "scene", "entities": [{"name": "no id"}]},
        {"type": "converse", "characters": ["alone"]},
    ],
)
def test_messages_that_do_not_fit(message: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        protocol.client_messages().validate_python(message)


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    schema = protocol.json_schema()
    text = json.dumps(schema)
    references = {part.split('"')[0] for part in text.split("#/$defs/")[1:]}
    assert references <= schema["$defs"].keys()
