"""`/v1/ws`: a connection over a WebSocket."""

from contextlib import suppress

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from npc_runtime import events
from npc_runtime.server.connection import Connection
from npc_runtime.server.hub import Hub
from npc_runtime.server.mailbox import Frame
from npc_runtime.server.wire import URGENT

_GONE = 1006
"""Close code of a connection that broke off; never sent."""
_REASON_BYTES = 123
"""What fits into a close frame (RFC 6455, 5.5)."""


class Sockets:
    """The endpoint for WebSockets."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def serve(self, socket: WebSocket) -> None:
        """One game, from the handshake to the close frame."""
        with self._hub.connect(sound="binary") as connection:
            await socket.accept()
            async with anyio.create_task_group() as tasks:
                written = anyio.Event()
                tasks.start_soon(_read, socket, connection)
                tasks.start_soon(_write, socket, connection, written)
                await connection.run()
                if connection.ending is not None and connection.ending.code != _GONE:
                    with anyio.move_on_after(self._hub.limits.close_seconds):
                        await written.wait()
                    await _close(socket, connection)
                tasks.cancel_scope.cancel()


async def _read(socket: WebSocket, connection: Connection) -> None:
    """Hand what arrives to the connection, until the game is gone."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            connection.end(_GONE, "the game is gone")
            return
        if message.get("text") is not None:
            await connection.receive_text(message["text"])
        else:
            await connection.receive_audio(message["bytes"])


async def _write(socket: WebSocket, connection: Connection, written: anyio.Event) -> None:
    """Send what the connection has, until there will be no more."""
    box = connection.outgoing
    seq = 0
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await box.wait(seq)
            waiting = box.since(seq)[:1]
            if not waiting:
                break
            seq = waiting[0].seq
            await _send(socket, waiting[0])
            box.forget(seq)
    written.set()


async def _send(socket: WebSocket, frame: Frame, *, urgent: bool = False) -> None:
    kind = "text" if isinstance(frame.data, str) else "bytes"
    await socket.send({"type": "websocket.send", kind: frame.data, URGENT: urgent})


async def _close(socket: WebSocket, connection: Connection) -> None:
    """The last message, if it has not been sent, and the close frame, whether or not the game reads."""
    assert connection.ending is not None
    with suppress(WebSocketDisconnect, RuntimeError), anyio.move_on_after(1):
        for frame in connection.outgoing.since(0)[-1:]:
            if isinstance(frame.event, events.Error):
                await _send(socket, frame, urgent=True)
        reason = connection.ending.reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        await socket.send({"type": "websocket.close", "code": connection.ending.code, "reason": reason, URGENT: True})
