"""Protocol v1 as models: what a game may send, and the JSON Schema of both directions.

The messages to the game are the dataclasses of `events`; this module describes them, and adds what the session puts
on every one of them, `seq`.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from npc_runtime import events
from npc_runtime.events import FaceSet, Scalar, VisemeSet
from npc_runtime.scene import Entity, Presence, Scene

VERSION = 1

Text = Annotated[str, Field(max_length=4000)]
Id = Annotated[str, Field(min_length=1, max_length=200)]
Distance = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Metres."""
Answer = (
    Scalar
    | Annotated[tuple[Scalar, ...], Field(max_length=200)]
    | Annotated[Mapping[str, Scalar], Field(max_length=64)]
)
"""What the game found out."""
Facts = Annotated[tuple[Text, ...], Field(max_length=200)]
Slot = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\p{L}\p{N}_ .-]+$")]
"""Name of a save of the game."""


class Part(BaseModel):
    """What all messages and their parts have in common."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True, ser_json_bytes="base64")


class ClientInfo(Part):
    """The program at the other end."""

    name: Text = ""
    version: Text = ""


class PlayerInfo(Part):
    """Who plays."""

    id: Id = "player"
    name: Text = "Traveller"


class AudioWish(Part):
    """How the game wants to hear characters."""

    out: Literal["binary", "base64", "file", "device", "none"] = "binary"
    rate: Annotated[int, Field(ge=8000, le=192_000)] | None = None
    """Samples per second; the voice's own unless given."""


class SceneEntity(Part):
    """A thing that can be named in an action."""

    id: Id
    name: Text = ""
    tags: Annotated[tuple[Text, ...], Field(max_length=64)] = ()
    distance: Distance | None = None


class SceneCharacter(Part):
    """A character who is there."""

    id: Id
    name: Text = ""
    distance: Distance | None = None
    looking_at_player: bool = False
    can_hear: bool = True


Entities = Annotated[tuple[SceneEntity, ...], Field(max_length=2000)]
Characters = Annotated[tuple[SceneCharacter, ...], Field(max_length=500)]


class Hello(Part):
    """The first message of a game."""

    type: Literal["hello"]
    protocol: Literal[1]
    client: ClientInfo = ClientInfo()
    player: PlayerInfo = PlayerInfo()
    audio: AudioWish = AudioWish()
    visemes: VisemeSet = "oculus"
    face: FaceSet = "none"
    """What `emotion` says of the face: nothing, ARKit blend shapes, or VRM expressions."""
    save: Slot | None = None
    answers: bool = True
    """Whether the game sends `action.result` and `action.confirm`; if not, every action counts as done."""


