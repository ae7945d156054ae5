"""Running the server: the port, readiness, signals, and an end that takes at most a few seconds."""

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from npc_runtime.errors import InputError, SetupError
from npc_runtime.server.app import create_app
from npc_runtime.server.guard import Gate
from npc_runtime.server.hub import Hub
from npc_runtime.server.wire import http_protocol, websocket_protocol

_BACKLOG = 128


def bind(host: str, port: int) -> socket.socket:
    """Take a port, before anything that takes long: games that connect early wait in its queue.

    Args:
        host: Address or name of this machine.
        port: 0 for any free one.

    Raises:
        SetupError: The port is in use, or may not be used.
        InputError: There is no such address on this machine.
    """
    if not 0 <= port <= 65535:
        raise InputError(f"There is no port {port}.", hint="ports go from 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise InputError(f"There is no address {host!r}.", hint="listen at 127.0.0.1") from error
    # asyncio sends small messages at once only on sockets that name their protocol.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "nt":
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", 0), 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise _cannot_bind(host, port, error) from error
    return sock


def url_of(sock: socket.socket) -> str:
    """Where a program on this machine reaches a listening socket."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Service:
    """A server on a socket.

    Args:
        hub: The connections it serves.
        gate: Who may connect.
        sock: Where it listens; closed at the end.
    """

    def __init__(self, hub: Hub, gate: Gate, sock: socket.socket) -> None:
        self.url = url_of(sock)
        self._sock = sock
        self._server = _Server(hub, gate)

    async def run(self, ready: Callable[[str], None] = lambda url: None) -> None:
        """Serve until `stop`.

        Args:
            ready: Called with the address as soon as requests are answered.
        """
        self._server.ready = lambda: ready(self.url)
        try:
            await self._server.serve(sockets=[self._sock])
        finally:
            self._sock.close()

    def stop(self) -> None:
        """End orderly: sessions are told and left, then `run` returns. For signals and other threads, too."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    def __init__(self, hub: Hub, gate: Gate) -> None:
        limits = hub.limits
        super().__init__(
            uvicorn.Config(
                create_app(hub, gate),
                http=http_protocol(limits.hello_seconds, limits.request_seconds),
                ws=websocket_protocol(limits.close_seconds),
                ws_max_size=limits.websocket_bytes,
                ws_per_message_deflate=False,
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=limits.connections,
                timeout_graceful_shutdown=1,
            )
        )
        self._hub = hub
        self.ready: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the games before their connections are cut."""
        await self._hub.end_all()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `on_signals`' concern: uvicorn would raise them once more after the end."""
        yield


@contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Call a function when the user or the system wants the program to end.

    Args:
        act: Called from the signal handler. At the second signal the program ends at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ["SIGINT", "SIGTERM", "SIGBREAK"]
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    seen = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            raise KeyboardInterrupt
        act()

    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cannot_bind(host: str, port: int, error: OSError) -> SetupError | InputError:
    if error.errno == errno.EADDRNOTAVAIL:
        return InputError(f"{host} is not an address of this machine.", hint="listen at 127.0.0.1")
    if error.errno == errno.EADDRINUSE:
        who = _user_of(port)
        used = f"Port {port} is in use{' by ' + who if who else ''}."
        return SetupError(used, hint=f"end that program, or choose another port: --port {_next(port)}")
    if error.errno == errno.EACCES:
        return SetupError(f"Port {port} may not be used.", hint=f"choose another: --port {max(_next(port), 8910)}")
    return SetupError(f"Cannot listen at {host}, port {port}: {error.strerror}.", hint="choose another with --port")


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 8911


def _user_of(port: int) -> str:
    """The program that listens at a port, as far as the system tells."""
    import psutil

    try:
        for connection in psutil.net_connections(kind="tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
                mine = " (this program)" if connection.pid == os.getpid() else ""
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}{mine}"
    except (psutil.Error, OSError):
        return ""
    return ""
