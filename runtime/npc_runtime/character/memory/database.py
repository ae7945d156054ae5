"""The database file: opened whatever state it is in, and never the reason that a character falls silent.

A file that cannot be used is kept under another name and a new one begins. When nothing can be written, everything that
is known goes on in the computer's memory. Both are said once, through `warn`.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from npc_runtime.character.memory.schema import ForeignDatabaseError, NewerDatabaseError, prepare
from npc_runtime.errors import NpcError, OutputError, SetupError
from npc_runtime.files import cannot_write
from npc_runtime.lock import held

FILE_NAME = "memory.db"
BUSY_SECONDS = 5.0
"""How long another process may keep us from writing."""
_WAL_BYTES = 4 << 20
"""What the write-ahead log shrinks to when its contents have reached the database."""

_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOLFS,
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_ATTEMPTS = 3
"""A file may be found broken, and its successor unwritable."""

Result = TypeVar("Result")


class Database:
    """One connection to the memory database; used by one thread at a time.

    What is committed survives the death of the process at any moment. When the power fails, what was written since the
    last durable write may be missing, and the file is whole: `synchronous` is NORMAL, and FULL for a durable write,
    which waits for the disk: a quarter of a millisecond for a fast one, tens of them for a slow one.

    Args:
        folder: Where `memory.db` is, or will be; several processes may use it. None for the computer's memory alone.
        warn: Told what happened to the file, in words for the person who plays; from within any call.
    """

    def __init__(self, folder: Path | None, warn: Callable[[NpcError], None]) -> None:
        self._folder = folder
        self._warn = warn
        self.epoch = 0
        """Counts up whenever another database takes the place of the one before."""
        self._on_disk = folder is not None
        self._connection = self._open()

    @property
    def path(self) -> Path | None:
        """The file that is written to; None in the computer's memory."""
        return self._folder / FILE_NAME if self._folder is not None and self._on_disk else None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Ask something; all of it sees one moment.

        Args:
            work: May be called again with another connection.

        Raises:
            OutputError: Another process keeps the database locked.
        """
        return self._run("BEGIN", work)

    def write(self, work: Callable[[sqlite3.Connection], Result], *, durable: bool = False) -> Result:
        """Change something; either all of it or nothing.

        Args:
            work: May be called again with another connection.
            durable: Whether this, and everything before it, must survive a power failure.

        Raises:
            OutputError: Another process keeps the database locked.
        """
        return self._run("BEGIN IMMEDIATE", work, durable=durable)

    def wipe(self) -> None:
        """Bring what was deleted out of the write-ahead log, so that it can be read nowhere any more."""
        with suppress(sqlite3.Error):  # another process reads: the next checkpoint does it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _run(self, begin: str, work: Callable[[sqlite3.Connection], Result], *, durable: bool = False) -> Result:
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                with _transaction(self._connection, begin):
                    return work(self._connection)
            except sqlite3.Error as error:
                if not left:
                    raise
                self._recover(error)
        raise AssertionError  # the last attempt returns or raises

    def _recover(self, error: sqlite3.Error) -> None:
        """Find another database after a failure; raises when that would not help."""
        code = _code(error)
        if code in _BUSY:
            raise OutputError(
                "The memory of the characters is in use by another program: this was not remembered.",
                hint=f"close the other program that uses {self.path}",
                code="memory_busy",
            ) from error
        if not self._on_disk or code not in _BROKEN | _UNWRITABLE:
            raise error
        if code in _BROKEN:
            self._connection.close()
            self._connection = self._replaced("broken")
        else:
            self._connection = self._in_ram(error)
        self.epoch += 1

    def _open(self) -> sqlite3.Connection:
        path = self.path
        if path is None:
            return _fresh()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with held(path.with_name("memory.lock")):
                return self._open_file(path)
        except OSError as error:
            return self._unwritable(cannot_write(path, error), _salvaged(path))

    def _open_file(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            return _set_up(connection)
        except (sqlite3.Error, SetupError) as error:
            connection.close()
            if isinstance(error, NewerDatabaseError):
                return self._moved(path, "newer")
            if isinstance(error, ForeignDatabaseError):
                return self._moved(path, "foreign")
            if _code(error) in _BROKEN:
                return self._moved(path, "broken")
            if _code(error) in _UNWRITABLE:
                return self._unwritable(self._refusal(error), _salvaged(path))
            raise OutputError(
                f"The memory of the characters in {path} cannot be opened: {error}.",
                hint="close other programs that use it, or choose another folder for the state",
            ) from error

    def _replaced(self, why: str) -> sqlite3.Connection:
        path = self.path
        assert path is not None
        try:
            with held(path.with_name("memory.lock")):
                return self._moved(path, why)
        except OSError as error:
            return self._unwritable(cannot_write(path, error), _fresh())

    def _moved(self, path: Path, why: str) -> sqlite3.Connection:
        kept = _free_name(path, why)
        path.replace(kept)
        # Without its write-ahead log the file would lose what was written last.
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}-wal").replace(kept.with_name(f"{kept.name}-wal"))
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        reasons = {
            "broken": "is damaged",
            "newer": "was made by a newer version of this program",
            "foreign": "belongs to another program",
        }
        hints = {
            "broken": "restore a backup of it, or go on without",
            "newer": "update this program and give the file its name back",
            "foreign": "choose another folder for the state",
        }
        self._warn(
            SetupError(
                f"The memory of the characters, {path}, {reasons[why]}. It was kept as {kept.name}, and the characters"
                " begin without memories.",
                hint=hints[why],
                code=f"memory_{why}",
            )
        )
        return self._open_file(path)

    def _in_ram(self, error: sqlite3.Error) -> sqlite3.Connection:
        copy = _fresh()
        try:
            self._connection.backup(copy)
        except sqlite3.Error:  # not even readable any more
            copy.close()
            copy = _fresh()
        self._connection.close()
        return self._unwritable(self._refusal(error), copy)

    def _unwritable(self, refusal: OutputError, instead: sqlite3.Connection) -> sqlite3.Connection:
        self._on_disk = False
        hint = f"{refusal.hint}; until then what happens is forgotten when the program ends"
        self._warn(OutputError(refusal.message, hint=hint, code="memory_unwritable"))
        return instead

    def _refusal(self, error: sqlite3.Error | SetupError) -> OutputError:
        if _code(error) == sqlite3.SQLITE_FULL:
            hint = "free some space, or choose another disk"
            return OutputError(f"The disk is full: {self.path} cannot be written.", hint=hint)
        return OutputError(f"Cannot write {self.path}: {error}.", hint="choose a folder that you may write to")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    try:
        connection.execute(begin)
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _set_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    # A file may be damaged in ways that are no UTF-8 any more.
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    prepare(connection)
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        damaged = sqlite3.DatabaseError(verdict)
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    return connection


def _fresh() -> sqlite3.Connection:
    return _set_up(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))


def _salvaged(path: Path) -> sqlite3.Connection:
    """What a file in a read-only folder holds, in the computer's memory; nothing if that cannot be read."""
    memory = _fresh()
    # SQLite cannot open a file with a write-ahead log where it may not write.
    with suppress(OSError, sqlite3.Error, SetupError), tempfile.TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-wal"):
            if path.with_name(name).is_file():
                shutil.copyfile(path.with_name(name), Path(folder, name))
        copy = sqlite3.connect(Path(folder, path.name), isolation_level=None)
        try:
            _set_up(copy).backup(memory)
        finally:
            copy.close()
    return memory


def _free_name(path: Path, why: str) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.stem}.{why}-{number}{path.suffix}")).exists():
        number += 1
    return kept


def _code(error: BaseException) -> int:
    """The primary result code of SQLite; 0 if there is none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
