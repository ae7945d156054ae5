"""The wire below the application: uvicorn's two protocols, made safe against peers that do not write or do not read.

uvicorn leaves some things to a proxy, and there is none here: requests whose headers never end, peers that never read
(even closing a WebSocket would wait for them), text frames that are not UTF-8, and peers that are still sending what is
too big when they should read why it is refused.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

URGENT = "npc_runtime.urgent"
"""Key of an ASGI message that is written although the peer has not read what was written before."""
_QUIET = 0.2
"""Seconds without data after which a peer that sent too much has read why it is being closed."""


class _Loose(bytes):
    """Bytes that always decode; what is not UTF-8 is found by whoever reads the text."""

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)


def http_protocol(header_seconds: float, unread_seconds: float) -> type[H11Protocol]:
    """HTTP that closes connections of peers that stall.

    Args:
        header_seconds: How long the headers of a request may take.
        unread_seconds: How long an answer may stay unread.
    """

    class PatientProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
            super().connection_made(transport)
            self._headers = _Alarm(self.loop, header_seconds, self._lose_patience)
            self._reader = _Alarm(self.loop, unread_seconds, transport.abort)
            self._expect_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._headers.clear()
            self._reader.clear()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._expect_headers()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader.set()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._reader.clear()

        def _expect_headers(self) -> None:
            if self._between_requests():
                self._headers.set()
            else:
                self._headers.clear()

        def _between_requests(self) -> bool:
            cycle: Any = self.cycle
            upgraded = self.transport.get_protocol() is not self
            return not upgraded and (cycle is None or cycle.response_complete)

        def _lose_patience(self) -> None:
            if self._between_requests():
                self.transport.close()

    return PatientProtocol


def websocket_protocol(linger_seconds: float) -> type[WebSocketsSansIOProtocol]:
    """WebSockets that can be closed whether or not the peer reads.

    Args:
        linger_seconds: How long a peer may take to read the close frame.
    """

    class ResoluteProtocol(WebSocketsSansIOProtocol):
        def __init__(self, config: Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
            super().__init__(config, server_state, app_state, _loop)
            self._failed = False

        async def run_asgi(self) -> None:
            await super().run_asgi()
            self.loop.call_later(linger_seconds, self.transport.abort)

        async def send(self, message: Any) -> None:
            if message.get(URGENT):
                self.writable.set()
            await super().send(message)
            if self.initial_response is not None and self.close_sent:
                self.handshake_complete = True  # with a refusal: uvicorn would log that nobody answered

        def send_receive_event_to_app(self) -> None:
            self.frames = [_Loose(b"".join(self.frames))]
            super().send_receive_event_to_app()

        def data_received(self, data: bytes) -> None:
            if not self._failed:
                super().data_received(data)
            elif self.close_timer is not None:
                self._close_when_quiet()

        def handle_parser_exception(self) -> None:
            """Say why, then read on and forget, because closing with unread data would take the reason back."""
            self._failed = True
            if self.conn.close_sent is None:
                self.transport.abort()
                return
            sent = self.conn.close_sent
            self.queue.put_nowait({"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason})
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
            self._close_when_quiet()

        def _close_when_quiet(self) -> None:
            if self.close_timer is not None:
                self.close_timer.cancel()
            self.close_timer = self.loop.call_later(_QUIET, self.transport.close)

    return ResoluteProtocol


class _Alarm:
    """Calls a function once a time has passed, unless it is cleared before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, act: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._act = act
        self._timer: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Start to wait, unless it waits already."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._act)

    def clear(self) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
