"""Inspection: what is wrong with a memory database, found out without changing or moving it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from npc_runtime.character.memory.schema import ForeignDatabaseError, NewerDatabaseError, version
from npc_runtime.errors import SetupError

_BUSY_SECONDS = 1.0


def inspect(path: Path) -> None:
    """Look whether a database can be used.

    Args:
        path: A file that exists; others may have it open.

    Raises:
        SetupError: It cannot; the message says why.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as found:
            version(found)
            verdict = found.execute("PRAGMA quick_check(1)").fetchone()[0]
    except NewerDatabaseError as error:
        raise SetupError(
            f"The memory of the characters, {path}, was made by a newer version of this program.",
            hint="update this program",
            code="memory_newer",
        ) from error
    except ForeignDatabaseError as error:
        raise SetupError(
            f"The memory of the characters, {path}, belongs to another program.",
            hint="choose another folder for the state",
            code="memory_foreign",
        ) from error
    except sqlite3.OperationalError as error:
        raise SetupError(
            f"The memory of the characters, {path}, cannot be read: {error}.",
            hint="close other programs that use it, and see who may read it",
            code="memory_unreadable",
        ) from error
    except sqlite3.Error as error:
        raise _broken(path) from error
    if verdict != "ok":
        raise _broken(path)


def _broken(path: Path) -> SetupError:
    return SetupError(
        f"The memory of the characters, {path}, is damaged.", hint="restore a backup of it", code="memory_broken"
    )
