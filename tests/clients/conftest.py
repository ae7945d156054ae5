"""A character who goes through everything that a client must cope with, behind the real server."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import anyio
import pytest

from npc_runtime import events
from npc_runtime.config import LimitSettings
from npc_runtime.events import Event, Scalar
from npc_runtime.server import file_mailbox
from npc_runtime.server.delivery import Delivery
from npc_runtime.server.file_mailbox import FileMailbox
from npc_runtime.server.guard import gate
from npc_runtime.server.hub import Hub
from npc_runtime.server.protocol import (
    ActionConfirm,
    ActionResult,
    ClientMessage,
    GameEvent,
    Hello,
    Interrupt,
    Load,
    PlayerText,
    Save,
)
from npc_runtime.server.refusals import NoPlaceError
from npc_runtime.server.run import Service, bind

CLIENTS = Path(__file__).parents[2] / "assets" / "clients"
PCM = b"\x01\x00\x02\x00" * 200
RATE = 8000
_RAW = "raw"
"""Code of a notice whose message is a frame as it is sent, whatever it says; its hint says whether it is binary."""
PATIENCE = 90.0
"""Seconds in which an example must be over, on a machine that is busy with other things, too."""


def raw(frame: str | bytes) -> Event:
    """Something that is sent as it is."""
    if isinstance(frame, str):
        return events.Notice(code=_RAW, message=frame, hint="text")
    return events.Notice(code=_RAW, message=frame.decode("latin-1"), hint="binary")


@dataclass
class Plot:
    """What goes otherwise than usual in one test."""

    sword: str = "iron_sword"
    """What the character gives."""
    before: Sequence[Event] = ()
    """Comes at the start of the first answer."""
    only: int = 1000
    """In how many sessions it comes."""
    full: int = 0
    """How often there is no place for a session at first."""
    lost: int = 0
    """In how many sessions the runtime is gone in the middle of the first answer."""
    heard: list[list[ClientMessage]] = field(default_factory=list)
    """What the game said in each session."""
    left: int = 0
    """How many sessions are over."""


class Session:
    """Plays its part; it ends turns only when the game has done its own."""

    def __init__(self, plot: Plot, hello: Hello) -> None:
        self.hello = hello
        self._plot = plot
        self._said: list[ClientMessage] = [hello]
        self._turns = 0
        self._due: set[str] = set()
        plot.heard.append(self._said)

    async def __aenter__(self) -> Self:
        self._out, self._in = anyio.create_memory_object_stream[Event | Exception](1000)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._out.close()
        self._in.close()
        self._plot.left += 1

    async def audio(self, pcm: bytes) -> None:
        raise AssertionError("no example speaks")

    @property
    async def events(self) -> AsyncIterator[Event]:
        async for item in self._in:
            if isinstance(item, Exception):
                raise item
            yield item

    async def handle(self, message: ClientMessage) -> None:
        self._said.append(message)
        match message:
            case PlayerText(text="Only talk." as text):
                self._begin(text)
                self._speak(0, 'Aye. "So" be it.')
                self._end("done")
            case PlayerText(text=text) if text.startswith("Can you mend"):
                self._mend(text)
            case PlayerText(text=text):
                self._begin(text)
                self._speak(0, "A long story.")
            case ActionConfirm(id="a2", allow=True):
                self._put(self._door(asks=False))
            case ActionResult(id="a1" | "a2" as which):
                self._due.discard(which)
                if not self._due:
                    self._end("done")
            case Interrupt():
                self._put(events.SpeechStop(turn=self._turns))
                self._end("interrupted")
            case GameEvent(name=name):
                self._put(events.GoalEvent(turn=self._turns, character="brynja", name=f"heard_of_{name}"))
            case Save(slot=slot):
                self._put(events.Saved(slot=slot))
            case Load(slot=slot):
                self._put(events.Loaded(slot=slot))
            case _:
                pass

    def _mend(self, text: str) -> None:
        self._begin(text)
        self._put(events.Error(code="not_available", message="Not yet."))
        if len(self._plot.heard) <= self._plot.only:
            self._put(*self._plot.before)
        if self._plot.lost >= len(self._plot.heard):
            self._speak(0, "Give me")
            self._put(ConnectionError("scripted"))
            return
        self._speak(0, "Aye. 剣 – für dich, Ærling 🗡.")
        self._due = {"a1", "a2"}
        args: dict[str, Scalar] = {"item": self._plot.sword, "gently": True, "times": 2, "weight": 1.5}
        self._put(
            events.Action(turn=self._turns, id="a1", name="give_item", args=args, target="player", needs_result=True),
            self._door(asks=True),
            events.Action(turn=self._turns, id="a3", name="fly", args={}, needs_confirm=True),
            events.Action(turn=self._turns, id="a4", name="dance", args={}),
        )

    def _door(self, *, asks: bool) -> Event:
        return events.Action(
            turn=self._turns, id="a2", name="open_door", args={}, needs_result=True, needs_confirm=asks
        )

    def _begin(self, text: str) -> None:
        self._turns += 1
        self._put(
            events.Heard(text=text, final=True, language="en", to="brynja"),
            events.TurnBegin(turn=self._turns, character="brynja", reply_to=text),
        )

    def _speak(self, clause: int, text: str) -> None:
        turn, ms = self._turns, len(PCM) / 2 / RATE * 1000
        frames = ((0.0, 20.0, "PP", 1.0), (20.0, ms, "sil", 1.0))
        self._put(
            events.Say(turn=turn, clause=clause, text=text, start_ms=0.0, end_ms=ms),
            events.Visemes(turn=turn, clause=clause, set="oculus", timing="exact", frames=frames),
            events.SpeechAudio(turn=turn, clause=clause, rate=RATE, start_ms=0.0, last=True, pcm=PCM),
        )

    def _end(self, reason: Any) -> None:
        self._put(events.TurnEnd(turn=self._turns, reason=reason, text="", timings={"total_ms": 1.0}))

    def _put(self, *items: Event | Exception) -> None:
        for item in items:
            self._out.send_nowait(item)


@dataclass
class Room:
    """The runtime behind the server."""

    plot: Plot

    def characters(self) -> Sequence[events.Character]:
        return [events.Character(id="brynja", name="Brynja Ironhand", language="en")]

    def open_session(self, hello: Hello) -> Session:
        if self.plot.full:
            self.plot.full -= 1
            raise NoPlaceError("There is no place.")
        return Session(self.plot, hello)

    def traces(self) -> Sequence[Mapping[str, Any]]:
        return ()

    def health(self, *, reset: bool = False) -> Mapping[str, Any]:
        return {}


@dataclass
class Stage:
    """Where an example can connect to."""

    url: str
    """Over HTTP."""
    folder: Path
    """The mailbox."""
    broken: bool = False
    """Whether the network in between has broken."""

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1) + "/v1/ws"


Play = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Runs the server with a plot: `async with play(plot) as stage`."""
    whole = Delivery.frame

    def frame(self: Delivery, event: Event, seq: int) -> str | bytes:
        if not isinstance(event, events.Notice) or event.code != _RAW:
            return whole(self, event, seq)
        return event.message if event.hint == "text" else event.message.encode("latin-1")

    monkeypatch.setattr(Delivery, "frame", frame)
    monkeypatch.setattr(file_mailbox, "_IDLE_SECONDS", 0.02)
    monkeypatch.setattr(file_mailbox, "_BUSY_SECONDS", 0.02)

    @asynccontextmanager
    async def run(plot: Plot, **limits: Any) -> AsyncIterator[Stage]:
        hub = Hub(Room(plot), limits=LimitSettings(**{"close_seconds": 0.3, **limits}))
        page = int(held.getsockname()[1])
        monkeypatch.setenv("NPC_TEST_PAGE", str(page))
        rule = gate("127.0.0.1", origins=[f"http://127.0.0.1:{page}"])
        service = Service(hub, rule, bind("127.0.0.1", 0))
        started = anyio.Event()
        with FileMailbox(tmp_path / "mailbox") as mailbox:
            hub.also(mailbox.run)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(service.run, lambda _: started.set())
                await started.wait()
                try:
                    yield Stage(service.url, tmp_path / "mailbox")
                finally:
                    service.stop()

    # Nobody else gets this port, but a page that reuses addresses can be served beside it.
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield run


