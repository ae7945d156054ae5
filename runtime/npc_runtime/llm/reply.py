"""What a reply is made of: the events that the parser reads out of a model's stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from npc_runtime.events import EmotionLabel, Strength

NoticeCode = Literal[
    "role_break",
    "foreign_speaker",
    "unknown_emotion",
    "malformed_tag",
    "empty_reply",
    "no_speech",
    "repetition",
    "truncated",
]
"""`empty_reply`: nothing but blanks and tags was written. `no_speech`: nothing of what was written may be spoken."""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of speech: usually one word with its marks, led by a space unless it opens the sentence.

    The texts of all `Words` up to a `SentenceEnd`, joined without anything between them, are the sentence.
    """

    text: str


@dataclass(frozen=True, slots=True)
class SentenceEnd:
    """The sentence is complete; there is one for every sentence that has words."""


@dataclass(frozen=True, slots=True)
class EmotionTag:
    """What the character feels from here on."""

    label: EmotionLabel
    """One of the 19 labels."""
    strength: Strength = "normal"


@dataclass(frozen=True, slots=True)
class ActionTag:
    """What the character wants to do, as written: neither name nor arguments are validated."""

    name: str
    args: Mapping[str, str] = field(default_factory=dict)
    """Values as written, without quotes; a value that has no key is under the empty key."""


@dataclass(frozen=True, slots=True)
class NarrationText:
    """A stage direction: shown, never spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class SpeakerChange:
    """Somebody else of those who may speak says what follows."""

    name: str
    """As given to the parser, whatever the case the model wrote it in."""


@dataclass(frozen=True, slots=True)
class ParserNotice:
    """Something that was dropped or repaired, for mod authors; also tells the caller that a fallback line is due."""

    code: NoticeCode
    message: str


ParserEvent = Words | SentenceEnd | EmotionTag | ActionTag | NarrationText | SpeakerChange | ParserNotice
