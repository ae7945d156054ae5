"""One game, whatever the transport: hello first, then messages in and numbered messages out, until one side ends it."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import anyio
import anyio.lowlevel

from npc_runtime import __version__, events
from npc_runtime.clock import Clock
from npc_runtime.errors import InputError, NpcError
from npc_runtime.server import protocol, reading
from npc_runtime.server.audio_files import AudioFiles
from npc_runtime.server.delivery import Delivery, Form, text_frame
from npc_runtime.server.limits import Limits, TokenBucket
from npc_runtime.server.live import LiveSession, Room
from npc_runtime.server.mailbox import Frame, Mailbox, Overflow
from npc_runtime.server.microphone import Microphone
from npc_runtime.server.protocol import Bye, Hello, ListenAudio
from npc_runtime.server.refusals import BugError, NoPlaceError, TooSlowError, as_event, bug, limit, order, too_big

_log = logging.getLogger(__name__)
_WAITING = 32
"""Messages from the game that may wait to be handled; then the transport stops reading."""
_KEYS_NOTED = 100
"""Unknown keys of one session that get a notice."""

_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection is over."""

    code: int
    """As WebSocket close codes: 1000 done, 1001 going away, 1008 a limit was passed, 1011 failed, 1013 try later."""
    reason: str


@dataclass(frozen=True, slots=True)
class Backstage:
    """What all connections of a server share."""

    room: Room
    limits: Limits
    clock: Clock
    files: AudioFiles
    admit: Callable[[], AbstractContextManager[None]]
    """Takes one of the places for sessions; raises NpcError when none is free."""


