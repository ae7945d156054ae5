"""Time, as one thing that can be replaced: the runtime reads it here and nowhere else."""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of monotonic time."""

    def now(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...


class MonotonicClock:
    """The machine's own monotonic clock."""

    def now(self) -> float:
        """Seconds since an arbitrary start."""
        return time.perf_counter()
