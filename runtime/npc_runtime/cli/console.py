"""What commands print: text for people on stdout, progress and logs on stderr, JSON alone when it was asked for."""

import logging
import os
import sys
from pathlib import Path
from typing import NoReturn, TextIO

from npc_runtime.cli.tongue import shown
from npc_runtime.errors import ContentError, NpcError, Problem


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


def problem(found: Problem, label: str = "") -> str:
    """A mistake in a file as a line for the person: the place, which editors jump to, comes first.

    Args:
        found: The mistake.
        label: What kind of mistake it is.
    """
    message = f"{shown(label)}: {shown(found.message)}" if label else shown(found.message)
    return str(Problem(found.file, found.line, found.column, message, shown(found.hint)))


def trouble(kind: str, message: str, hint: str) -> None:
    """Say on stderr what is wrong, and what to do about it.

    Args:
        kind: `error` or `notice`.
        message: In the person's language.
        hint: In the person's language; empty for none.
    """
    log(f"{shown(kind)}: {message}")
    if hint:
        log(f"  {shown('fix')}: {hint}")


def fail(error: NpcError) -> NoReturn:
    """Say what is wrong and what to do about it, and end the command."""
    several = error.problems if isinstance(error, ContentError) else ()
    message = "\n".join(map(problem, several)) or shown(error.message)
    trouble("error", message, shown(error.hint))
    raise SystemExit(error.exit_code)
