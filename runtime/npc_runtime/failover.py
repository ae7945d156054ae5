"""Failover: of several that can do the same, the first that works does it, and a person is told when that changes."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from npc_runtime.breaker import Breaker
from npc_runtime.errors import EngineError, InputError, NpcError
from npc_runtime.events import Notice

T = TypeVar("T")
R = TypeVar("R")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Switch:
    """Another one does it from now on."""

    from_name: str
    to_name: str
    reason: str
    """In a sentence."""
    hint: str = ""
    """What to do about it; may be empty."""

    def notice(self, turn: int | None = None) -> Notice:
        """What the game is told."""
        message = f"{self.to_name} takes over from {self.from_name}: {self.reason}"
        return Notice(code="switched", message=message, hint=self.hint, turn=turn)


@dataclass(frozen=True, slots=True)
class Standby(Generic[T]):
    """One of those who can do it."""

    name: str
    engine: T
    breaker: Breaker


def readable(error: Exception) -> NpcError:
    """Any failure of an engine in words for a person; what is no failure of ours goes to the log in full."""
    if isinstance(error, NpcError):
        return error
    _log.error("An engine failed in a way that nobody expected.", exc_info=error)
    return EngineError(f"It failed in an unexpected way ({type(error).__name__}).")


def nobody(what: str, failures: Sequence[tuple[str, NpcError]]) -> EngineError:
    """The failure of all of them.

    Args:
        what: They should have done, as in "answer".
        failures: Who failed, and how; empty if none was tried.
    """
    if not failures:
        hint = "npc-runtime doctor shows what is wrong with each"
        return EngineError(f"Nobody is left who could {what}: all have failed lately.", hint=hint)
    told = " ".join(f"{name}: {error.message}" for name, error in failures)
    hint = next((error.hint for _, error in failures if error.hint), "")
    return EngineError(f"Nobody is left who could {what}. {told}", hint=hint)


async def first_that_works(
    standbys: Sequence[Standby[T]],
    attempt: Callable[[T], Awaitable[R]],
    *,
    what: str,
    switched: Callable[[Switch], None] = lambda _: None,
) -> R:
    """Have something done that is done as a whole or not at all.

    Args:
        standbys: Who can do it, the preferred one first.
        attempt: Has one of them do it; keeps its own time limits.
        what: They should do, as in "recognise speech".
        switched: Told when another one than the first tried one has done it.

    Raises:
        EngineError: Nobody could; the message has the reason of each that was tried.
        InputError: What they were given is wrong, whoever gets it.
    """
    failures: list[tuple[str, NpcError]] = []
    for standby in standbys:
        if not standby.breaker.allows():
            continue
        standby.breaker.enter()
        try:
            result = await attempt(standby.engine)
        except InputError:  # no other one could make anything of it
            standby.breaker.left()
            raise
        except Exception as error:
            standby.breaker.failed(error)
            failures.append((standby.name, readable(error)))
            continue
        except BaseException:
            standby.breaker.left()
            raise
        standby.breaker.succeeded()
        if failures:
            name, failure = failures[0]
            switched(Switch(name, standby.name, failure.message, failure.hint))
        return result
    raise nobody(what, failures)