class SetScene(Part):
    """What is around the player; replaces what was said before."""

    type: Literal["scene"]
    location: Text = ""
    time: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Game time in seconds."""
    mood: Text = ""
    facts: Facts = ()
    entities: Entities = ()
    characters: Characters = ()

    def onto(self, _: Scene) -> Scene:
        """The scene after this message."""
        return _scene(Scene(), self)


class UpdateScene(Part):
    """Changes to the scene; what is left out stays as it is."""

    type: Literal["scene.update"]
    location: Text | None = None
    time: Annotated[float, Field(allow_inf_nan=False)] | None = None
    mood: Text | None = None
    facts: Facts | None = None
    entities: Entities | None = None
    characters: Characters | None = None

    def onto(self, scene: Scene) -> Scene:
        """The scene after this message."""
        return _scene(scene, self)


class TalkStart(Part):
    """The player turns to someone."""

    type: Literal["talk.start"]
    character: Id


class TalkStop(Part):
    """The player turns away."""

    type: Literal["talk.stop"]
    character: Id


class PlayerText(Part):
    """The player says something in writing."""

    type: Literal["player.text"]
    text: Text
    to: Id | None = None
    """Whoever is being talked to unless given."""


class ListenStart(Part):
    """Microphone audio follows: PCM s16le mono."""

    type: Literal["listen.start"]
    mode: Literal["push_to_talk", "open_mic"]
    rate: Annotated[int, Field(ge=8000, le=192_000)]
    """Samples per second."""


class ListenStop(Part):
    """The utterance is over."""

    type: Literal["listen.stop"]


class ListenAudio(Part):
    """A piece of microphone audio, for games without binary frames."""

    type: Literal["listen.audio"]
    pcm_base64: Annotated[str, Field(max_length=8_000_000, json_schema_extra={"contentEncoding": "base64"})]


class GameEvent(Part):
    """Something happened in the game."""

    type: Literal["game.event"]
    name: Id
    params: Mapping[str, Scalar] = Field(default_factory=dict, max_length=64)
    to: Id | None = None


class ActionResult(Part):
    """How an action went; once, for any action, whether it `needs_result` or not."""

    type: Literal["action.result"]
    id: Id
    """Of the action."""
    status: Literal["done", "failed", "refused"]
    result: Answer | None = None
    """What the game found out: a word, a number, a list of such, or named ones; an empty list: there is none."""
    message: Text | None = None
    """Why, in words that the character may use."""


class ActionConfirm(Part):
    """Whether an action that asks, by `needs_confirm`, may be done; if so, it is sent again with the same id."""

    type: Literal["action.confirm"]
    id: Id
    allow: bool


class Playback(Part):
    """How far the player has heard a turn."""

    type: Literal["playback"]
    turn: Annotated[int, Field(ge=0)]
    played_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    done: bool = False


class Interrupt(Part):
    """Stop talking now."""

    type: Literal["interrupt"]
    turn: Annotated[int, Field(ge=0)] | None = None
    """The one that is running unless given."""


class Converse(Part):
    """Characters talk among themselves."""

    type: Literal["converse"]
    characters: Annotated[tuple[Id, ...], Field(min_length=2, max_length=16)]
    topic: Text | None = None
    max_turns: Annotated[int, Field(ge=1, le=100)] | None = None


class Save(Part):
    """Keep what the characters remember with a save of the game."""

    type: Literal["save"]
    slot: Slot


class Load(Part):
    """Go back to what the characters remembered then."""

    type: Literal["load"]
    slot: Slot


class Bye(Part):
    """The session ends."""

    type: Literal["bye"]


ClientMessage = Annotated[
    Hello
    | SetScene
    | UpdateScene
    | TalkStart
    | TalkStop
    | PlayerText
    | ListenStart
    | ListenStop
    | ListenAudio
    | GameEvent
    | ActionResult
    | ActionConfirm
    | Playback
    | Interrupt
    | Converse
    | Save
    | Load
    | Bye,
    Field(discriminator="type"),
]
"""What a game may send."""

ServerMessage = Annotated[events.Event, Field(discriminator="type")]
"""What a game receives, but for `seq`."""


def _scene(before: Scene, change: SetScene | UpdateScene) -> Scene:
    """A scene with what a message says; None leaves things as they are."""
    said = {name: value for name in type(change).model_fields if (value := getattr(change, name)) is not None}
    parts: dict[str, Any] = {name: said[name] for name in ("location", "time", "mood", "facts") if name in said}
    if "entities" in said:
        parts["entities"] = tuple(Entity(**dict(entity)) for entity in said["entities"])
    if "characters" in said:
        parts["characters"] = tuple(Presence(**dict(character)) for character in said["characters"])
    return replace(before, **parts)


@lru_cache(maxsize=1)
def client_messages() -> TypeAdapter[Any]:
    """Reads what a game sent."""
    return TypeAdapter(ClientMessage)


@lru_cache(maxsize=1)
def server_messages() -> TypeAdapter[Any]:
    """Describes what a game receives."""
    return TypeAdapter(ServerMessage)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of both directions: `$defs` has `ClientMessage`, `ServerMessage` and every single message."""
    parts, shared = TypeAdapter.json_schemas(
        [("client", "validation", client_messages()), ("server", "validation", server_messages())],
        ref_template="#/$defs/{model}",
    )
    definitions: dict[str, Any] = dict(shared["$defs"])
    server = parts["server", "validation"]
    for reference in server["discriminator"]["mapping"].values():
        _on_the_wire(definitions[str(reference).rsplit("/", 1)[-1]])
    definitions["ClientMessage"] = parts["client", "validation"]
    definitions["ServerMessage"] = server
    return {
        "title": "npc-runtime protocol v1",
        "anyOf": [{"$ref": "#/$defs/ClientMessage"}, {"$ref": "#/$defs/ServerMessage"}],
        "$defs": definitions,
    }


def _on_the_wire(message: dict[str, Any]) -> None:
    """Describe a message as `events.to_wire` writes it: numbered, with its type, and with audio as text."""
    fields: dict[str, Any] = message["properties"]
    if fields.pop("pcm", None) is not None:
        fields["pcm_base64"] = {
            "type": "string",
            "contentEncoding": "base64",
            "description": "PCM s16le mono; absent where the audio travels as a binary frame or a file.",
        }
    seq = {"type": "integer", "minimum": 0, "description": "Counts up by 1 per session."}
    message["properties"] = {"type": fields.pop("type"), "seq": seq, **fields}
    message["required"] = ["type", "seq", *(name for name in message.get("required", ()) if name != "type")]
