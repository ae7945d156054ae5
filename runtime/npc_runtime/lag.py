"""Lag: how late the event loop is, because something that should have waited elsewhere ran on it."""

from collections import deque
from collections.abc import Mapping

import anyio
import numpy as np

from npc_runtime.clock import Clock

_EVERY = 0.2
"""Seconds between two looks."""
_KEPT = 1500
"""Looks that are kept: five minutes."""


class LagMeter:
    """Measures the lag of the event loop that it runs on.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lags: deque[float] = deque(maxlen=_KEPT)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = self._clock.now() + _EVERY
            await anyio.sleep(_EVERY)
            self._lags.append(max(0.0, self._clock.now() - due) * 1000)

    def reset(self) -> None:
        """Forget what was measured."""
        self._lags.clear()

    def summary(self) -> Mapping[str, float]:
        """Milliseconds: `p50`, `p99`, `max`; empty before the first look."""
        if not self._lags:
            return {}
        lags = np.array(self._lags)
        return {
            "p50": round(float(np.percentile(lags, 50)), 2),
            "p99": round(float(np.percentile(lags, 99)), 2),
            "max": round(float(lags.max()), 2),
        }