class Connection:
    """A game that is connected.

    Args:
        id: Names the session; hard to guess.
        backstage: What it shares with others.
        sound: How audio goes over this transport when the game asks for `binary`, or for nothing.
    """

    def __init__(self, id: str, backstage: Backstage, *, sound: Form) -> None:
        limits = backstage.limits
        self.id = id
        self.outgoing = Mailbox(limits.unsent_bytes)
        self.ending: Ending | None = None
        """Set as soon as the end is decided."""
        self.over = anyio.Event()
        """Set when the session has been left and nothing more will come."""
        self._back = backstage
        self._sound: Form = sound
        self._incoming, self._inbox = anyio.create_memory_object_stream[reading.Read | InputError | bytes](_WAITING)
        self._bucket = TokenBucket(limits.messages_per_second, limits.burst, backstage.clock)
        self._microphone = Microphone(limits.utterance_seconds)
        self._delivery: Delivery | None = None
        self._working: anyio.CancelScope | None = None
        self._patience = anyio.CancelScope()
        """Ends when the game has said nothing for too long."""
        self._seq = 0
        self._unknown: tuple[str, ...] = ()
        """Keys of the hello that are noted after the welcome."""
        self._noted: set[str] = set()
        self._throttled = False

    async def receive_text(self, text: str | bytes) -> None:
        """Take in a message; returns when there is room for the next."""
        if len(text) > self._back.limits.text_bytes:
            await self._put(too_big(len(text), self._back.limits.text_bytes, "The message"))
            return
        try:
            value = reading.parse(text)
        except InputError as error:
            await self.receive_nonsense(error)
        else:
            await self.receive_value(value)

    async def receive_nonsense(self, error: InputError) -> None:
        """Take in something that could not be parsed; the game is told what is wrong with it."""
        await self._put_counted(error)

    async def receive_value(self, value: object) -> None:
        """Take in a message that has been parsed from JSON."""
        try:
            read = reading.read(value)
        except InputError as error:
            await self._put_counted(error)
            return
        if isinstance(read.message, ListenAudio):
            await self._put(read)
        else:
            await self._put_counted(read)

    async def receive_audio(self, pcm: bytes) -> None:
        """Take in a piece of microphone audio; returns when there is room for the next."""
        if len(pcm) > self._back.limits.audio_frame_bytes:
            await self._put(too_big(len(pcm), self._back.limits.audio_frame_bytes, "The audio"))
        elif pcm:
            await self._put(pcm)

    def end(self, code: int = 1000, reason: str = "", *, error: NpcError | None = None) -> None:
        """Leave the session, and say why if it is not the game's wish; the first reason counts."""
        if self.ending is not None:
            return
        self.ending = Ending(code, reason or (error.message if error else ""))
        if error is not None:
            self._send(as_event(error, fatal=True))
        if self._working is not None:
            self._working.cancel()

    def release(self) -> None:
        """Take no more messages; for a connection that never ran, too."""
        self._incoming.close()
        self._inbox.close()

    async def run(self) -> None:
        """The whole life of the connection."""
        try:
            hello = await self._hello()
            while hello is not None and not await self._visit(hello):
                hello = await self._hello()
        finally:
            self.ending = self.ending or Ending(1001, "")
            self.release()
            self.outgoing.close()
            self.over.set()

    async def _hello(self) -> Hello | None:
        """Wait for a hello that fits; None when the connection ends before."""
        with anyio.move_on_after(self._back.limits.hello_seconds) as self._working:
            while self.ending is None:
                item = await self._inbox.receive()
                if isinstance(item, reading.Read) and isinstance(item.message, Hello):
                    self._unknown = item.unknown
                    return item.message
                self._refuse(item if isinstance(item, InputError) else order("The first message must be `hello`."))
        if self.ending is None:
            error = limit("idle", "The game did not say hello in time.", "send `hello` right after connecting")
            self.end(1008, error=error)
        return None

    async def _visit(self, hello: Hello) -> bool:
        """Open a session and stay in it until its end.

        Returns:
            False if there was none because of what the game asked for, and it may say hello again.
        """
        entered = False
        with anyio.CancelScope() as patience:
            self._working = patience
            try:
                with self._back.admit():
                    async with self._back.room.open_session(hello) as session:
                        entered = True
                        try:
                            await self._attend(session, hello)
                        finally:
                            patience.deadline = anyio.current_time() + self._back.limits.close_seconds
                            patience.shield = True
            except InputError as error:
                if not entered:
                    self._refuse(error)
                    return False
                self._broken("ending the session", error)
            except NpcError as error:
                self.end(1013 if isinstance(error, NoPlaceError) else 1011, error=error)
            except Exception as error:
                self._broken("ending the session" if entered else "opening the session", error)
        return True

    async def _attend(self, session: LiveSession, hello: Hello) -> None:
        form = self._sound if hello.audio.out == "binary" else hello.audio.out
        self._delivery = Delivery(form, hello.audio.rate, session=self.id, files=self._back.files)
        self._send(
            events.Welcome(
                protocol=protocol.VERSION,
                session=self.id,
                runtime={"version": __version__},
                characters=tuple(self._back.room.characters()),
            )
        )
        self._note(self._unknown)
        async with anyio.create_task_group() as tasks:
            self._working = tasks.cancel_scope
            if self.ending is not None:
                tasks.cancel_scope.cancel()
            tasks.start_soon(self._pump, session)
            tasks.start_soon(self._handle_all, session)
            tasks.start_soon(self._watch)

    async def _pump(self, session: LiveSession) -> None:
        """Carry the session's events to the game."""
        assert self._delivery is not None
        try:
            async for event in session.events:
                ready = await self._delivery.prepare(event)
                if ready is not None and self.ending is None:  # nothing comes after the last word
                    self._send(ready)
                await anyio.lowlevel.checkpoint()
        except NpcError as error:
            self.end(1011, error=error)
        except Exception as error:
            self._broken("talking to the game", error)
        else:
            self.end(1000, "the session is over")

    async def _handle_all(self, session: LiveSession) -> None:
        """Hand what the game says to the session, one thing after another."""
        async for item in self._inbox:
            try:
                if isinstance(item, InputError):
                    raise item
                if isinstance(item, bytes):
                    await self._hear(session, item)
                else:
                    await self._handle(session, item)
            except NpcError as error:
                self._refuse(error)
            except Exception as error:
                _log.error("unexpected failure in session %s", self.id, exc_info=error)
                self._refuse(bug("handling a message", error))

    async def _handle(self, session: LiveSession, read: reading.Read) -> None:
        self._note(read.unknown)
        message = read.message
        if isinstance(message, Hello):
            raise order("There has been a `hello` already.")
        if isinstance(message, Bye):
            self.end(1000, "bye")
        elif isinstance(message, ListenAudio):
            await self._hear(session, self._microphone.decode(message))
        else:
            await session.handle(message)
            self._microphone.follow(message)

    async def _hear(self, session: LiveSession, pcm: bytes) -> None:
        wanted = self._microphone.take(pcm)
        if wanted:
            await session.audio(wanted)

    async def _watch(self) -> None:
        """End a session whose game says nothing for very long."""
        idle = self._back.limits.idle_seconds
        with self._patience:
            self._patience.deadline = anyio.current_time() + idle
            await anyio.sleep_forever()
        self.end(1008, error=limit("idle", f"The game has said nothing for {idle:g} s.", "connect again"))

    async def _put_counted(self, item: reading.Read | InputError) -> None:
        """Take in a JSON message if the game is within its rate; say once per burst if not."""
        if self._bucket.take():
            self._throttled = False
            await self._put(item)
        elif not self._throttled:
            self._throttled = True
            rate = self._back.limits.messages_per_second
            message = f"More than {rate:g} messages per second: some were dropped."
            await self._put(limit("rate_limited", message, "send what changes, not every frame"))

    async def _put(self, item: reading.Read | InputError | bytes) -> None:
        if self.ending is not None:
            return
        self._patience.deadline = anyio.current_time() + self._back.limits.idle_seconds
        with anyio.move_on_after(self._back.limits.request_seconds) as patience, suppress(*_GONE):
            await self._incoming.send(item)
        if patience.cancelled_caught:
            error = BugError("The session takes no more messages.", hint="connect again, and report it please")
            self.end(1011, error=error)

    def _note(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            if key not in self._noted and len(self._noted) < _KEYS_NOTED:
                self._noted.add(key)
                hint = "`GET /v1/schema` describes every message"
                self._send(events.Notice(code="unknown_key", message=f"{key} is unknown and ignored.", hint=hint))

    def _refuse(self, error: NpcError) -> None:
        self._send(as_event(error))

    def _broken(self, doing: str, error: Exception) -> None:
        _log.error("unexpected failure in session %s", self.id, exc_info=error)
        self.end(1011, error=error if isinstance(error, NpcError) else bug(doing, error))

    def _send(self, event: events.Event) -> None:
        seq = self._seq + 1
        frame = Frame(seq, event, self._delivery.frame(event, seq) if self._delivery else text_frame(event, seq))
        try:
            self.outgoing.put(frame)
        except Overflow:
            if self.ending is None:
                size = self._back.limits.unsent_bytes
                message = f"The game does not read: {size} bytes wait for it."
                self.end(1008, error=TooSlowError(message, hint="read messages all the time, then connect again"))
                return
            self.outgoing.put_last(frame)  # why it ended is worth more than what nobody reads
        self._seq = seq
