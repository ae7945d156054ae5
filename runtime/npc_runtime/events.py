"""The facts that flow out of a turn: the messages of protocol v1 that a game receives (CONTRACT 4.2).

Each is a frozen dataclass whose field names are the wire names. `to_wire` makes the JSON object; fields that are
None are left out. Each gets its `seq` when it leaves the session.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

EmotionLabel = Literal[
    "neutral",
    "disgust",
    "contempt",
    "belligerence",
    "domineering",
    "criticism",
    "anger",
    "tension",
    "tense_humor",
    "defensiveness",
    "whining",
    "sadness",
    "stonewalling",
    "interest",
    "validation",
    "affection",
    "humor",
    "surprise",
    "joy",
]
"""The 19 labels of the protocol, after the affects of SPAFF (Coan and Gottman 2007)."""
EMOTION_LABELS: tuple[EmotionLabel, ...] = get_args(EmotionLabel)
Strength = Literal["weak", "normal", "strong"]
Stage = Literal["attending", "listening", "thinking", "speaking", "idle"]
VisemeSet = Literal["oculus", "arkit", "azure", "rhubarb", "skyrim", "vrm"]
FaceSet = Literal["none", "arkit", "vrm"]
"""How a game wants to be told what a feeling does to the face."""
Pad = tuple[float, float, float]
"""Pleasure, arousal, dominance; each -1..1 (Mehrabian 1996)."""
Scalar = str | int | float | bool
VisemeFrame = tuple[float, float, str, float]
"""start_ms, end_ms, shape, weight 0..1; frames with the same times are shown together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A character as `welcome` lists it."""

    id: str
    name: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The first message of a session."""

    type: Literal["welcome"] = "welcome"
    protocol: int
    session: str
    runtime: Mapping[str, str]
    characters: tuple[Character, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a character is doing, for its body language."""

    type: Literal["state"] = "state"
    character: str
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the player was heard to say."""

    type: Literal["heard"] = "heard"
    text: str
    """Empty when nothing was said."""
    final: bool
    language: str
    to: str | None = None
    """Id of the character who was addressed."""
    reason: str | None = None
    """Why the text is empty: `silence`, `no_speech` or `unclear`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBegin:
    """A character starts to answer."""

    type: Literal["turn.begin"] = "turn.begin"
    turn: int
    character: str
    reply_to: str
    """What the player said, or the name of the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """The slow part of what a character feels."""

    label: str
    """Mehrabian octant: exuberant, dependent, relaxed, docile, bored, disdainful, anxious, hostile; or neutral."""
    strength: str
    """slightly, moderately or fully."""
    pad: Pad


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How a character stands to the player; each axis -1..1."""

    trust: float = 0.0
    respect: float = 0.0
    familiarity: float = 0.0
    affection: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Emotion:
    """What a character feels now."""

    type: Literal["emotion"] = "emotion"
    turn: int | None = None
    character: str
    label: EmotionLabel
    strength: Strength
    intensity: float
    """0..1"""
    pad: Pad
    mood: Mood
    relation: Relation
    cause: str | None = None
    face: Mapping[str, float] | None = None
    """Weights 0..1 of ARKit blend shapes or VRM expressions, for a game that asks for them; those not listed are 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """The words of one clause, for subtitles."""

    type: Literal["say"] = "say"
    turn: int
    clause: int
    """Counts up from 0 within the turn."""
    text: str
    start_ms: float
    """From the start of the turn's audio."""
    end_ms: float | None = None
    filler: bool | None = None
    """True for a sound that bridges the wait for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narration:
    """A stage direction the model wrote: shown by a game that wants to, never spoken."""

    type: Literal["narration"] = "narration"
    turn: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visemes:
    """The mouth track of one clause; leaves before the clause's audio."""

    type: Literal["visemes"] = "visemes"
    turn: int
    clause: int
    set: VisemeSet
    timing: Literal["exact", "estimated", "energy"]
    frames: tuple[VisemeFrame, ...]
    """Times from the start of the turn's audio, ordered by start; together they cover the clause without a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechAudio:
    """A piece of audio."""

    type: Literal["speech.audio"] = "speech.audio"
    turn: int
    clause: int
    rate: int
    """Samples per second; 16-bit signed little-endian mono."""
    start_ms: float
    last: bool
    """Whether this is the last piece of the clause."""
    pcm: bytes = field(repr=False, default=b"")
    path: str | None = None
    """A file that holds the audio instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStop:
    """Stop playing now."""

    type: Literal["speech.stop"] = "speech.stop"
    turn: int
    heard_ms: float | None = None
    """Where in the audio since `listen.start` it was certain that the player interrupts; None for other reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something the character does in the game; already validated."""

    type: Literal["action"] = "action"
    turn: int
    id: str
    character: str = ""
    """Who does it."""
    name: str
    args: Mapping[str, Scalar]
    target: str | None = None
    needs_result: bool = False
    """Whether the character waits for an `action.result` with what it says and does next."""
    needs_confirm: bool = False
    """Whether this only asks: the same action comes again, without this, when the game has consented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalEvent:
    """Something that a goal of a character tells the game."""

    type: Literal["event"] = "event"
    turn: int
    character: str
    name: str
    params: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What the characters remember is kept under this name, together with what they feel and how their goals are."""

    type: Literal["saved"] = "saved"
    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Everything is as it was when it was kept under this name."""

    type: Literal["loaded"] = "loaded"
    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a turn cost."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnd:
    """The turn is over."""

    type: Literal["turn.end"] = "turn.end"
    turn: int
    reason: Literal["done", "interrupted", "failed"]
    text: str
    """What was said, and heard."""
    timings: Mapping[str, float]
    """Milliseconds after the player's last voiced sample, or after the text's arrival; keys end in `_ms`."""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a mod author should know; nothing is lost."""

    type: Literal["notice"] = "notice"
    code: str
    message: str
    hint: str = ""
    turn: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """Something failed."""

    type: Literal["error"] = "error"
    code: str
    message: str
    hint: str = ""
    turn: int | None = None
    fatal: bool = False


Event = (
    Welcome
    | State
    | Heard
    | TurnBegin
    | Emotion
    | Say
    | Narration
    | Visemes
    | SpeechAudio
    | SpeechStop
    | Action
    | GoalEvent
    | TurnEnd
    | Saved
    | Loaded
    | Notice
    | Error
)


def to_wire(event: Event, seq: int, *, audio: Literal["base64", "omit"] = "base64") -> dict[str, Any]:
    """The JSON object of a message.

    Args:
        event: The message.
        seq: Its number in the session, counting up by 1.
        audio: Whether PCM goes along as `pcm_base64`, or travels by other means.
    """
    wire: dict[str, Any] = {"type": event.type, "seq": seq}
    for item in fields(event):
        value = getattr(event, item.name)
        if item.name in ("type", "pcm") or value is None:
            continue
        wire[item.name] = _plain(value)
    if isinstance(event, SpeechAudio) and event.pcm and audio == "base64":
        wire["pcm_base64"] = base64.b64encode(event.pcm).decode("ascii")
    return wire


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) is not None}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