@asynccontextmanager
async def cutting(stage: Stage, *, before: bytes) -> AsyncIterator[Stage]:
    """A network in front of the runtime that breaks once, when the game has something certain to say."""
    host, port = urlsplit(stage.url).hostname, urlsplit(stage.url).port

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool) -> None:
        said = b""
        while data := await reader.read(65536):
            if watched and not front.broken:
                said += data
                if before in unmasked(said):
                    front.broken = True
                    raise ConnectionAbortedError
            writer.write(data)
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        jobs = [
            asyncio.create_task(carry(reader, back, watched=True)),
            asyncio.create_task(carry(there, writer, watched=False)),
        ]
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        aborted = any(job.done() and not job.cancelled() and job.exception() for job in jobs)
        for job in jobs:
            job.cancel()
        for each in (writer, back):
            if aborted:
                each.transport.abort()
            else:
                each.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        front = Stage(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", stage.folder)
        yield front


def unmasked(data: bytes) -> bytes:
    """What a client has said in one connection so far, and after a WebSocket's request its frames without their masks.

    See RFC 6455, 5.2 and 5.3.
    """
    found, at = data, data.find(b"\r\n\r\n") + 4
    while len(data) - at > 6 and data[at] & 0x70 == 0 and data[at + 1] & 0x80:
        length = data[at + 1] & 0x7F
        start = at + {126: 4, 127: 10}.get(length, 2)
        length = length if length < 126 else int.from_bytes(data[at + 2 : start], "big")
        mask = data[start : start + 4]
        body = data[start + 4 : start + 4 + length]
        found += bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
        at = start + 4 + length
    return found


@dataclass(frozen=True)
class Program:
    """One of the examples, ready to run."""

    command: tuple[str, ...]
    transport: str
    """websocket, http or files."""

    async def run(self, stage: Stage, cwd: Path, *more: str) -> list[str]:
        """What it prints."""
        where = {"websocket": stage.ws, "http": stage.url, "files": str(stage.folder / "game")}[self.transport]
        process = await asyncio.create_subprocess_exec(
            *self.command,
            where,
            *more,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "NODE_NO_WARNINGS": "1"},
        )
        try:
            with anyio.fail_after(PATIENCE):
                out, err = await process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                if os.name == "posix":  # with what it has started
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            raise
        assert process.returncode == 0, err.decode()
        assert err == b"", err.decode()
        return out.decode("utf-8").splitlines()


def program(name: str) -> str:
    """An interpreter or compiler; the test is skipped where it is missing."""
    beside = Path(sys.executable).with_name(name)  # what comes with a Python package
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None and not os.environ.get("NPC_TEST_ALL"):
        pytest.skip(f"{name} is not installed")
    assert found is not None, f"{name} is not installed"
    return found
