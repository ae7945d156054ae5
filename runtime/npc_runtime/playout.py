"""Playout: how far the player has heard a turn, by what the game reports or else by the clock."""

from collections import deque

import anyio
import numpy as np

from npc_runtime import events
from npc_runtime.clock import Clock
from npc_runtime.speech import Samples
from npc_runtime.stt.bargein import level_db

_PATIENCE = 2.0
"""Seconds after the end of the audio in which a game that reports playback may still report that it is done."""
_BETWEEN = 0.5
"""Seconds that audio counts as played on since the last report: games report now and then, not all the time."""
_ROUNDING_MS = 1.0
"""Games count in samples of their own rate."""
_WINDOW = 0.064
"""Seconds around the moment whose level counts as played."""


class Playout:
    """The audio of one turn at the player's ears.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self.sounding = False
        """Whether any audio has left."""
        self.total_ms = 0.0
        """How much audio has left."""
        self._clock = clock
        self._ends = 0.0
        """When all that has left is played, if the game plays at once and without stopping."""
        self._reported: float | None = None
        self._reported_at = 0.0
        self._changed = anyio.Event()
        self._pieces: deque[tuple[float, int, bytes]] = deque()

    def sent(self, piece: events.SpeechAudio) -> None:
        """Audio leaves for the game."""
        now = self._clock.now()
        self._ends = max(now, self._ends) if self.sounding else now
        self.sounding = True
        length = len(piece.pcm) / 2 / piece.rate
        self._ends += length
        self.total_ms = max(self.total_ms, piece.start_ms + length * 1000)
        self._pieces.append((piece.start_ms, piece.rate, piece.pcm))
        self._wake()

    def report(self, played_ms: float, *, done: bool) -> None:
        """The game says how much it has played; `done`: all that it was sent."""
        self._reported = self.total_ms if done else min(played_ms, self.total_ms)
        self._reported_at = self._clock.now()
        self._wake()

    @property
    def played_ms(self) -> float:
        """How much the player has heard."""
        now = self._clock.now()
        if self._reported is None:
            return self.total_ms - max(0.0, self._ends - now) * 1000 if self.sounding else 0.0
        return min(self.total_ms, self._reported + min(_BETWEEN, now - self._reported_at) * 1000)

    @property
    def level_db(self) -> float | None:
        """How loud what is played now is, see `level_db`; None when nothing is played."""
        at = self.played_ms
        while self._pieces and _end(*self._pieces[0]) < at - _WINDOW * 1000:
            self._pieces.popleft()
        near: list[Samples] = []
        for start, rate, pcm in self._pieces:
            low, high = (round((at - start) / 1000 * rate + sign * _WINDOW / 2 * rate) for sign in (-1, 1))
            if high > 0 and low < len(pcm) // 2:
                near.append(np.frombuffer(pcm, "<i2")[max(0, low) : high].astype(np.float32) / np.float32(32768))
        return level_db(np.concatenate(near)) if near else None

    async def over(self) -> None:
        """Wait until the player has heard all that has left, as far as that can be known."""
        while (left := self._left()) > 0:
            changed = self._changed
            with anyio.move_on_after(left):
                await changed.wait()

    async def reach(self, played_ms: float) -> None:
        """Wait until the player has heard so much, or the game has stopped saying how much it was."""
        while (left := played_ms - self.played_ms) > 0:
            if self._reported is not None and self._clock.now() - self._reported_at > _PATIENCE + left / 1000:
                return
            changed = self._changed
            with anyio.move_on_after(left / 1000):
                await changed.wait()

    def _left(self) -> float:
        now = self._clock.now()
        if self._reported is None:
            return self._ends - now if self.sounding else 0.0
        if self._reported > self.total_ms - _ROUNDING_MS:
            return 0.0
        return self._reported_at + (self.total_ms - self._reported) / 1000 + _PATIENCE - now

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _end(start_ms: float, rate: int, pcm: bytes) -> float:
    return start_ms + len(pcm) / 2 * 1000 / rate
