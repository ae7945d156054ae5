"""Journals: JSON lines that several processes append to, and the thread in which somebody is told of what happens."""

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from npc_runtime.files import cannot_write
from npc_runtime.lock import held

MOST_WAITING = 256
"""Records that may wait for a slow disk or a far collector; newer ones are dropped."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Journal:
    """A file of JSON lines, `NAME.jsonl`, and its predecessor `NAME.1.jsonl`. Several processes may use it.

    Args:
        folder: Made when the first line comes.
        name: Of the file, without its ending.
        most_bytes: Size of the file; what does not fit begins a new one.
    """

    def __init__(self, folder: Path, name: str, *, most_bytes: int) -> None:
        self.path = folder / f"{name}.jsonl"
        self.older = folder / f"{name}.1.jsonl"
        self._lock = folder / f"{name}.lock"
        self._most_bytes = most_bytes

    def append(self, entry: Mapping[str, Any]) -> None:
        """Append one line.

        Raises:
            OutputError: The folder cannot be written to, or the disk is full.
        """
        line = (json.dumps(entry, ensure_ascii=False) + "\n").encode()
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
            if size + len(line) <= self._most_bytes:
                file.write(line)
                return
        # Windows does not move a file that somebody reads: then this one grows until the next line.
        with suppress(PermissionError):
            os.replace(self.path, self.older)
        with self.path.open("ab") as file:
            file.write(line)


class Courier(Generic[T]):
    """Brings records to one receiver, in a thread that ends with the process. Whoever hands them over never waits.

    Args:
        receiver: Takes one record after another. When it fails, that is reported once in the log, and the next record
            is tried again.
        what: Is brought, for that report: "Traces of turns".
        name: Of the thread.
    """

    def __init__(self, receiver: Callable[[T], None], *, what: str, name: str) -> None:
        self._receiver = receiver
        self._what = what
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._complained = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def hand(self, record: T) -> None:
        """Have a record brought; dropped if too many wait, or after `stop`."""
        with self._changed:
            full = len(self._waiting) >= MOST_WAITING
            if not full and not self._closed:
                self._waiting.append(record)
                self._changed.notify()
        if full:
            self._complain(f"{MOST_WAITING} of them wait already")

    def stop(self) -> None:
        """Take nothing more; what waits is still brought."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait until all is brought, so many seconds at most."""
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
            _log.warning("%s are being lost, which is said only once: %s", self._what, reason)
