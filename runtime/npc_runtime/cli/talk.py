"""`talk`: a conversation in the terminal, by voice where there is a microphone, else in writing."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Literal

import anyio

from npc_runtime import __version__, events
from npc_runtime.audio.device import own_rate
from npc_runtime.audio.microphone import Microphone
from npc_runtime.cli import console, demo
from npc_runtime.cli.captions import Captions
from npc_runtime.cli.tongue import shown
from npc_runtime.cli.typed import Typed, by_hand
from npc_runtime.errors import EngineError, InputError, NpcError, SetupError
from npc_runtime.server.live import LiveSession, Room
from npc_runtime.server.protocol import (
    AudioWish,
    ClientInfo,
    ClientMessage,
    Hello,
    ListenStart,
    Playback,
    PlayerText,
    TalkStart,
)
from npc_runtime.server.reading import validated
from npc_runtime.server.run import on_signals

_QUIT = "/quit"
_LONGEST = 4000
"""Characters, as in the protocol's `player.text`."""


def listens(*, text: bool = False) -> bool:
    """Whether `talk` will use a microphone, so that there must be speech-to-text.

    Args:
        text: Whether the player wants to type.
    """
    if text or not by_hand():
        return False
    try:
        own_rate("input")
    except SetupError:
        return False
    return True


def talk(
    room: Callable[[], AbstractAsyncContextManager[Room]], character: str = "", *, text: bool = False, play: bool = True
) -> int:
    """Let the player converse with a character until the input ends, or until `/quit` or Ctrl+C.

    A script that pipes its lines in gets the answer to each one before the next is read, and no sound.

    Args:
        room: Loads the engines when entered and frees them when left.
        character: Id, name or alias; empty: the character of the demo, or else the first.
        text: Whether the player wants to type although there is a microphone.
        play: Whether characters are heard where there are speakers.

    Returns:
        The exit code: 0, or that of a failure that ended the session; for a script, of the first failure.

    Raises:
        NpcError: There can be no conversation.
    """
    voice = listens(text=text)
    if by_hand() and not voice and not text:
        console.log(shown("There is no microphone here: type what you say."))
    console.log(shown("Loading the models …"))
    return anyio.run(_talk, room, character, voice, play and by_hand())


async def _talk(room: Callable[[], AbstractAsyncContextManager[Room]], character: str, voice: bool, play: bool) -> int:
    conversation: _Conversation | None = None
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.call_soon_threadsafe(scope.cancel)  # a signal may interrupt the loop anywhere

    with anyio.CancelScope() as scope, on_signals(end):
        async with room() as loaded, AsyncExitStack() as stack:
            names = {known.id: known.name for known in loaded.characters()}
            whom = character or _first(names)
            session, heard = await _enter(loaded, stack, play=play)
            start = {"type": "talk.start", "character": whom}
            await session.handle(validated(TalkStart.model_validate, start, "talk.start"))
            conversation = _Conversation(session, names, voice=voice, heard=heard)
            if by_hand():
                how = "Speak, or type a line" if voice else "Type a line"
                console.log(shown(f"{how} to talk to {names.get(whom, whom)}; {_QUIT} or Ctrl+C ends it."))
            await conversation.run()
    return conversation.code if conversation is not None else 0


def _first(names: dict[str, str]) -> str:
    if not names:
        raise InputError("There is nobody to talk to.", hint="put a character into the folder `characters`")
    return demo.CHARACTER if demo.CHARACTER in names else next(iter(names))


async def _enter(room: Room, stack: AsyncExitStack, *, play: bool) -> tuple[LiveSession, bool]:
    """A session, and whether it is heard."""
    if play:
        try:
            return await stack.enter_async_context(room.open_session(_hello("device"))), True
        except SetupError as error:
            console.trouble("notice", shown(error.message), shown(error.hint))
    return await stack.enter_async_context(room.open_session(_hello("none"))), False


def _hello(out: Literal["device", "none"]) -> Hello:
    client = ClientInfo(name="npc-runtime talk", version=__version__)
    return Hello(type="hello", protocol=1, client=client, audio=AudioWish(out=out), answers=False)


