"""What is remembered: experiences, facts, summaries and states, as values; and how large each may be."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from npc_runtime.events import Pad

MOST_TEXT = 2000
"""Characters of one experience or summary; what is longer is cut."""
MOST_NAME = 200
"""Characters of an id, a kind, or a part of a fact; what is longer is cut."""
MOST_DOCUMENT = 1 << 18
"""Characters of the JSON of one state."""

SPARED_KINDS = frozenset({"promise", "quest"})
"""Kinds of experiences that are never forgotten."""

Source = Literal["seen", "heard", "told", "said", "game", "model"]
"""How a character came by it: saw it, heard the player say it to it, was told by another character, said it itself to
the player, was told by the game, or the language model proposed it. What `heard` and `said` have as text are the words
alone; all other texts tell who said or did what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that holds for a while in game time, such as `Anna`, `lives in`, `Hollowfen`."""

    subject: str
    predicate: str
    object: str | None
    """None: nothing is so from then on."""
    valid_from: float
    """Game time in seconds."""
    valid_to: float | None = None
    """The first moment at which it no longer holds; None: until something else does."""
    confidence: float = 1.0
    """0..1"""
    several: bool = False
    """Whether the subject can have several objects at a time, as with `likes`; otherwise a later one replaces it."""
    source: int | None = None
    """Id of the experience that it was learned from; set when it is stored."""
    id: int = 0
    """Counts up in the order of learning; set when it is stored."""
    score: float = 0.0
    """How much it is worth now, as that of a `Memory`; set when it is recalled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """Something that one character perceived."""

    npc: str
    """Id of who perceived it."""
    player: str | None
    """Id of the player it is private to; None: it may be recalled whoever is there."""
    game_time: float
    """Seconds."""
    kind: str
    """What it was, such as `dialogue`, `event`, `gift`; the kinds of `SPARED_KINDS` are never forgotten."""
    text: str
    importance: float = 0.3
    """0..1"""
    pad: Pad = (0.0, 0.0, 0.0)
    """What the character felt then."""
    source: Source = "seen"
    facts: tuple[Fact, ...] = ()
    """What the character learned from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a longer stretch came to, in few words."""

    npc: str
    player: str | None
    level: int
    """1 is made of experiences, 2 of summaries of level 1, and so on."""
    first: int
    """Id of the first experience in it."""
    last: int
    """Id of the last one."""
    game_time: float
    """When the stretch ended, in seconds."""
    text: str
    score: float = 0.0
    """How much it is worth now, as that of a `Memory`; set when it is recalled."""
    fits: bool = False
    """As that of a `Memory`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDocument:
    """What another part of the engine keeps about a character and a player, such as its emotion: any JSON value."""

    npc: str
    player: str | None
    name: str
    document: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one turn leaves behind; stored as a whole or not at all."""

    experiences: tuple[Experience, ...] = ()
    summaries: tuple[Summary, ...] = ()
    states: tuple[StateDocument, ...] = ()
    recalled: tuple[int, ...] = ()
    """Ids of the memories that were used: what is used is forgotten later."""
    game_time: float = 0.0
    """When they were used, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """An experience as it is remembered."""

    id: int
    """Counts up in the order in which things were perceived."""
    npc: str
    player: str | None
    game_time: float
    """Seconds."""
    kind: str
    text: str
    importance: float
    """0..1"""
    pad: Pad
    source: str
    score: float = 0.0
    """How much it is worth now, 0 to about 1: the least valuable is the first that a prompt can do without."""
    relevance: float = 0.0
    """How well it fits what was asked for, 0..1, beside the others; 0: not at all."""
    fits: bool = False
    """Whether it has to do with what was asked for: of memories none of which does, one is still the best match."""


def clean(text: str, most: int = MOST_TEXT) -> str:
    """A text that can be stored: cut to length, without NUL and halves of surrogate pairs."""
    return text[:most].replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def clean_name(name: str) -> str:
    """An id or a part of a fact that can be stored.

    Raises:
        ValueError: There is nothing left of it.
    """
    kept = clean(name, MOST_NAME).strip()
    if not kept:
        raise ValueError("a name in memory must not be empty")
    return kept


def clean_number(value: float, low: float = -1e15, high: float = 1e15) -> float:
    """A number within bounds; the nearest to 0 for what is not a number."""
    return min(max(0.0 if math.isnan(value) else value, low), high)


def clean_pad(pad: Iterable[float]) -> Pad:
    """A PAD point within -1..1."""
    pleasure, arousal, dominance = (clean_number(value, -1.0, 1.0) for value in pad)
    return pleasure, arousal, dominance


def as_document(value: Any) -> str:
    """The JSON of a state: the same text for equal values.

    Raises:
        ValueError: It is not JSON, or longer than `MOST_DOCUMENT`.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    if len(text) > MOST_DOCUMENT:
        raise ValueError(f"a state has {len(text)} characters; at most {MOST_DOCUMENT} can be kept")
    return text
