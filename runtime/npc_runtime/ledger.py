"""The ledger: what every answer took, kept for good, and the sums of it by session and day."""

import json
import math
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from npc_runtime.journal import Courier, Journal
from npc_runtime.spending import Spent

MOST_BYTES = 4 << 20
"""Size of a file of the ledger, some twenty thousand answers; what does not fit begins a new one."""
NAME = "usage"
_CLOSING = 2.0
_MOST_TOKENS = 10**9
_MOST_COST = 10**6
"""US dollars: no answer costs that much; a line that says so is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger."""

    at: datetime
    """When it was written, UTC."""
    by: str
    """The process that wrote it."""
    session: str
    spent: Spent

    @property
    def day(self) -> date:
        """The day, as calendars here have it."""
        return self.at.astimezone().date()

    def as_json(self) -> dict[str, Any]:
        """The JSON object of the line."""
        spent = self.spent
        line: dict[str, Any] = {
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "by": self.by,
            "session": self.session,
            "model": spent.model,
            "prompt_tokens": spent.prompt_tokens,
            "cached_tokens": spent.cached_tokens,
            "completion_tokens": spent.completion_tokens,
        }
        if spent.cost is not None:
            line["cost"] = round(spent.cost, 9)
        return line | ({"local": True} if spent.local else {})


def entries(folder: Path) -> Iterator[Entry]:
    """What a ledger has, oldest first. Lines that make no sense, and files that cannot be read, are left out.

    Args:
        folder: The state folder.
    """
    journal = _journal(folder)
    for path in (journal.older, journal.path):
        yield from _Tail(path).new()


class Ledger:
    """What answers take. Several processes may keep theirs in the same folder, and know of one another's.

    Args:
        folder: The state folder, where `usage.jsonl` is kept.
        now: The time of day, UTC; it may jump.
    """

    def __init__(self, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._journal = _journal(folder)
        self._now = now
        self._by = secrets.token_hex(6)
        self._changed = threading.Lock()
        self._days: defaultdict[date, float] = defaultdict(float)
        self._sessions: defaultdict[str, float] = defaultdict(float)
        self._tail = _Tail(self._journal.path)
        self._courier: Courier[Entry | None] = Courier(self._keep, what="Records of what was spent", name="usage")
        self._courier.hand(None)  # what others have spent is read at once, and not on this thread

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def add(self, session: str, spent: Spent) -> None:
        """Write down what an answer took; it counts at once, and is written in a thread.

        Args:
            session: Whose.
            spent: What it took.
        """
        entry = Entry(at=self._now(), by=self._by, session=session, spent=spent)
        self._count(entry)
        self._courier.hand(entry)

    def session(self, name: str) -> float:
        """US dollars that a session of this process has spent."""
        with self._changed:
            return self._sessions.get(name, 0.0)

    def today(self) -> float:
        """US dollars that were spent today, by this process and others."""
        with self._changed:
            return self._days.get(self._now().astimezone().date(), 0.0)

    def close(self) -> None:
        """Let what waits be written, for a few seconds at most."""
        self._courier.stop()
        self._courier.join(_CLOSING)

    def _count(self, entry: Entry) -> None:
        with self._changed:
            self._days[entry.day] += entry.spent.cost or 0.0
            if entry.by == self._by:
                self._sessions[entry.session] += entry.spent.cost or 0.0

    def _keep(self, entry: Entry | None) -> None:
        """Runs in the thread: take in what others wrote, and write."""
        for other in self._tail.new(self._journal.older):
            if other.by != self._by:
                self._count(other)
        if entry is not None:
            self._journal.append(entry.as_json())


class _Tail:
    """What was added to a file of lines since it was last read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        """Bytes."""
        self._file: tuple[int, int] | None = None
        """Which file that was: a new one may have taken its place."""

    def new(self, older: Path | None = None) -> Iterator[Entry]:
        """The new entries.

        Args:
            older: Where the file goes when a new one takes its place; read first, as far as it is not known.
        """
        with suppress(OSError):  # there is nothing yet, or nothing that we may read: the ledger begins here
            file = _identity(self._path)
            if self._file != file:
                if older is not None:
                    yield from self._predecessor(older)
                self._file, self._read = file, 0
            yield from self._from(self._path)

    def _predecessor(self, older: Path) -> Iterator[Entry]:
        with suppress(OSError):
            if _identity(older) != self._file:
                self._read = 0
            yield from self._from(older)

    def _from(self, path: Path) -> Iterator[Entry]:
        with path.open("rb") as file:
            file.seek(self._read)
            # Half a line at the end is still being written.
            for line in file.read(2 * MOST_BYTES).splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                entry = _entry(line)
                if entry is not None:
                    yield entry


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _journal(folder: Path) -> Journal:
    return Journal(folder, NAME, most_bytes=MOST_BYTES)


def _entry(line: bytes) -> Entry | None:
    """What a line says; None if that makes no sense."""
    try:
        found = json.loads(line)
        at = datetime.fromisoformat(found["at"])
        spent = Spent(
            model=_text(found, "model"),
            prompt_tokens=_tokens(found, "prompt_tokens"),
            cached_tokens=_tokens(found, "cached_tokens"),
            completion_tokens=_tokens(found, "completion_tokens"),
            cost=_cost(found.get("cost")),
            local=found.get("local") is True,
        )
        entry = Entry(at=at.astimezone(UTC), by=_text(found, "by"), session=_text(found, "session"), spent=spent)
        entry.day  # noqa: B018  # the first and the last day of all have none in some time zones
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, OSError):
        return None
    return entry


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return "".join(character for character in value[:200] if character.isprintable())


def _tokens(found: Mapping[str, Any], key: str) -> int:
    value = found[key]
    if not isinstance(value, int) or not 0 <= value <= _MOST_TOKENS:
        raise ValueError(key)
    return value


def _cost(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not (math.isfinite(value) and 0 <= value <= _MOST_COST):
        raise ValueError(value)
    return float(value)
