"""What a game leaves for the runtime in a folder: files of JSON, taken in the order of their numbers.

A file is first renamed, so that nothing is read twice and nothing that the game writes afterwards is lost, and then
read until it is complete: some games write files piece by piece and in the open. It is taken even while the game keeps
it open (except on Windows), and a short time without a change is its end: a game that appends closes it every time.
"""

import logging
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from npc_runtime.errors import InputError
from npc_runtime.server import reading
from npc_runtime.server.glance import Glance
from npc_runtime.server.refusals import limit, too_big

_log = logging.getLogger(__name__)
_WINDOWS = os.name == "nt"
_OPEN_SECONDS = 5.0
"""For which a file that cannot be taken is nothing to speak of."""
_SUFFIXES = (".json", ".jsonl")
_TAKEN = ".taken"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_AT_ONCE = 64
"""Files that are taken by one look."""
_ENTRIES = 4096
"""Names in the folder that are looked at."""


@dataclass(slots=True)
class _Letter:
    """A file that was taken."""

    name: str
    """As the game called it."""
    path: Path
    done: int = 0
    """Bytes whose lines have been handed over."""
    size: int = -1
    """Bytes at the last look."""
    since: float = 0.0
    """When the size was seen first."""
    found: list[object] = field(default_factory=list)
    """What the last reading found and has not handed over."""


class Letters:
    """Takes files out of a folder. `look` blocks, and runs in one thread at a time.

    Args:
        folder: Where the game writes; it need not be there yet.
        most: Bytes that a file may have.
        settle: Seconds without a change after which a file that makes no sense will not be completed any more.
        stale: Files from before this time (`st_mtime`, seconds) belong to an earlier run and are thrown away.
    """

    def __init__(self, folder: Path, *, most: int, settle: float, stale: float) -> None:
        self._folder = folder
        self._most = most
        self._settle = settle
        self._stale = stale
        self._letters: deque[_Letter] = deque()
        self._count = 0
        self._swept = False
        self._left = False
        """Whether files are there that could not be taken yet."""
        self._blocked: tuple[str, float] | None = None
        """The file that the game keeps open, and since when."""
        self._warned = False
        self._glance = Glance(folder)

    def due(self, now: float) -> bool:
        """Whether there may be something new; does not block."""
        return self._glance.due(now) or self._left or bool(self._letters)

    def look(self, now: float) -> list[object]:
        """What has come since the last look: JSON values, and an InputError in the place of what makes no sense.

        Args:
            now: Seconds of a clock that never goes back.

        Raises:
            OSError: The folder is not there, or its files cannot be renamed.
        """
        if not self._swept:
            self._sweep()
        self._take(now)
        found: list[object] = []
        for letter in list(self._letters):
            done = self._read(letter, now)
            found += letter.found
            letter.found.clear()
            if done:
                self._letters.remove(letter)
                letter.path.unlink(missing_ok=True)
            elif letter.name.endswith(".json") or letter.done < letter.size:
                break  # what comes after it waits, so that nothing is overtaken
        return found

    def _sweep(self) -> None:
        """Throw away what an earlier run has left."""
        for entry in self._entries():
            old = entry.stat(follow_symlinks=False).st_mtime < self._stale
            if entry.name.endswith(_TAKEN) or (old and entry.name.endswith(_SUFFIXES)):
                os.unlink(entry.path)
        self._swept = True

    def _take(self, now: float) -> None:
        names = sorted((each.name for each in self._entries() if _is_letter(each.name)), key=_order)
        room = max(0, _AT_ONCE - len(self._letters))
        self._left = len(names) > room
        for name in names[:room]:
            path = self._folder / f".{self._count:06d}.{name}{_TAKEN}"
            try:
                os.rename(self._folder / name, path)
            except (FileNotFoundError, PermissionError) as error:
                if isinstance(error, PermissionError):
                    if not _WINDOWS:
                        raise
                    self._wait_for(name, now)
                self._left = True
                break  # so that nothing is overtaken
            self._count += 1
            self._letters.append(_Letter(name, path))

    def _wait_for(self, name: str, now: float) -> None:
        """Note that a file cannot be taken; the log says so once, when that lasts."""
        if self._blocked is None or self._blocked[0] != name:
            self._blocked = (name, now)
        elif now - self._blocked[1] >= _OPEN_SECONDS and not self._warned:
            self._warned = True
            what = f"{name[:80]} cannot be taken, and so nothing after it is read: the game keeps it open"
            _log.warning("mailbox %s: %s; open, append and close for each message", self._folder.parent, what)

    def _entries(self) -> list[os.DirEntry[str]]:
        """Ordinary files in the folder, a bounded number."""
        found: list[os.DirEntry[str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    found.append(entry)
                if len(found) >= _ENTRIES:
                    break
        return found

    def _read(self, letter: _Letter, now: float) -> bool:
        """Read what is new of a file; True if nothing more is expected of it."""
        try:
            size = letter.path.stat().st_size
            if size != letter.size:
                letter.size, letter.since = size, now
            settled = now - letter.since >= self._settle
            if size - letter.done > self._most:
                letter.found.append(too_big(size, self._most, f"The file {letter.name}"))
                return True
            with letter.path.open("rb") as file:
                file.seek(letter.done)
                data = file.read(size - letter.done)
        except FileNotFoundError:
            return True
        if letter.name.endswith(".json"):
            return _whole(letter, data, settled=settled)
        end = len(data) if settled else 0 if data.startswith(_UTF16) else data.rfind(b"\n") + 1
        letter.found += _lines(letter, data[:end])
        letter.done += end
        return settled


def _is_letter(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def _order(name: str) -> tuple[int, str]:
    """Numbers by their value, before other names."""
    stem = name.rpartition(".")[0]
    return (int(stem), name) if stem.isascii() and stem.isdigit() and len(stem) < 19 else (1 << 62, name)


def _whole(letter: _Letter, data: bytes, *, settled: bool) -> bool:
    """A file with one message or a list of them; True if it is complete, or never will be."""
    try:
        value = reading.parse(_text(data))
    except InputError as error:
        if settled and data.strip():
            letter.found.append(_blamed(error, letter.name))
        return settled
    letter.found += value if isinstance(value, list) else [value]
    return True


def _lines(letter: _Letter, data: bytes) -> Iterator[object]:
    """The messages of whole lines."""
    try:
        lines = _text(data).splitlines() if data else []
    except InputError as error:
        yield _blamed(error, letter.name)
        return
    for line in lines:
        if line.strip():
            try:
                yield reading.parse(line)
            except InputError as error:
                yield _blamed(error, letter.name)


def _text(data: bytes) -> bytes:
    """UTF-8 without a byte order mark; the two kinds of UTF-16 that begin with one are turned into it.

    Raises:
        InputError: It is in another encoding.
    """
    if data.startswith(_UTF16):
        try:
            return data.decode("utf-16").encode()
        except UnicodeError:
            raise _encoding("is cut off in the middle of a UTF-16 character") from None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise _encoding(f"is not UTF-8: it has the byte 0x{data[error.start]:02x}, as Windows-1252 does") from None
    return data.removeprefix(b"\xef\xbb\xbf")


def _encoding(what: str) -> InputError:
    return limit("bad_json", f"The text {what}.", "write the file as UTF-8")


def _blamed(error: InputError, name: str) -> InputError:
    return InputError(f"{name[:80]}: {error.message}", hint=error.hint, code=error.code)
