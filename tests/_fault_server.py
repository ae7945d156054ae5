"""A scriptable OpenAI-compatible server over loopback: answers well, or badly in any way that a test asks for.

It is a bare socket server in a thread, so that it can also do what no proper server library would: cut a response off,
send half a line, or answer with something that is not HTTP. Each request takes the next `Answer` of the script; the
last one stays.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

SSE = "text/event-stream"


@dataclass(frozen=True)
class Pause:
    """Nothing for some seconds, or until the client is gone."""

    seconds: float


@dataclass(frozen=True)
class Drop:
    """The connection is cut here, in the middle of the response."""


Step = str | bytes | Pause | Drop


@dataclass(frozen=True)
class Answer:
    """What one request gets."""

    steps: Sequence[Step] | Callable[[], Iterator[Step]] = ()
    """Pieces of the body, sent one by one."""
    status: int = 200
    content_type: str = SSE
    headers: Mapping[str, str] = field(default_factory=dict)
    before: float = 0.0
    """Seconds before the response begins."""
    raw: bool = False
    """Whether the steps are all that is sent, without status and headers."""


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


def chunk(
    text: str | None = None,
    *,
    finish: str | None = None,
    calls: Sequence[Mapping[str, Any]] = (),
    usage: Mapping[str, Any] | None = None,
    delta: Mapping[str, Any] | None = None,
) -> str:
    """One event of a chat completion."""
    made: dict[str, Any] = dict(delta or {})
    if text is not None:
        made["content"] = text
    if calls:
        made["tool_calls"] = list(calls)
    data: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    if usage is None:
        data["choices"] = [{"index": 0, "delta": made, "finish_reason": finish}]
    else:
        data["usage"] = dict(usage)
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


DONE = "data: [DONE]\n\n"


def reply(*pieces: str, finish: str = "stop", usage: Mapping[str, Any] | None = None) -> list[Step]:
    """A whole chat completion."""
    steps: list[Step] = [chunk(piece) for piece in pieces]
    steps.append(chunk(finish=finish))
    if usage is not None:
        steps.append(chunk(usage=usage))
    return [*steps, DONE]


def call(index: int, name: str = "", arguments: str = "") -> dict[str, Any]:
    """A piece of a function call."""
    return {"index": index, "id": f"call_{index}", "function": {"name": name, "arguments": arguments}}


def event(kind: str, **fields: Any) -> str:
    """One event of the Responses API."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def error(status: int, message: str, *, code: str | None = None, **headers: str) -> Answer:
    """A refusal in the form of the API; `retry_after="2"` becomes the header `Retry-After`."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code, "param": None}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer([body], status=status, content_type="application/json", headers=named)


def page(status: int = 200, title: str = "Welcome") -> Answer:
    """A web page."""
    return Answer([f"<!doctype html><title>{title}</title><h1>{title}</h1>"], status=status, content_type="text/html")


def models(*names: str) -> Answer:
    """The list of models."""
    body = {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
    return Answer([json.dumps(body)], content_type="application/json")


class FaultServer:
    """The server.

    Args:
        answers: What the requests to `/v1/chat/completions` and `/v1/responses` get, one after the other.
        names: The models that `/v1/models` lists; None: it has no such list.
    """

    def __init__(self, *answers: Answer, names: Sequence[str] | None = ("test-model",)) -> None:
        self.asked: list[Asked] = []
        """The requests so far, those for lists of models among them."""
        self.came = threading.Semaphore(0)
        """Released each time a request came."""
        self.left = threading.Semaphore(0)
        """Released each time a client went away before the end of its answer."""
        self._answers = list(answers) or [Answer(reply("Hello."))]
        self._names = models(*names) if names is not None else error(404, "no such path")
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._socket.settimeout(0.1)
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """Its address, up to `/v1`."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests for replies."""
        return [asked.body for asked in self.asked if asked.method == "POST"]

    def script(self, *answers: Answer) -> None:
        """What the next requests get."""
        self._answers = list(answers)

    def __enter__(self) -> "FaultServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (asked := _read(reader)) is not None:
                self.asked.append(asked)
                self.came.release()
                answer = self._names if asked.path.endswith("/models") else self._next()
                try:
                    if not self._send(connection, answer):
                        return
                except OSError:
                    self.left.release()
                    return
        self._open.discard(connection)

    def _next(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _send(self, connection: socket.socket, answer: Answer) -> bool:
        """Send an answer; whether the connection stays open."""
        self._wait(connection, answer.before)
        if not answer.raw:
            lines = [f"HTTP/1.1 {answer.status} X", f"Content-Type: {answer.content_type}"]
            lines += [f"{name}: {value}" for name, value in answer.headers.items()]
            connection.sendall("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode())
        steps = answer.steps() if callable(answer.steps) else answer.steps
        for step in steps:
            if isinstance(step, Pause):
                self._wait(connection, step.seconds)
            elif isinstance(step, Drop):
                return False
            else:
                data = step.encode() if isinstance(step, str) else step
                connection.sendall(data if answer.raw else b"%x\r\n%s\r\n" % (len(data), data))
        if answer.raw:
            return False
        connection.sendall(b"0\r\n\r\n")
        return True

    def _wait(self, connection: socket.socket, seconds: float) -> None:
        """Wait, but no longer than the client does.

        Raises:
            OSError: The client is gone, or the server closes.
        """
        end = time.monotonic() + seconds
        connection.settimeout(0.02)
        try:
            while (left := end - time.monotonic()) > 0:
                try:
                    if not connection.recv(1, socket.MSG_PEEK):
                        raise ConnectionAbortedError
                    time.sleep(min(left, 0.02))
                except TimeoutError:
                    pass
                if self._closing.is_set():
                    raise ConnectionAbortedError
        finally:
            connection.settimeout(None)


def _read(reader: Any) -> Asked | None:
    try:
        first = reader.readline().decode("latin-1").split()
        if len(first) != 3:
            return None
        headers: dict[str, str] = {}
        while line := reader.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
    except OSError:
        return None
    return Asked(first[0], first[1], headers, json.loads(body) if body else None)


@contextmanager
def unused_port() -> Iterator[int]:
    """A port of this machine at which nobody listens, as long as the context lasts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def slowly(answer: Answer, *, before: float) -> Answer:
    """The same answer after some seconds."""
    return replace(answer, before=before)
