"""A line: what became of one thing that the player said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["answered", "early", "failed", "lost", "disturbed"]
"""`early`: answered before the player had finished, and not again; `lost`: not answered in time, or without a sound;
`disturbed`: the benchmark itself stood still meanwhile, so that nothing is known."""


@dataclass(slots=True)
class Interruption:
    """How a reply was broken off; times in milliseconds."""

    by: Literal["voice", "message"]
    stop_ms: float | None = None
    """From the first voiced sample, or from when the message left, to the arrival of `speech.stop`; None: never."""
    decided_ms: float | None = None
    """From when the frame left that made it certain that a voice interrupts, to the arrival of `speech.stop`."""
    idle_ms: float | None = None
    """From the message to the first time that no engine works; None where that is not known."""
    busy: bool | None = None
    """Whether an engine worked when the message left."""


@dataclass(slots=True)
class Line:
    """What the player said, and what came of it."""

    said: str
    """The words, or the name of the recording."""
    character: str
    outcome: Outcome = "lost"
    why: str = ""
    """What went wrong, where something did."""
    turn: int | None = None
    latency_ms: float | None = None
    """From the player's last voiced sample, or from when the words left, to the first audible sample of the answer."""
    filler: bool = False
    """Whether a sound bridged the wait."""
    false_ends: int = 0
    """How often the server took a pause for the end."""
    dry_ms: float = 0.0
    """How long playback had to wait for more in the middle of the answer."""
    audio_ms: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    """The server's own, from `turn.end`."""
    interruption: Interruption | None = None
    """Of the answer, if it was interrupted."""
