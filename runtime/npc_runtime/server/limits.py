"""How much one game may say: a bucket of tokens that fills at a steady rate."""

from npc_runtime.clock import Clock
from npc_runtime.config import LimitSettings as Limits

__all__ = ["Limits", "TokenBucket"]


class TokenBucket:
    """Allows a steady rate and a burst above it.

    Args:
        rate: Tokens per second that come in.
        burst: Tokens there are at first and at most.
        clock: Time.
    """

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock.now()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = self._clock.now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
