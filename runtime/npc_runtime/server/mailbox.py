"""What waits for one game: numbered frames, bounded in bytes, kept until the game has them."""

from collections import deque
from dataclasses import dataclass
from itertools import takewhile

import anyio

from npc_runtime.events import Event


class Overflow(Exception):
    """More waits than the game may leave unread."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message, as it travels."""

    seq: int
    event: Event
    data: str | bytes
    """JSON text, or a binary frame."""


class Mailbox:
    """Frames in order of their numbers.

    Args:
        limit: Bytes that may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._changed = anyio.Event()
        self.closed = False
        """Whether nothing more will come."""

    def put(self, frame: Frame) -> None:
        """Add a frame; one alone may be larger than the limit.

        Raises:
            Overflow: Too much waits already; nothing was added.
        """
        if self._frames and self._bytes + len(frame.data) > self._limit:
            raise Overflow
        self._add(frame)

    def put_last(self, frame: Frame) -> None:
        """Add a frame in the place of everything that waits."""
        if self._frames:
            self.forget(self._frames[-1].seq)
        self._add(frame)

    def since(self, seq: int, *, most: int = 1 << 62) -> list[Frame]:
        """The frames after a number: at least one if there are any, and no more of them than fit into `most` bytes."""
        found: list[Frame] = []
        size = 0
        for frame in self._frames:
            if frame.seq > seq:
                size += len(frame.data)
                if found and size > most:
                    break
                found.append(frame)
        return found

    def forget(self, seq: int) -> None:
        """Keep only the frames after a number."""
        for frame in list(takewhile(lambda frame: frame.seq <= seq, self._frames)):
            self._frames.popleft()
            self._bytes -= len(frame.data)

    async def wait(self, seq: int) -> None:
        """Return as soon as there is a frame after a number, or nothing more will come."""
        while not self.closed and not (self._frames and self._frames[-1].seq > seq):
            await self._changed.wait()

    def close(self) -> None:
        """Nothing more will come; what waits can still be read."""
        self.closed = True
        self._wake()

    def _add(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.data)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
