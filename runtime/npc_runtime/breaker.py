"""A circuit breaker: what has failed is left alone for a while, and for longer each time that it fails again."""

import math
from typing import Literal

from npc_runtime.clock import Clock
from npc_runtime.errors import Failing, ServiceError, SetupError

FAILURES = 2
"""Failures in a row after which something is left alone."""
FIRST_REST_S = 5.0
LONGEST_REST_S = 300.0
LONGEST_WAIT_S = 3600.0
"""The most that a service is obeyed which says how long to wait."""

_HOPELESS: frozenset[Failing] = frozenset({"key", "request", "limit"})
"""Failing like this, the very next attempt would fail, too."""

State = Literal["closed", "open", "half-open"]
"""In use; left alone; to be tried by one, whose success closes it."""


class Breaker:
    """One for each thing that may fail.

    Args:
        clock: Time.
        failures: In a row, after which it opens.
        first_rest: Seconds that it stays open for the first time.
        longest_rest: Bound of that time, which doubles whenever a trial fails.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        failures: int = FAILURES,
        first_rest: float = FIRST_REST_S,
        longest_rest: float = LONGEST_REST_S,
    ) -> None:
        self._clock = clock
        self._most = failures
        self._first_rest = first_rest
        self._longest_rest = longest_rest
        self._failed = 0
        self._rest = first_rest
        self._until: float | None = None
        """Clock time until which it is open; None while closed."""
        self._trial = False
        """Whether somebody tries now."""

    @property
    def state(self) -> State:
        """How it stands now."""
        if self._until is None:
            return "closed"
        return "open" if self._clock.now() < self._until else "half-open"

    @property
    def wait(self) -> float:
        """Seconds until the next attempt is allowed; 0 if one is now."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock.now())

    def allows(self) -> bool:
        """Whether somebody may try now."""
        state = self.state
        return state == "closed" or (state == "half-open" and not self._trial)

    def enter(self) -> None:
        """Somebody tries, which `allows` has said they may; ends with `succeeded`, `failed` or `left`."""
        self._trial = self._trial or self.state == "half-open"

    def succeeded(self) -> None:
        """It works."""
        self._failed, self._rest, self._until, self._trial = 0, self._first_rest, None, False

    def left(self) -> None:
        """The attempt was given up before anybody could tell."""
        self._trial = False

    def failed(self, error: Exception) -> None:
        """It does not work.

        Args:
            error: How; a `ServiceError` may say that it is hopeless for now, or for how long. What a person has to do
                something about, a `SetupError` or a key that is refused, makes it rest for as long as it may.
        """
        failing = error.failing if isinstance(error, ServiceError) else None
        asked = _seconds(error.retry_after) if isinstance(error, ServiceError) else 0.0
        trial, self._trial = self._trial, False
        self._failed += 1
        if self._until is not None and not trial:  # begun before it opened: that is known already
            self._until = max(self._until, self._clock.now() + asked)
            return
        waits_for_a_person = failing == "key" or isinstance(error, SetupError)
        if not (trial or asked or failing in _HOPELESS or waits_for_a_person or self._failed >= self._most):
            return
        if trial:
            self._rest = min(self._rest * 2, self._longest_rest)
        elif waits_for_a_person:
            self._rest = self._longest_rest
        self._until = self._clock.now() + max(self._rest, asked)


def _seconds(said: float | None) -> float:
    """A wait that makes sense; 0 if none was asked for."""
    return min(max(said, 0.0), LONGEST_WAIT_S) if said is not None and math.isfinite(said) else 0.0
