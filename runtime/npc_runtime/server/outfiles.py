"""What waits for a game in a folder: a numbered file per message, gone when the game has read it."""

import os
import shutil
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from npc_runtime.files import cannot_write, whole_file
from npc_runtime.server.glance import Glance
from npc_runtime.server.mailbox import Frame

READ = "read.txt"
STATUS = "status.json"
SOUNDS = "sound"
_OUT = "out"
_LONGEST = 32
"""Bytes of `READ` that are looked at."""


@dataclass(frozen=True, slots=True)
class _Unread:
    number: int
    size: int


class OutFiles:
    """Writes the files of one session. All of its methods but `due` block, and run in one thread at a time.

    Args:
        folder: The folder of the session.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._out = folder / _OUT
        self._unread: deque[_Unread] = deque()
        self._written = 0
        self._sign: tuple[int, str] | None = None
        self._glance = Glance(folder / READ)
        self.bytes = 0
        """In files that the game has not read."""

    def __len__(self) -> int:
        """Files that the game has not read."""
        return len(self._unread)

    def empty(self) -> None:
        """Throw away what is left of an earlier session.

        Raises:
            OutputError: The folder cannot be written to.
        """
        try:
            self._out.mkdir(exist_ok=True)
            for entry in list(os.scandir(self._out)):
                if entry.name.endswith((".json", ".part")) and not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
            shutil.rmtree(self._folder / SOUNDS, ignore_errors=True)
            with suppress(FileNotFoundError):
                (self._folder / READ).unlink()
        except OSError as error:
            raise cannot_write(self._out, error) from error

    def write(self, frames: Iterable[Frame]) -> None:
        """Add a file per message, named after its number.

        Raises:
            OutputError: The disk is full, or the folder is gone.
        """
        for frame in frames:
            data = frame.data.encode() if isinstance(frame.data, str) else frame.data
            self._put(self._path(frame.seq), data + b"\n")
            self._unread.append(_Unread(frame.seq, len(data) + 1))
            self._written = frame.seq
            self.bytes += len(data) + 1

    def status(self, text: str) -> None:
        """Say whether there is a session.

        Raises:
            OutputError: The disk is full, or the folder is gone.
        """
        self._put(self._folder / STATUS, text.encode() + b"\n")

    def due(self, now: float) -> bool:
        """Whether the game may have read something."""
        return self._glance.due(now)

    def collect(self) -> bool:
        """Delete what the game says it has read; True if it has said something new."""
        path = self._folder / READ
        try:
            with path.open("rb") as file:
                sign = (os.fstat(file.fileno()).st_mtime_ns, file.read(_LONGEST).decode("ascii", errors="ignore"))
        except OSError:
            return False
        if sign == self._sign:
            return False
        self._sign = sign
        upto = min(int("".join(filter(str.isdigit, sign[1])) or 0), self._written)
        while self._unread and self._unread[0].number <= upto:
            with suppress(OSError):
                self._path(self._unread[0].number).unlink(missing_ok=True)
            self._forget(self._unread.popleft())
        return True

    def recount(self) -> bool:
        """Forget the files that the game has deleted; True if there were any."""
        gone = [each for each in self._unread if not self._path(each.number).exists()]
        for each in gone:
            self._unread.remove(each)
            self._forget(each)
        return bool(gone)

    def _forget(self, file: _Unread) -> None:
        self.bytes -= file.size

    def _path(self, number: int) -> Path:
        return self._out / f"{number:06d}.json"

    def _put(self, path: Path, data: bytes) -> None:
        """Write a file at once; unlike `whole_file` alone, never into a folder that somebody has removed."""
        if not path.parent.is_dir():
            raise cannot_write(path, FileNotFoundError(2, "the folder is gone"))
        with whole_file(path) as part:
            part.write_bytes(data)
