"""House: what all live sessions share: time, ears for their microphones, and places for turns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.stt.listener import Detector


class House:
    """What live sessions have in common.

    Args:
        detector: Makes a voice detector for one microphone.
        clock: Time.
        places: Turns that may be made at the same time; whoever comes then is told that the character is busy.
    """

    def __init__(self, detector: Callable[[], Detector], *, clock: Clock | None = None, places: int = 4) -> None:
        self.detector = detector
        self.clock = clock or MonotonicClock()
        self._free = places

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Take one of the places for turns; says whether there was one."""
        taken = self._free > 0
        self._free -= taken
        try:
            yield taken
        finally:
            self._free += taken
