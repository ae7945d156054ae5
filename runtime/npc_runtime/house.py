"""House: what all live sessions share: time, ears for their microphones, and places for turns."""

import logging
from collections.abc import Awaitable, Callable

from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.speech import Samples
from npc_runtime.stt.listener import Detector

_log = logging.getLogger(__name__)


class House:
    """What live sessions have in common.

    Args:
        detector: Makes a voice detector for one microphone.
        clock: Time.
        goes_on: Tells by its sound whether an utterance will go on after a pause; optional.
        places: Turns that may be made at the same time; whoever comes then is told that the character is busy.
    """

    def __init__(
        self,
        detector: Callable[[], Detector],
        *,
        clock: Clock | None = None,
        goes_on: Callable[[Samples], Awaitable[bool]] | None = None,
        places: int = 4,
    ) -> None:
        self.detector = detector
        self._goes_on = goes_on
        self.clock = clock or MonotonicClock()
        self._free = places

    @property
    def doubts(self) -> bool:
        """Whether it can tell by its sound that an utterance goes on."""
        return self._goes_on is not None

    async def sounds_unfinished(self, samples: Samples) -> bool:
        """Whether an utterance will go on after a pause, by its sound; False where that cannot be told."""
        if self._goes_on is None:
            return False
        try:
            return await self._goes_on(samples)
        except Exception:
            _log.exception("Smart Turn failed")  # the words and the melody decide, as they do without it
            return False

    def take_place(self) -> Callable[[], None] | None:
        """Take one of the places for turns.

        Returns:
            What gives it back, to be called once; None if there is no place.
        """
        if not self._free:
            return None
        self._free -= 1
        return self._give_back

    def _give_back(self) -> None:
        self._free += 1