class _Conversation:
    """What goes on between the terminal and a session.

    Args:
        session: The session, entered; somebody is addressed.
        names: Names of characters by id.
        voice: Whether the microphone is used.
        heard: Whether characters are heard, and not only read.
    """

    def __init__(self, session: LiveSession, names: dict[str, str], *, voice: bool, heard: bool) -> None:
        self.code = 0
        """Exit code so far."""
        self._session = session
        self._voice = voice
        self._heard = heard
        self._scripted = not by_hand()
        on_terminal = not self._scripted and sys.stdout.isatty()
        self._captions = Captions(names, echoed=on_terminal, prompt=on_terminal and not voice)
        self._answer = _Answer()
        self._one_at_a_time = anyio.Lock()

    async def run(self) -> None:
        """Converse until the input or the session ends."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._show, tasks.cancel_scope)
                if self._voice:
                    tasks.start_soon(self._listen)
                await self._read()
                tasks.cancel_scope.cancel()
        finally:
            self._captions.close()

    async def _show(self, scope: anyio.CancelScope) -> None:
        """Print what the session says; its end is the end of the conversation."""
        try:
            async for event in self._session.events:
                self._captions.show(event)
                self._answer.follow(event)
                if isinstance(event, events.Error) and (event.fatal or self._scripted):
                    self._failed(EngineError.exit_code)
                elif isinstance(event, events.SpeechAudio) and not self._heard:
                    await self._read_at_once(event)
        except NpcError as error:
            self._complain(error)
            self._failed(error.exit_code)
        scope.cancel()

    async def _read(self) -> None:
        """Pass on what is typed."""
        self._captions.ready()
        async with Typed() as lines:
            async for line in lines:
                text = line.strip()
                if text == _QUIT:
                    return
                self._captions.typed(text)
                if text:
                    await self._say(text)
                else:
                    self._captions.ready()

    async def _say(self, text: str) -> None:
        self._answer = answer = _Answer()
        try:
            if len(text) > _LONGEST:
                message = f"The line has {len(text)} characters; {_LONGEST} are the most that can be said at once."
                raise InputError(message, hint="say it in parts")
            await self._handle(PlayerText(type="player.text", text=text))
        except InputError as error:
            self._complain(error)
            self._captions.ready()
            if self._scripted:
                self._failed(error.exit_code)
            return
        if self._scripted:
            await answer.over.wait()

    async def _listen(self) -> None:
        """Pass on what the microphone hears."""
        try:
            async with Microphone() as microphone:
                await self._handle(ListenStart(type="listen.start", mode="open_mic", rate=microphone.rate))
                async for pcm in microphone:
                    async with self._one_at_a_time:
                        await self._session.audio(pcm)
        except NpcError as error:
            self._complain(error)
        else:
            self._captions.trouble("notice", "The microphone has stopped.", "type, or plug it in and start again")

    async def _read_at_once(self, piece: events.SpeechAudio) -> None:
        """Without sound the player takes in words as soon as they are shown: nothing that follows cuts them off."""
        played_ms = piece.start_ms + len(piece.pcm) / 2 / piece.rate * 1000
        await self._handle(Playback(type="playback", turn=piece.turn, played_ms=played_ms))

    async def _handle(self, message: ClientMessage) -> None:
        async with self._one_at_a_time:
            await self._session.handle(message)

    def _complain(self, error: NpcError) -> None:
        self._captions.trouble("error", error.message, error.hint)

    def _failed(self, code: int) -> None:
        self.code = self.code or code


class _Answer:
    """Knows when the answer to a typed line is over: other turns, such as a greeting, may be under way before it."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self._heard = False
        self._turn: int | None = None

    def follow(self, event: events.Event) -> None:
        """Take note of the next event of the session."""
        match event:
            case events.Heard(final=True):
                self._heard = True
            case events.TurnBegin() if self._heard and self._turn is None:
                self._turn = event.turn
            case events.TurnEnd() if event.turn == self._turn:
                self.over.set()
            case events.Error(turn=None):
                self.over.set()
            case _:
                pass
