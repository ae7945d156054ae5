"""Bridge: a sound while the player waits for a late answer: only when it will be late, and never twice in a row."""

import anyio

from npc_runtime.character.barks import fillers
from npc_runtime.performance import Performance
from npc_runtime.turn import Turn

_LATE_MS = 1500.0
"""After the player's last sound: a pause this long makes people ask whether they were heard."""
_WEIGHT = 0.3
"""Of the latest turn in what is expected of the next."""


class Bridge:
    """Knows how long answers take, and fills the wait for late ones."""

    def __init__(self) -> None:
        self._expected: float | None = None
        """Milliseconds from the words to the first sound; None before the first answer."""
        self._filled = False
        self._count = 0

    async def cross(self, on: Performance, turn: Turn) -> None:
        """Fill the wait for a turn, whose words are known now, if it will be late.

        Cancelled when the turn has been made.
        """
        words_ms = on.trace.elapsed_ms
        try:
            await on.committed.wait()
            if self._expected is not None and words_ms + self._expected > _LATE_MS and not self._filled:
                self._filled = True
                self._count += 1
                lines = fillers(on.character)
                await turn.fill(lines[self._count % len(lines)])
            else:
                self._filled = False
            await anyio.sleep_forever()
        finally:
            marks = on.trace.marks
            first = marks.get("first_audio")
            if first is not None and not turn.failed and marks.get("game", first) >= first:  # games take their time
                took = first - words_ms
                self._expected = took if self._expected is None else self._expected + _WEIGHT * (took - self._expected)
