"""What commands print: text for people on stdout, progress and logs on stderr, JSON alone when it was asked for."""

import logging
import os
import sys
from pathlib import Path
from typing import NoReturn, TextIO

from npc_runtime.errors import NpcError


def prepare() -> None:
    """Make the streams take any character: a Windows console in a legacy code page would raise on IPA.

    A stream that the person closed, or that a program without a console never had, swallows what is written to it.
    """
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # its warnings are for programmers
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def flush() -> None:
    """Let everything that was printed leave, while a failure can still be reported.

    Raises:
        OSError: It cannot; what is left is dropped, so that the interpreter does not stumble over it again.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # whoever read has seen enough
            raise


def interactive() -> bool:
    """Whether a person sits in front of a terminal and can be asked something."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def out(text: str = "") -> None:
    """A line for the person, on stdout."""
    sys.stdout.write(text + "\n")


def log(text: str) -> None:
    """A line about progress, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def fail(error: NpcError) -> NoReturn:
    """Say what is wrong and what to do about it, and end the command."""
    log(f"error: {error.message}")
    if error.hint:
        log(f"  fix: {error.hint}")
    raise SystemExit(error.exit_code)
