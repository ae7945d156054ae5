"""Traces: the latest turns with the marks of their stages, in memory, as JSON lines, and for exporters.

They tell when, who and how fast; nothing that anybody said is in them. A turn never waits for its trace: the file and
every exporter have a thread of their own.
"""

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from npc_runtime.events import Usage
from npc_runtime.files import cannot_write
from npc_runtime.lock import held

MOST_BYTES = 1 << 20
"""Size of a file of traces, a few thousand turns; what does not fit begins a new one."""
MOST_WAITING = 256
"""Records that may wait for a slow disk or a far collector; newer ones are dropped."""
_CLOSING = 2.0
"""Seconds that each receiver is given to take what waits when everything ends."""

_log = logging.getLogger(__name__)


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
        self._couriers = [_Courier(receiver) for receiver in (*receivers, *exporters)]

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
        self.path = folder / "traces.jsonl"
        self.older = folder / "traces.1.jsonl"
        self._lock = folder / "traces.lock"

    def __call__(self, record: TurnRecord) -> None:
        """Append one line.

        Raises:
            OutputError: The folder cannot be written to, or the disk is full.
        """
        line = (json.dumps(record.as_json(), ensure_ascii=False) + "\n").encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Two that look for the end of the file, or move it, at the same moment would see each other's half lines.
            with held(self._lock, poll=0.005):
                self._append(line)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _append(self, line: bytes) -> None:
        with self.path.open("ab+") as file:
            size = file.tell()
            if size:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a full disk or a killed process left half a line
                    line = b"\n" + line
            if size + len(line) <= MOST_BYTES:
                file.write(line)
                return
        # Windows does not move a file that somebody reads: then this one grows until the next turn.
        with suppress(PermissionError):
            os.replace(self.path, self.older)
        with self.path.open("ab") as file:
            file.write(line)


class _Courier:
    """Brings records to one receiver, in a thread that ends with the process."""

    def __init__(self, receiver: Export) -> None:
        self._receiver = receiver
        self._waiting: deque[TurnRecord] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._complained = False
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def hand(self, record: TurnRecord) -> None:
        with self._changed:
            full = len(self._waiting) >= MOST_WAITING
            if not full and not self._closed:
                self._waiting.append(record)
                self._changed.notify()
        if full:
            self._complain(f"{MOST_WAITING} of them wait already")

    def stop(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                record = self._waiting.popleft()
            try:
                self._receiver(record)
            except Exception as error:  # whatever is wrong with a disk or an exporter, the next turn is tried again
                self._complain(str(error) or repr(error))

    def _complain(self, reason: str) -> None:
        with self._changed:
            first, self._complained = not self._complained, True
        if first:
            _log.warning("Traces of turns are being lost, which is said only once: %s", reason)
