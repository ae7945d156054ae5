"""A real server on a real port, in front of sessions that follow a script."""

import http.client
import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import websockets

from npc_runtime import events
from npc_runtime.errors import InputError
from npc_runtime.events import Event
from npc_runtime.server.audio_files import AudioFiles
from npc_runtime.server.file_mailbox import FileMailbox
from npc_runtime.server.guard import gate
from npc_runtime.server.hub import Hub
from npc_runtime.server.limits import Limits
from npc_runtime.server.protocol import ClientMessage, Hello, ListenStop, PlayerText
from npc_runtime.server.run import Service, bind

CHARACTERS = (events.Character(id="brynja", name="Brynja Ironhand", language="en"),)
PCM = b"\x01\x00\x02\x00" * 200
RATE = 8000


class Session:
    """Answers what the player says with one turn; some words make it misbehave."""

    def __init__(self, room: "Room", hello: Hello) -> None:
        self.room = room
        self.hello = hello
        self.handled: list[ClientMessage] = []
        self.heard = bytearray()
        self.turns = 0
        self.entered = False
        self.left = anyio.Event()
        self._flooding = False

    async def __aenter__(self) -> Self:
        await self.room.opening()
        self._out, self._in = anyio.create_memory_object_stream[Event | Exception](1000)
        self.entered = True
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._out.close()
        self._in.close()
        try:
            await self.room.closing()
        finally:
            self.left.set()

    async def handle(self, message: ClientMessage) -> None:
        self.handled.append(message)
        if isinstance(message, PlayerText):
            if message.to not in (None, "brynja"):
                raise InputError(f"There is no character {message.to!r}.", hint="there is brynja", code="no_character")
            await self._answer(message.text)
        elif isinstance(message, ListenStop):
            await self._answer(f"{len(self.heard)} bytes" if self.heard else "")

    async def audio(self, pcm: bytes) -> None:
        self.heard += pcm

    @property
    async def events(self) -> AsyncIterator[Event]:
        async for item in self._in:
            if isinstance(item, Exception):
                raise item
            yield item
            while self._flooding:
                yield events.SpeechAudio(turn=1, clause=0, rate=RATE, start_ms=0.0, last=False, pcm=bytes(65536))

    def put(self, *items: Event | Exception) -> None:
        for item in items:
            self._out.send_nowait(item)

    async def _answer(self, text: str) -> None:
        match text:
            case "raise":
                raise ValueError("scripted")
            case "hang":
                await anyio.sleep_forever()
            case "break":
                self.put(ValueError("scripted"))
            case "finish":
                self._out.close()
            case "flood":
                self._flooding = True
                self.put(events.State(character="brynja", stage="speaking"))
            case "":
                self.put(events.Heard(text="", final=True, language="en", reason="silence"))
            case "long":
                self.put(*self._turn(text, pieces=50))
            case "fail":
                self.put(*self._turn(text, reason="failed"))
            case _:
                self.put(*self._turn(text))

    def _turn(self, text: str, *, pieces: int = 2, reason: Any = "done") -> list[Event]:
        self.turns += 1
        turn = self.turns
        ms = len(PCM) / 2 / RATE * 1000
        said: list[Event] = [
            events.Heard(text=text, final=True, language="en", to="brynja"),
            events.TurnBegin(turn=turn, character="brynja", reply_to=text),
            events.Say(turn=turn, clause=0, text=f"You said {text}.", start_ms=0.0),
        ]
        if reason == "failed":
            said.append(events.Error(code="engine", message="Lost it.", turn=turn))
        said += [
            events.SpeechAudio(turn=turn, clause=0, rate=RATE, start_ms=ms * number, last=number == pieces - 1, pcm=PCM)
            for number in range(pieces)
        ]
        return [*said, events.TurnEnd(turn=turn, reason=reason, text=f"You said {text}.", timings={"total_ms": 1.0})]


