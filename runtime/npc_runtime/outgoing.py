"""Outgoing: what a live session says, on its way to the game."""

from collections.abc import AsyncIterator, Callable

import anyio

from npc_runtime import events
from npc_runtime.errors import EngineError

_WAITING = 4096
"""Events that may wait for the game: a minute of talk, with everything around it."""


class Outgoing:
    """A bounded queue of events that is filled without waiting."""

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[events.Event](_WAITING)
        self._watchers: list[Callable[[events.Event], None]] = []
        self._lost = False

    def watch(self, watcher: Callable[[events.Event], None]) -> None:
        """Let somebody know of every event as it leaves."""
        self._watchers.append(watcher)

    def put(self, event: events.Event) -> None:
        """Send an event on its way; once the queue was full, or is closed, nobody waits for it any more."""
        if self._lost:
            return
        try:
            self._send.send_nowait(event)
        except anyio.WouldBlock:
            self._lost = True
            self._send.close()
            return
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return
        for watcher in self._watchers:
            watcher(event)

    async def stream(self) -> AsyncIterator[events.Event]:
        """What was put in, in order; ends when it is closed.

        Raises:
            EngineError: The game does not take what it is sent.
        """
        with self._receive:
            async for event in self._receive:
                yield event
        if self._lost:
            raise EngineError("The game does not take what it is sent.", hint="read messages all the time")

    def close(self) -> None:
        """Nothing more will come."""
        self._send.close()
