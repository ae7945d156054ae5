"""A runtime that follows a script, behind the real server on a real port, in a thread of its own."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

from npc_runtime import events
from npc_runtime.errors import NpcError
from npc_runtime.events import Event
from npc_runtime.server import protocol
from npc_runtime.server.audio_files import AudioFiles
from npc_runtime.server.guard import gate
from npc_runtime.server.hub import Hub
from npc_runtime.server.limits import Limits
from npc_runtime.server.protocol import ClientMessage, Hello
from npc_runtime.server.run import Service, bind

_Message = TypeVar("_Message", bound=ClientMessage)
_CHARACTERS = (
    events.Character(id="tilda", name="Tilda Märsch", language="en"),
    events.Character(id="corwin", name="Corwin Vale", language="en"),
)
_CALM = events.Mood(label="neutral", strength="slightly", pad=(0.0, 0.0, 0.0))


def feeling(character: str, label: events.EmotionLabel, strength: events.Strength = "normal") -> Event:
    return events.Emotion(
        character=character,
        label=label,
        strength=strength,
        intensity=0.5,
        pad=(0.0, 0.0, 0.0),
        mood=_CALM,
        relation=events.Relation(),
    )


class Session:
    """One player: what they send is kept, and answered by the script."""

    def __init__(self, script: "Script", hello: Hello) -> None:
        self.hello = hello
        self.got: list[ClientMessage] = []
        self.turns = 0
        self.over = False
        self._script = script
        self._known: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._out, self._in = anyio.create_memory_object_stream[Event](1000)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.over = True
        self._out.close()
        self._in.close()

    async def handle(self, message: ClientMessage) -> None:
        self.got.append(message)
        if isinstance(message, protocol.Save):
            self._out.send_nowait(events.Saved(slot=message.slot))
        elif isinstance(message, protocol.ActionResult | protocol.ActionConfirm) and not self._script.understands:
            text = f"This version does not act on {message.type} yet."
            self._out.send_nowait(events.Error(code="not_available", message=text))
        elif isinstance(message, protocol.PlayerText):
            self.turn(message.to or "tilda", message.text, *self._script.replies.get(message.text, ()))
        elif isinstance(message, protocol.GameEvent):
            self.turn(message.to or "tilda", message.name, *self._script.replies.get(message.name, ()))

    async def audio(self, pcm: bytes) -> None:
        raise AssertionError("nobody has a microphone")

    @property
    async def events(self) -> AsyncIterator[Event]:
        async for event in self._in:
            yield event

    def turn(self, character: str, line: str, *what: Event | str) -> None:
        """Answer with words, actions and feelings; actions get the number of the turn and an id."""
        self.turns += 1
        turn, said, done = self.turns, 0, 0
        self._out.send_nowait(events.State(character=character, stage="thinking"))
        self._out.send_nowait(events.TurnBegin(turn=turn, character=character, reply_to=line))
        for one in what:
            if isinstance(one, str):
                self._out.send_nowait(events.Say(turn=turn, clause=said, text=one, start_ms=0.0))
                said += 1
            elif isinstance(one, events.Action):
                done += 1
                fields = {name: getattr(one, name) for name in ("name", "args", "target", "needs_confirm")}
                own = one.id or f"{turn}.{done}"
                self._out.send_nowait(events.Action(turn=turn, id=own, needs_result=True, **fields))
            else:
                self._out.send_nowait(one)
        self._out.send_nowait(events.TurnEnd(turn=turn, reason="done", text="", timings={"total_ms": 1.0}))
        self._out.send_nowait(events.State(character=character, stage="idle"))

    def all(self, kind: type[_Message]) -> list[_Message]:
        """What the game sent of one kind."""
        return [message for message in list(self.got) if isinstance(message, kind)]

    def scene(self) -> dict[str, Any]:
        """What the game has said is around."""
        known = dict(self._known)
        for message in list(self.got):
            if isinstance(message, protocol.SetScene):
                known = {}
            if isinstance(message, protocol.SetScene | protocol.UpdateScene):
                known |= {name: getattr(message, name) for name in message.model_fields_set - {"type"}}
        return known

    def forget(self) -> None:
        """Forget what was sent, all but the scene."""
        self._known = self.scene()
        self.got.clear()


class Script:
    """The runtime behind the server: `replies` says what is answered to a line or an event."""

    def __init__(self, folder: Path) -> None:
        self.replies: dict[str, Sequence[Event | str]] = {}
        self.sessions: list[Session] = []
        self.refuse: NpcError | None = None
        """Why nobody may join."""
        self.understands = True
        """Whether results of actions are understood."""
        self.token = ""
        self._folder = folder
        self._held = socket.socket()
        """Keeps the port for us while nobody listens there; whoever reuses addresses can listen beside it."""
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port: int = self._held.getsockname()[1]

    def close(self) -> None:
        """Give the port back."""
        self._held.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def characters(self) -> Sequence[events.Character]:
        return _CHARACTERS

    def open_session(self, hello: Hello) -> Session:
        if self.refuse is not None:
            raise self.refuse
        self.sessions.append(Session(self, hello))
        return self.sessions[-1]

    def traces(self) -> Sequence[Mapping[str, Any]]:
        return []

    def health(self, *, reset: bool = False) -> Mapping[str, Any]:
        return {}

    def of(self, player: str) -> Session:
        """The latest session of a player."""
        return next(session for session in reversed(self.sessions) if session.hello.player.id == player)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """The server; always on the same port."""
        hub = Hub(self, limits=Limits(close_seconds=0.2), files=AudioFiles(self._folder / "audio"))
        service = Service(hub, gate("127.0.0.1", token=self.token), bind("127.0.0.1", self.port))
        ready = threading.Event()
        with start_blocking_portal() as portal:
            done = portal.start_task_soon(service.run, lambda _: ready.set())
            try:
                assert ready.wait(10)
                yield self
            finally:
                portal.call(service.stop)
                done.result(10)


def act(name: str, *, asks: bool = False, id: str = "", **args: events.Scalar) -> events.Action:
    """An action; the session gives it its turn."""
    return events.Action(turn=0, id=id, name=name, args=args, target="Ann", needs_confirm=asks)
