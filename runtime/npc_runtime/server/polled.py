"""A connection over HTTP: it lives between requests, for as long as somebody makes them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from npc_runtime.server.connection import Connection
from npc_runtime.server.limits import Limits
from npc_runtime.server.refusals import limit


class Polled:
    """Runs a connection, and ends it when the game has stopped asking.

    Args:
        connection: What to run.
        limits: How long to wait for the game.
    """

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self.connection = connection
        self._seconds = limits.poll_seconds
        self._requests = 0
        self._patience = anyio.CancelScope(deadline=anyio.current_time() + limits.poll_seconds)
        self._drained = anyio.Event()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While a request of the game is being answered."""
        self._requests += 1
        self._patience.deadline = math.inf
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._patience.deadline = anyio.current_time() + self._seconds

    def end(self) -> None:
        """Leave the session; the game wants no more of its messages."""
        self.connection.end(1000, "ended by the game")
        self._drained.set()

    async def run(self) -> None:
        """The whole life of the connection, and then some time in which its last messages can be fetched."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            await self.connection.run()
            tasks.cancel_scope.cancel()
        with anyio.move_on_after(self._seconds):
            await self._drained.wait()

    async def _watch(self) -> None:
        with self._patience:
            await anyio.sleep_forever()
        message = f"Nobody has asked for the messages of this session for {self._seconds:g} s."
        self.connection.end(1008, error=limit("idle", message, "ask again as soon as you have an answer"))
