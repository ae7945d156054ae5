"""The OpenAI-compatible completions endpoint of engines that have no server of their own."""

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol


class Engine(Protocol):
    """What such an engine can do; called from one thread for each request."""

    def tokens(self, body: dict[str, Any]) -> list[int]:
        """The tokens of the texts in `content`, as the server of llama.cpp gives them: what is no text stands as is."""
        ...

    def complete(self, body: dict[str, Any], gone: Callable[[], bool]) -> Generator[dict[str, Any], None, None]:
        """The chunks of a completion, as the OpenAI API words them; see `chunk`.

        Args:
            body: The request.
            gone: Whether the client has left.
        """
        ...


def serve(engine: Engine, api_key: str) -> str:
    """Start serving in a thread.

    Returns:
        The server's address.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(engine, api_key))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def chunk(text: str, finish: str | None, usage: dict[str, int] | None = None) -> dict[str, Any]:
    """One piece of a completion; with `usage`, its end."""
    piece: dict[str, Any] = {"id": "cmpl", "object": "text_completion", "created": int(time.time()), "model": "local"}
    piece["choices"] = [] if usage else [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]
    if usage:
        piece["usage"] = usage | {"total_tokens": sum(usage.values())}
    return piece


def _handler(engine: Engine, api_key: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._allowed():
                self._send(200, {"status": "ok"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self._allowed():
                return
            if self.path == "/tokenize":
                self._send(200, {"tokens": engine.tokens(json.loads(body))})
                return
            if self.path != "/v1/completions":
                self._send(404, {"error": {"message": "no such endpoint"}})
                return
            chunks = engine.complete(json.loads(body), self._gone)
            try:
                first = next(chunks)
            except StopIteration:
                self.close_connection = True
                return
            except Exception as error:
                self._send(400, {"error": {"message": str(error)}})
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                self._event(json.dumps(first))
                for piece in chunks:
                    self._event(json.dumps(piece))
                self._event("[DONE]")
            except OSError:
                chunks.close()  # the client is gone: a generator frees the engine at once

        def _gone(self) -> bool:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

        def _allowed(self) -> bool:
            if self.headers.get("Authorization") == f"Bearer {api_key}":
                return True
            self._send(401, {"error": {"message": "wrong key"}})
            return False

        def _event(self, data: str) -> None:
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: prompts are private."""

    return Handler
