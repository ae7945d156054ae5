"""What the server needs from the runtime behind it: characters, and one live session per game that says hello."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from npc_runtime import events
from npc_runtime.server.protocol import ClientMessage, Hello


class LiveSession(Protocol):
    """One player, live. Entered when the game has said hello; left, within a few seconds, when the game is gone."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None: ...

    async def handle(self, message: ClientMessage) -> None:
        """Take in what the game says, and return without waiting for what follows from it.

        Called for one message after another, for everything but `hello`, `listen.audio` and `bye`.

        Raises:
            InputError: The message makes no sense now: wrong order, an unknown character. The session goes on.
        """
        ...

    async def audio(self, pcm: bytes) -> None:
        """Take in microphone audio: s16le mono at the rate of `listen.start`, in pieces of any length, odd ones too.

        Raises:
            InputError: The session is not listening. The session goes on.
        """
        ...

    @property
    def events(self) -> AsyncIterator[events.Event]:
        """Everything for the game, in order, bounded by the session; ends when the session does."""
        ...


class Room(Protocol):
    """The runtime as the server sees it."""

    def characters(self) -> Sequence[events.Character]:
        """Who can be talked to now."""
        ...

    def open_session(self, hello: Hello) -> LiveSession:
        """A session for the game that said hello.

        Raises:
            InputError: The game asks for what cannot be; it may say hello again.
            NpcError: There can be no session now.
        """
        ...

    def traces(self) -> Sequence[Mapping[str, Any]]:
        """The latest turns with the marks of their stages, as JSON objects, oldest first."""
        ...

    def health(self, *, reset: bool = False) -> Mapping[str, Any]:
        """What is worth knowing about the engines, as a JSON object; `reset`: begin to measure anew."""
        ...
