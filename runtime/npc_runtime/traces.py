"""Traces: the latest turns with the marks of their stages, in memory, as JSON lines, and for exporters.

They tell when, who and how fast; nothing that anybody said is in them. A turn never waits for its trace: the file and
every exporter have a thread of their own.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from npc_runtime.events import Usage
from npc_runtime.journal import Courier, Journal

MOST_BYTES = 1 << 20
"""Size of a file of traces, a few thousand turns; what does not fit begins a new one."""
_CLOSING = 2.0
"""Seconds that each receiver is given to take what waits when everything ends."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """One turn that is over."""

    session: str
    turn: int
    """Its number within the session."""
    character: str
    """Id of who answered."""
    spoken: bool
    """Whether the player spoke into a microphone; otherwise the words were typed."""
    reason: str
    """How it ended: `done`, `interrupted`, `failed`, `withdrawn`."""
    marks: Mapping[str, float]
    """Stage → milliseconds from the origin until it was reached. The origin is the player's last voiced sample, or the
    arrival of the typed words. A copy is kept."""
    ended_ms: float
    """Milliseconds from the origin until `at`: with the time in which the reply was played."""
    audio_ms: float = 0.0
    """How much was spoken."""
    usage: Usage | None = None
    """What the language model was given and wrote; None if it was not asked."""
    at: str = field(default_factory=_now)
    """When the turn ended: ISO 8601, UTC, with milliseconds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "marks", dict(self.marks))

    def as_json(self) -> dict[str, Any]:
        """The JSON object of the record; `timings` as in the protocol's `turn.end`."""
        shown: dict[str, Any] = {
            "at": self.at,
            "session": self.session,
            "turn": self.turn,
            "character": self.character,
            "spoken": self.spoken,
            "reason": self.reason,
            "timings": {f"{name}_ms": round(value, 1) for name, value in self.marks.items()},
            "ended_ms": round(self.ended_ms, 1),
            "audio_ms": round(self.audio_ms, 1),
        }
        if self.usage is not None:
            shown["usage"] = {name: value for name, value in asdict(self.usage).items() if value is not None}
        return shown


Export = Callable[[TurnRecord], None]
"""Takes a record somewhere; called in a thread of its own, for one record after another."""


class Traces:
    """The latest turns.

    Args:
        folder: Where `traces.jsonl` is kept, and its predecessor `traces.1.jsonl`; None for memory alone.
        keep: How many turns are kept in memory.
        exporters: Receive every record, too. One that fails or hangs is reported once in the log, and is tried again
            with the next record.
    """

    def __init__(self, folder: Path | None = None, *, keep: int = 50, exporters: Sequence[Export] = ()) -> None:
        self._latest: deque[TurnRecord] = deque(maxlen=keep)
        receivers: list[Export] = [] if folder is None else [TraceFile(folder)]
        self._couriers = [
            Courier(receiver, what="Traces of turns", name="traces") for receiver in (*receivers, *exporters)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def add(self, record: TurnRecord) -> None:
        """Take in a turn that is over; returns at once."""
        self._latest.append(record)
        for courier in self._couriers:
            courier.hand(record)

    def latest(self) -> list[dict[str, Any]]:
        """The latest turns as JSON objects, oldest first."""
        return [record.as_json() for record in self._latest]

    def close(self) -> None:
        """Let what waits be written and exported, for a few seconds at most. Later records are kept in memory only."""
        for courier in self._couriers:
            courier.stop()
        for courier in self._couriers:
            courier.join(_CLOSING)


class TraceFile:
    """Appends records to `traces.jsonl`. Several processes may use the same folder.

    Args:
        folder: Made when the first record comes.
    """

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder, "traces", most_bytes=MOST_BYTES)

    def __call__(self, record: TurnRecord) -> None:
        """Append one line.

        Raises:
            OutputError: The folder cannot be written to, or the disk is full.
        """
        self._journal.append(record.as_json())
