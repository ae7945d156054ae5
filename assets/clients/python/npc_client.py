"""A game's side of the npc-runtime protocol in Python. Needs only `pip install websockets`.

Try it: start `npc-runtime serve`, then `python npc_client.py brynja "Can you mend my sword?"`.

There are two ways to use it. A script asks and reads: `async with NpcClient() as npc`, then `say` or `receive`. A game
says what it wants to know and what it can do, with `on`, `perform` and `permit`, and awaits `run`; see `example.py`.
"""

import asyncio
import inspect
import json
import struct
import sys
import wave
from collections.abc import AsyncIterator, Callable
from typing import Any

import websockets

Message = dict[str, Any]
LATER = object()
"""What an action returns that takes time; the game calls `result` when it is over."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_BROKEN = (ValueError, KeyError, TypeError, RecursionError, struct.error)
"""What reading a message raises that makes no sense."""


class Refused(Exception):
    """Raise this in an action to say that the game will not do it."""


class NpcClient:
    """One player. Use as `async with NpcClient() as npc`, or with `run`."""

    def __init__(self, url: str = "ws://127.0.0.1:8910/v1/ws", *, token: str = "", **hello: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._open: Callable[[], Any] = lambda: websockets.connect(url, additional_headers=headers, max_size=None)
        self._hello = {"client": {"name": "npc_client.py", "version": "1"}, **hello}
        self._handlers: dict[str, list[Callable[..., Any]]] = {}
        self._actions: dict[str, Callable[..., Any]] = {}
        self._permit: Callable[[Message], Any] = lambda action: False
        self._doing: set[asyncio.Task[None]] = set()
        self._socket: Any = None
        self._over = asyncio.Event()
        self.welcome: Message = {}

    # ---- to ask and read ----

    async def __aenter__(self) -> "NpcClient":
        self._socket = await self._open()
        await self.send("hello", protocol=1, **self._hello)
        self.welcome, _ = await self.receive()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._socket.close()

    async def receive(self) -> tuple[Message, bytes]:
        """The next message, and its audio (16-bit mono at `message["rate"]`) if it is `speech.audio`."""
        data = await self._socket.recv()
        if isinstance(data, str):
            return json.loads(data), b""
        (length,) = struct.unpack_from("<I", data)
        if length > len(data) - 4:
            raise ValueError("a binary message that is cut off")
        return json.loads(data[4 : 4 + length]), data[4 + length :]

    async def say(self, text: str, to: str) -> AsyncIterator[tuple[Message, bytes]]:
        """Say something, and get everything up to the end of the answer. Audio counts as played when it is here."""
        await self.tell(text, to)
        message: Message = {"type": ""}
        while message["type"] not in ("turn.end", "error"):
            message, pcm = await self.receive()
            yield message, pcm
            if message["type"] == "speech.audio":
                await self.played(message["turn"], message["start_ms"] + len(pcm) / 2 * 1000 / message["rate"])

    # ---- to play: what the game wants to know, and what it can do ----

    def on(self, type: str, handler: Callable[..., Any]) -> None:
        """Call a function, async or not, for every message of a type; `*` for all of them.

        Besides, there are `audio` (message, pcm), `problem` (text: something could not be understood) and `closed`
        (reason, whether it connects again). `welcome` comes after every connect: describe the scene there.
        """
        self._handlers.setdefault(type, []).append(handler)

    def perform(self, name: str, handler: Callable[..., Any]) -> None:
        """Say how an action is done: `handler(args, action)`, async or not; `*` for all that have no other handler.

        What it returns is the result, what it raises says why it failed.
        """
        self._actions[name] = handler

    def permit(self, handler: Callable[[Message], Any]) -> None:
        """Say whether an action that asks first may be done. Nothing may unless you say so."""
        self._permit = handler

    async def run(self, *, reconnect: bool = True) -> None:
        """Connect, and hand out everything that comes, until `close`; connect again when the runtime is gone.

        An older `run` says goodbye and ends, and nothing more of it is handed out.
        """
        leaving = self._over
        over = self._over = asyncio.Event()  # every run has its own: an older one must not be revived
        await self._leave(leaving)
        self.welcome = {}
        again, wait = True, _FIRST_WAIT
        while again:
            reason = await self._visit(over)
            if over is not self._over:
                return
            wait = _FIRST_WAIT if self.welcome else wait
            self.welcome = {}
            again = reconnect and not over.is_set()
            await self._emit("closed", reason, again)
            if again and await _set_within(wait, over):
                again = False
                if over is self._over:
                    await self._emit("closed", "closed", again)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def close(self) -> None:
        """Say goodbye; `run` ends, too."""
        await self._leave(self._over)

    # ---- what the game has to say (CONTRACT 4.1) ----

    async def send(self, type: str, **fields: Any) -> bool:
        """Tell the runtime something: `await npc.send("talk.start", character="brynja")`. False if nobody is there.

        Raises:
            TypeError, ValueError: JSON has no such value.
        """
        said = {"type": type, **{name: value for name, value in fields.items() if value is not None}}
        return await self._put(json.dumps(said, ensure_ascii=False, allow_nan=False))

    async def send_audio(self, pcm: bytes) -> bool:
        """Send microphone audio (16-bit mono) between `listen.start` and `listen.stop`. False if nobody is there."""
        return await self._put(pcm)

    async def scene(self, **scene: Any) -> bool:
        """Tell what is around the player: location, time, facts, entities (id, name, tags, distance), characters."""
        return await self.send("scene", **scene)

    async def update_scene(self, **changes: Any) -> bool:
        """Tell what has changed in the scene."""
        return await self.send("scene.update", **changes)

    async def talk(self, character: str) -> bool:
        """The player turns to somebody."""
        return await self.send("talk.start", character=character)

    async def leave(self, character: str) -> bool:
        """The player turns away."""
        return await self.send("talk.stop", character=character)

    async def tell(self, text: str, to: str | None = None) -> bool:
        """The player says something in writing."""
        return await self.send("player.text", text=text, to=to)

    async def listen(self, rate: int, mode: str = "push_to_talk") -> bool:
        """The player speaks: then `send_audio` again and again, and `listen_stop` if it was push to talk."""
        return await self.send("listen.start", rate=rate, mode=mode)

    async def listen_stop(self) -> bool:
        """The key is released."""
        return await self.send("listen.stop")

    async def event(self, name: str, to: str | None = None, **params: Any) -> bool:
        """Something happened in the game."""
        return await self.send("game.event", name=name, params=params, to=to)

    async def result(self, id: str, status: str, result: Any = None, message: str | None = None) -> bool:
        """How an action went, for those that return LATER: `done`, `failed` or `refused`."""
        return await self.send("action.result", id=id, status=status, result=result, message=message)

    async def played(self, turn: int, milliseconds: float, done: bool = False) -> bool:
        """How much of a turn the player has heard."""
        return await self.send("playback", turn=turn, played_ms=milliseconds, done=done)

    async def interrupt(self, turn: int | None = None) -> bool:
        """Stop talking now."""
        return await self.send("interrupt", turn=turn)

    async def save(self, slot: str) -> bool:
        """Keep what the characters remember with the game's own save; `saved` follows."""
        return await self.send("save", slot=slot)

    async def load(self, slot: str) -> bool:
        """Go back to what they remembered then; `loaded` follows."""
        return await self.send("load", slot=slot)

    # ---- inside ----

    async def _put(self, data: str | bytes) -> bool:
        if self._socket is None:
            return False
        try:
            await self._socket.send(data)
        except websockets.ConnectionClosed:
            return False
        return True

    async def _leave(self, over: asyncio.Event) -> None:
        over.set()
        await self.send("bye")
        if self._socket is not None:
            await self._socket.close()

    async def _visit(self, over: asyncio.Event) -> str:
        """One connection, and why it ended."""
        try:
            socket = await self._open()
            if over.is_set():
                await socket.close()
                return "closed"
            self._socket = socket
            await self.send("hello", protocol=1, **self._hello)
            while self._socket is socket and over is self._over:
                await self._receive_one()
        except (OSError, websockets.WebSocketException) as error:
            return str(error)
        return ""

    async def _receive_one(self) -> None:
        try:
            message, pcm = await self.receive()
            type = message["type"]
            if not isinstance(type, str):
                raise ValueError("a message without a type")
        except _BROKEN as error:
            await self._emit("problem", f"not understood: {error}")
            return
        if type == "welcome":
            self.welcome = message
        await self._emit("*", message)
        await self._emit(type, message)
        if pcm:
            await self._emit("audio", message, pcm)
        if type == "action":
            task = asyncio.create_task(self._act(message))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)

    async def _act(self, action: Message) -> None:
        session = self.welcome.get("session")
        if action["needs_confirm"]:
            # A question, not yet a deed: once it is allowed, the same action comes again without needs_confirm.
            try:
                allow = await _called(self._permit, action) is True
            except Exception as error:
                allow = False
                await self._emit("problem", f"the handler of permit failed: {error}")
            if session == self.welcome.get("session"):
                await self.send("action.confirm", id=action["id"], allow=allow)
            return
        handler = self._actions.get(action["name"]) or self._actions.get("*")
        result, message, status = None, None, "done"
        try:
            if handler is None:
                raise LookupError(f"This game cannot do {action['name']}.")
            result = await _called(handler, action["args"], action)
        except Exception as error:
            status, message = "refused" if isinstance(error, Refused) else "failed", str(error)
        if result is LATER or session != self.welcome.get("session"):
            return
        if action["needs_result"] or status != "done" or result is not None:
            try:
                await self.result(action["id"], status, result, message)
            except (TypeError, ValueError) as error:
                await self.result(action["id"], "failed", None, f"The result cannot be sent: {error}")

    async def _emit(self, type: str, *what: Any) -> None:
        for handler in self._handlers.get(type, ()):
            try:
                await _called(handler, *what)
            except Exception as error:
                if type == "problem":
                    raise
                await self._emit("problem", f"the handler of {type} failed: {error}")


async def _set_within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event; False if it does not come in time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _called(handler: Callable[..., Any], *what: Any) -> Any:
    """What a function returns, async or not."""
    value = handler(*what)
    return await value if inspect.isawaitable(value) else value


async def main(character: str, text: str) -> None:
    """Print what a character answers, and write its voice to reply.wav."""
    async with NpcClient(audio={"out": "binary", "rate": 22050}) as npc:
        with wave.open("reply.wav", "wb") as file:
            file.setparams((1, 2, 22050, 0, "NONE", ""))
            async for message, pcm in npc.say(text, to=character):
                print(json.dumps(message)[:120])  # noqa: T201
                file.writeframes(pcm)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
