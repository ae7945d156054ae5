"""A breaker: keeps a voice that fails from being asked again and again, and lets it try now and then."""

from npc_runtime.clock import Clock
from npc_runtime.errors import ModelError, NpcError, ServiceError, SetupError

REST_S = 30.0
"""How long a voice is not asked after it failed `TRIES` times in a row."""
TRIES = 2
LONGEST_S = 600.0
"""The longest rest: after a refused key, a wrong request, a missing package, and whatever a service asks for."""


class Breaker:
    """Of one voice.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def ready(self) -> bool:
        """Whether it may be asked."""
        return self._clock.now() >= self._until

    def worked(self) -> None:
        """It spoke."""
        self._failures = 0

    def failed(self, error: Exception) -> None:
        """It did not."""
        self._failures += 1
        rest = _rest(error, self._failures)
        if rest:
            self._until = self._clock.now() + min(rest, LONGEST_S)


def _rest(error: Exception, failures: int) -> float:
    if isinstance(error, ServiceError):
        if error.failing in ("key", "request"):
            return LONGEST_S
        if error.failing == "limit":
            return error.retry_after or REST_S
    elif isinstance(error, (ModelError, SetupError)):
        return LONGEST_S
    return REST_S if failures >= TRIES or not isinstance(error, NpcError) else 0.0
