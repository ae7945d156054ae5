"""Busy cores: processes that do nothing but use one core each, as a game does."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SPIN = "while True: pass"


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep cores busy.

    Args:
        cores: How many.
    """
    spinning: list[subprocess.Popen[bytes]] = []
    try:
        command = [sys.executable, "-I", "-S", "-c", _SPIN]
        spinning += [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(cores)]
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()