@dataclass
class Room:
    """The runtime behind the server, as the tests want it."""

    sessions: list[Session] = field(default_factory=list)
    refuse: list[Exception] = field(default_factory=list)
    """Raised, one after another, instead of opening a session."""
    opening: Callable[[], Any] = anyio.lowlevel.checkpoint
    closing: Callable[[], Any] = anyio.lowlevel.checkpoint

    def characters(self) -> Sequence[events.Character]:
        return CHARACTERS

    def open_session(self, hello: Hello) -> Session:
        if self.refuse:
            raise self.refuse.pop(0)
        self.sessions.append(Session(self, hello))
        return self.sessions[-1]

    def traces(self) -> Sequence[Mapping[str, Any]]:
        return [{"turn": 1, "timings": {"stt_ms": 1.0}}]

    def health(self, *, reset: bool = False) -> Mapping[str, Any]:
        return {"engines": "scripted"}


class Game:
    """A game on a WebSocket that can say anything."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.seqs: list[int] = []

    async def send(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def hello(self, **fields: Any) -> dict[str, Any]:
        await self.send("hello", protocol=1, **fields)
        return await self.until("welcome")

    async def receive(self) -> dict[str, Any]:
        with anyio.fail_after(10):
            data = await self.socket.recv()
        if isinstance(data, bytes):
            length = int.from_bytes(data[:4], "little")
            message: dict[str, Any] = {**json.loads(data[4 : 4 + length]), "pcm": data[4 + length :]}
        else:
            message = json.loads(data)
        self.seqs.append(message["seq"])
        return message

    async def until(self, type: str) -> dict[str, Any]:
        while (message := await self.receive())["type"] != type:
            pass
        return message

    async def say(self, text: str, **fields: Any) -> list[dict[str, Any]]:
        await self.send("player.text", text=text, **fields)
        said = [await self.receive()]
        while said[-1]["type"] not in ("turn.end", "error"):
            said.append(await self.receive())
        return said

    async def closed(self) -> tuple[int, str]:
        """Read on until the server closes, and return its close code and reason."""
        with anyio.fail_after(10):
            try:
                while True:
                    await self.socket.recv()
            except websockets.ConnectionClosed as end:
                return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")


@dataclass
class Server:
    """A server that runs."""

    room: Room
    hub: Hub
    service: Service

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.service.url.removeprefix("http://").partition(":")
        return host, int(port)

    @property
    def ws(self) -> str:
        return self.service.url.replace("http", "ws", 1) + "/v1/ws"

    @staticmethod
    async def until(true: Callable[[], object]) -> None:
        """Wait until something is true that nobody announces."""
        with anyio.fail_after(5):
            while not true():  # noqa: ASYNC110
                await anyio.sleep(0.01)

    @asynccontextmanager
    async def game(self, **options: Any) -> AsyncIterator[Game]:
        async with websockets.connect(self.ws, max_size=None, close_timeout=1, **options) as socket:
            yield Game(socket)

    async def http(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """A request; the body is sent as JSON unless it is bytes. Answers the status and the parsed body."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()

        def request() -> tuple[int, Any]:
            connection = http.client.HTTPConnection(*self.address, timeout=10)
            try:
                connection.request(method, path, data, dict(headers or {}))
                response = connection.getresponse()
                text = response.read()
                return response.status, json.loads(text) if text else None
            finally:
                connection.close()

        return await anyio.to_thread.run_sync(request)


Serve = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Runs a server: `async with serve(limits…) as server`."""

    @asynccontextmanager
    async def run(
        *,
        token: str = "",
        origins: Sequence[str] = (),
        room: Room | None = None,
        mailbox: FileMailbox | None = None,
        **limits: Any,
    ) -> AsyncIterator[Server]:
        room = room or Room()
        hub = Hub(room, limits=Limits(**{"close_seconds": 0.3, **limits}), files=AudioFiles(tmp_path / "audio"))
        if mailbox is not None:
            hub.also(mailbox.run)
        rule = gate("127.0.0.1", token=token, origins=origins)
        service = Service(hub, rule, bind("127.0.0.1", 0))
        started = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.run, lambda _: started.set())
            await started.wait()
            try:
                yield Server(room, hub, service)
            finally:
                service.stop()
        assert hub.sessions == 0
        assert not hub.polled
        assert all(session.left.is_set() for session in room.sessions if session.entered)

    yield run
    assert not list(tmp_path.glob("audio/*"))


@pytest.fixture
def new_room() -> type[Room]:
    return Room


@pytest.fixture(scope="session")
def npc_client() -> ModuleType:
    """The reference client."""
    path = Path(__file__).parents[2] / "assets" / "clients" / "python" / "npc_client.py"
    spec = importlib.util.spec_from_file_location("npc_client", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
