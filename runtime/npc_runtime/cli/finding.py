"""Findings: what `doctor` says about one thing."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    state: Literal["ok", "note", "bad"]
    """`note`: something optional is missing; `bad`: `demo` would not work."""
    subject: str
    message: str
    fix: str = ""
