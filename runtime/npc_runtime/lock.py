"""A lock between processes: only one of them does what two must not do at a time.

The operating system holds the lock and drops it when the process ends, however it ends, so that no lock is ever stale.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def held(path: Path, *, on_wait: Callable[[], None] | None = None, poll: float = 0.1) -> Iterator[None]:
    """Hold a lock for the length of the block, waiting for whoever holds it.

    The file stays behind, empty: removing it would let two processes lock two files of the same name.

    Args:
        path: The lock file, in a folder that exists.
        on_wait: Called once if someone else holds the lock.
        poll: Seconds between attempts.

    Raises:
        OSError: The file cannot be created.
    """
    with path.open("ab") as file:
        waited = False
        while not _try_lock(file):
            if not waited and on_wait:
                on_wait()
            waited = True
            time.sleep(poll)
        try:
            yield
        finally:
            _unlock(file)
