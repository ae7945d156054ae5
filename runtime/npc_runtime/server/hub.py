"""Every connection of one server: how many there may be, where they are found, and how they all end."""

import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.server.audio_files import AudioFiles
from npc_runtime.server.connection import Backstage, Connection
from npc_runtime.server.delivery import Form
from npc_runtime.server.limits import Limits
from npc_runtime.server.live import Room
from npc_runtime.server.polled import Polled
from npc_runtime.server.refusals import ClosingError, NoPlaceError

_GOING_AWAY = 1001
_TRY_LATER = 1013


class Hub:
    """The connections of one server. Entered while it runs.

    Args:
        room: The runtime behind the server.
        limits: What games may ask for.
        files: Where audio files go.
        clock: Time.
    """

    def __init__(
        self, room: Room, *, limits: Limits | None = None, files: AudioFiles | None = None, clock: Clock | None = None
    ) -> None:
        self.room = room
        self.limits = limits or Limits()
        self.polled: dict[str, Polled] = {}
        """Connections over HTTP by their id."""
        self._files = files or AudioFiles()
        self._back = Backstage(room, self.limits, clock or MonotonicClock(), self._files, self._place)
        self._connections: dict[Connection, anyio.Event] = {}
        """Each with an event for the moment when the game has been told all."""
        self._sessions = 0
        self._closing = False
        self._tasks: anyio.abc.TaskGroup | None = None
        self._transports: list[Callable[[Hub], Coroutine[Any, Any, None]]] = []
        self._exit = AsyncExitStack()

    def also(self, transport: Callable[["Hub"], Coroutine[Any, Any, None]]) -> None:
        """Run another transport as long as the hub is entered.

        Args:
            transport: Makes connections until it is cancelled.
        """
        self._transports.append(transport)

    async def __aenter__(self) -> Self:
        self._tasks = await self._exit.enter_async_context(anyio.create_task_group())
        for transport in self._transports:
            self._tasks.start_soon(transport, self)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.end_all()
        assert self._tasks is not None
        self._tasks.cancel_scope.cancel()
        await self._exit.__aexit__(exc_type, exc, tb)
        self._files.close()

    @property
    def sessions(self) -> int:
        """How many games play."""
        return self._sessions

    @contextmanager
    def connect(self, *, sound: Form, files: AudioFiles | None = None) -> Iterator[Connection]:
        """A new connection, which the caller runs.

        Args:
            sound: How audio goes over the transport unless the game asks for something else.
            files: Where its audio files go; to those of all others unless given.
        """
        back = replace(self._back, files=files) if files else self._back
        connection = Connection(secrets.token_urlsafe(16), back, sound=sound)
        if self._closing:
            connection.end(_GOING_AWAY, error=_closing())
        elif len(self._connections) >= self.limits.connections:
            connection.end(_TRY_LATER, error=NoPlaceError("Too many games are connected.", hint="try again later"))
        gone = self._connections[connection] = anyio.Event()
        try:
            yield connection
        finally:
            gone.set()
            del self._connections[connection]
            connection.release()

    async def start_polled(self) -> Polled:
        """A new connection that runs by itself between requests, until nobody asks for its messages any more."""
        assert self._tasks is not None, "the hub has not been entered"
        polled: Polled = await self._tasks.start(self._run_polled)
        return polled

    async def end_all(self) -> None:
        """End every connection, and wait a bounded time until they are over."""
        self._closing = True
        ending = dict(self._connections)
        for connection in ending:
            connection.end(_GOING_AWAY, error=_closing())
        with anyio.move_on_after(self.limits.close_seconds):
            for connection, gone in ending.items():
                await (connection.over if connection.id in self.polled else gone).wait()

    async def _run_polled(self, *, task_status: anyio.abc.TaskStatus[Polled]) -> None:
        with self.connect(sound="base64") as connection:
            polled = self.polled[connection.id] = Polled(connection, self.limits)
            try:
                task_status.started(polled)
                await polled.run()
            finally:
                del self.polled[connection.id]

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._sessions >= self.limits.sessions:
            raise NoPlaceError(
                f"{self._sessions} games play already, and no more may.",
                hint="end one of them, or raise the limit in the settings of the server",
            )
        self._sessions += 1
        try:
            yield
        finally:
            self._sessions -= 1


def _closing() -> ClosingError:
    return ClosingError("The runtime is shutting down.", hint="connect again when it runs again")
