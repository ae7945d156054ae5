"""The failures that only a server has, each with a stable code and words for whoever wrote the game's side."""

from npc_runtime import events
from npc_runtime.errors import InputError, NpcError


class NoPlaceError(NpcError):
    """As many games play as may."""

    code = "too_many_sessions"


class ClosingError(NpcError):
    """The server is shutting down."""

    code = "shutting_down"


class TooSlowError(NpcError):
    """The game does not read."""

    code = "slow_reader"


class BugError(NpcError):
    """Something went wrong that nobody thought of; the log has the traceback."""

    code = "internal"


def order(message: str, hint: str = "") -> InputError:
    """A message that comes at the wrong time."""
    return InputError(message, hint=hint, code="wrong_order")


def limit(code: str, message: str, hint: str) -> InputError:
    """A limit that the game has passed."""
    return InputError(message, hint=hint, code=code)


def too_big(size: int, most: int, what: str) -> InputError:
    """Something with more bytes than it may have."""
    hint = "send it in smaller pieces, or raise the limit in the settings of the server"
    return limit("message_too_big", f"{what} has {size} bytes; it may have {most}.", hint)


def bug(doing: str, error: BaseException) -> BugError:
    """An exception that nobody expected."""
    text = str(error).partition("\n")[0][:200]
    return BugError(
        f"Something went wrong inside the runtime while {doing}: {type(error).__name__}{': ' if text else ''}{text}",
        hint="the log of the runtime has the details; please report it",
    )


def as_event(error: NpcError, *, fatal: bool = False) -> events.Error:
    """The message that tells the game."""
    return events.Error(code=error.code, message=error.message, hint=error.hint, fatal=fatal)
