"""What commands print: text for people on stdout, progress and logs on stderr, JSON alone when it was asked for."""

import sys
from typing import NoReturn

from npc_runtime.errors import NpcError


def prepare() -> None:
    """Make the streams take any character: a Windows console in a legacy code page would raise on IPA."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


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
