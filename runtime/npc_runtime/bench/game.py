"""The game at the other end of the WebSocket: receives, notes when, and plays sound in real time as a game would."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from npc_runtime import __version__
from npc_runtime.bench.reply import Reply
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.errors import EngineError, SetupError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_REPORT_SECONDS = 0.1
"""Between two reports of playback."""
_HELLO_SECONDS = 10.0
_ERRORS = 20
"""Messages of the server about failures that are kept."""


class Game:
    """One player's game. Use `playing`.

    Args:
        socket: The open WebSocket.
        clock: Time.
    """

    def __init__(self, socket: "ClientConnection", clock: Clock) -> None:
        self.clock = clock
        self.welcome: Mapping[str, Any] = {}
        self.replies: dict[int, Reply] = {}
        """By turn."""
        self.errors: list[str] = []
        """What the server said went wrong."""
        self.stalled = 0.0
        """The longest time, in seconds, that this process stood still; whoever measures sets it to zero before."""
        self._socket = socket
        self._changed = anyio.Event()
        self._done: dict[int, int] = {}
        """By turn, how many pieces there were when playback was last reported as done."""

    async def send(self, type: str, **fields: Any) -> None:
        """Say something to the server."""
        await self._socket.send(json.dumps({"type": type, **fields}))

    async def send_audio(self, pcm: bytes) -> None:
        """Send microphone audio."""
        await self._socket.send(pcm)

    def forget(self) -> None:
        """Drop the replies that are over: a long run must not keep all their sound."""
        over = [
            turn
            for turn, reply in self.replies.items()
            if reply.ended is not None and self._done.get(turn) == len(reply.pieces)
        ]
        for turn in over:
            del self.replies[turn], self._done[turn]

    async def until(self, true: Callable[[], object], deadline: float) -> bool:
        """Wait for something that a message makes true.

        Args:
            true: Looked at after every message.
            deadline: Clock seconds at which to give up.

        Returns:
            Whether it came true.
        """
        while not true():
            left = deadline - self.clock.now()
            if left <= 0:
                return False
            changed = self._changed
            with anyio.move_on_after(left):
                await changed.wait()
        return True

    async def greet(self) -> None:
        """Say hello, and wait for the welcome.

        Raises:
            SetupError: It does not come.
        """
        await self.send(
            "hello",
            protocol=1,
            client={"name": "npc-runtime bench", "version": __version__},
            player={"id": "bench", "name": "Traveller"},
            audio={"out": "binary"},
            answers=False,
        )
        with anyio.move_on_after(_HELLO_SECONDS):
            self.welcome = json.loads(await self._socket.recv())
        if self.welcome.get("type") != "welcome":
            why = self.welcome.get("message", "no answer")
            raise SetupError(f"The server does not welcome the game: {why}")

    async def receive(self) -> None:
        """Take in messages until cancelled.

        Raises:
            EngineError: The server closed the connection.
        """
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                data = await self._socket.recv()
            except ConnectionClosed as end:
                reason = end.rcvd.reason if end.rcvd else ""
                why = self.errors[-1] if self.errors else reason or "it did not say why."
                raise EngineError(f"The server closed the connection in the middle of the run: {why}") from end
            await self._take(data, self.clock.now())
            self._changed.set()
            self._changed = anyio.Event()

    async def report(self) -> None:
        """Say how far each reply has been played, ten times a second, until cancelled."""
        due = self.clock.now()
        while True:
            due += _REPORT_SECONDS
            await anyio.sleep(max(0.0, due - self.clock.now()))
            late = self.clock.now() - due
            self.stalled = max(self.stalled, late)
            if late > _REPORT_SECONDS:
                due += late
            for reply in list(self.replies.values()):
                if reply.pieces and self._done.get(reply.turn) != len(reply.pieces):
                    await self._tell(reply)

    async def _take(self, data: str | bytes, at: float) -> None:
        message, pcm = _read(data)
        if message["type"] == "turn.begin":
            turn = message["turn"]
            self.replies[turn] = Reply(turn, message["character"], message["reply_to"], at)
        elif message["type"] == "error":
            self.errors = [*self.errors, f"{message['code']}: {message['message']}"][-_ERRORS:]
        elif (reply := self.replies.get(message.get("turn", 0))) is not None:
            await self._follow(reply, message, pcm, at)

    async def _follow(self, reply: Reply, message: Mapping[str, Any], pcm: bytes, at: float) -> None:
        """Take in what belongs to a turn."""
        match message["type"]:
            case "say" if message.get("filler"):
                reply.fillers.add(message["clause"])
            case "speech.audio":
                reply.add(message["clause"], message["rate"], pcm, last=message["last"], at=at)
            case "speech.stop":
                reply.stopped, reply.heard_ms = at, message.get("heard_ms")
                await self._tell(reply)
            case "turn.end":
                reply.ended, reply.reason, reply.timings = at, message["reason"], message["timings"]

    async def _tell(self, reply: Reply) -> None:
        now = self.clock.now()
        done = reply.played_out(now)
        if done:
            self._done[reply.turn] = len(reply.pieces)
        await self.send("playback", turn=reply.turn, played_ms=round(reply.played_ms(now), 1), done=done)


def _read(data: str | bytes) -> tuple[dict[str, Any], bytes]:
    """A message, and its sound if it is a binary frame: length of the header, header, PCM."""
    if isinstance(data, str):
        return json.loads(data), b""
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length]), data[4 + length :]


@asynccontextmanager
async def playing(url: str, *, token: str = "", clock: Clock | None = None) -> AsyncIterator[Game]:
    """A game that has said hello and plays.

    Args:
        url: Where the server is, `http://…`.
        token: What the server asks for, if it does.
        clock: Time.

    Raises:
        SetupError: The server cannot be reached, or does not want us.
        EngineError: The server went away meanwhile.
    """
    import websockets

    address = url.replace("http", "ws", 1) + "/v1/ws"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        socket = await websockets.connect(
            address, additional_headers=headers, max_size=None, compression=None, proxy=None, close_timeout=2
        )
    except (OSError, websockets.WebSocketException) as error:
        raise SetupError(f"The server at {url} cannot be reached: {error}.") from error
    async with socket:
        game = Game(socket, clock or MonotonicClock())
        await game.greet()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(game.receive)
            tasks.start_soon(game.report)
            yield game
            tasks.cancel_scope.cancel()
