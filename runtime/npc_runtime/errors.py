"""Failures, each with a message for the person who must act, a hint, and an exit code.

The whole tree::

    NpcError                      exit 1   anything we raise on purpose
    ├── InputError                exit 1   what the person gave is wrong; the message says where
    │   ├── ContentError          exit 1   an authored file: a list of `file:line:column` problems
    │   └── AudioError            exit 1   a sound file that cannot be used
    ├── UsageError                exit 2   the command line itself is wrong
    ├── SetupError                exit 3   something in the environment is missing
    │   ├── MissingPackageError   exit 3   a Python package or a native library
    │   ├── ModelError            exit 3   a model file that is missing, wrong or damaged
    │   └── OutputError           exit 3   a folder we cannot write to, a full disk
    └── EngineError               exit 3   an engine failed while working: the turn fails, the session goes on
        └── ServiceError          exit 3   a service, online or on this machine: another one may do it instead
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


class NpcError(Exception):
    """A failure that a person can read.

    Args:
        message: What happened and where, in one sentence.
        hint: What to do about it; empty if there is nothing to add.
    """

    exit_code: int = 1
    code: str = "error"
    """Stable name for machines, as in the protocol's `notice` and `error` messages."""

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(NpcError):
    """What the person gave is wrong."""

    code = "bad_input"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in an authored file."""

    file: str
    line: int
    """Counts from 1; 0 when the file as a whole is meant."""
    column: int
    """Counts from 1; 0 when the file as a whole is meant."""
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ContentError(InputError):
    """Authored files that do not fit the schema; `problems` has every mistake found, in file order."""

    code = "bad_content"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class AudioError(InputError):
    """A sound file that cannot be read or used."""

    code = "bad_audio"


class UsageError(NpcError):
    """The command line itself is wrong."""

    exit_code = 2
    code = "usage"


class SetupError(NpcError):
    """Something in the environment is missing."""

    exit_code = 3
    code = "setup"


class MissingPackageError(SetupError):
    """A Python package or a native library that is not there."""

    code = "missing_package"


class ModelError(SetupError):
    """A model file that is missing, wrong or damaged."""

    code = "model"


class OutputError(SetupError):
    """A place we cannot write to."""

    code = "output"


class EngineError(NpcError):
    """An engine failed while working."""

    exit_code = 3
    code = "engine"


Failing = Literal["key", "request", "prompt", "limit", "connect", "timeout", "server", "broken"]
"""How a service fails: `key` is refused; the `request` is (an unknown model, say), and will be again; the `prompt` is
(it is too long, or breaks a rule), while others may be answered; a rate `limit` is reached; it cannot be reached
(`connect`), is silent for too long (`timeout`), says that it has failed (`server`), or what it sends breaks off or
makes no sense (`broken`)."""


class ServiceError(EngineError):
    """A service failed.

    Args:
        message: What happened and where, in one sentence.
        hint: What to do about it.
        failing: How it fails.
        retry_after: Seconds after which it said that it may be asked again; None if it said nothing.
    """

    code = "service"

    def __init__(
        self, message: str, *, hint: str = "", failing: Failing = "server", retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.failing = failing
        self.retry_after = retry_after
