"""`talk`: what is typed, said and heard in the terminal, with a scripted session behind it."""

import io
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import anyio
import pytest

from npc_runtime import events
from npc_runtime.cli.talk import listens, talk
from npc_runtime.errors import EngineError, InputError, SetupError
from npc_runtime.events import Event
from npc_runtime.server.protocol import ClientMessage, Hello, ListenStart, Playback, PlayerText, TalkStart

BRYNJA = events.Character(id="brynja", name="Brynja Ironhand", language="en")
ANSEL = events.Character(id="ansel", name="Ansel", language="en")


def heard(text: str, *, final: bool = True, reason: str | None = None) -> Event:
    return events.Heard(text=text, final=final, language="en", to="brynja", reason=reason)


def begin(turn: int, character: str = "brynja") -> Event:
    return events.TurnBegin(turn=turn, character=character, reply_to="")


def says(turn: int, text: str, clause: int = 0) -> Event:
    return events.Say(turn=turn, clause=clause, text=text, start_ms=0.0)


def end(turn: int) -> Event:
    return events.TurnEnd(turn=turn, reason="done", text="", timings={})


def answer(turn: int, line: str, *said: Event) -> list[Event]:
    return [heard(line), begin(turn), *said, end(turn)]


Reply = Sequence[Event | Exception | float | Callable[[], None]]
"""What a session says, seconds of silence, and what happens in between."""


class Session:
    """Says what its script has for each thing that the player says; the log has both sides in order."""

    def __init__(self, room: "Room", hello: Hello) -> None:
        self.room = room
        self.hello = hello
        self.log: list[ClientMessage | Event] = []
        self.pcm: list[bytes] = []
        self.left = False

    async def __aenter__(self) -> Self:
        if self.hello.audio.out in self.room.silent:
            raise SetupError("There are no speakers.", hint="plug one in")
        self._out, self._in = anyio.create_memory_object_stream[Any](1000)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.left = True
        self._out.close()
        self._in.close()

    async def handle(self, message: ClientMessage) -> None:
        self.log.append(message)
        if isinstance(message, TalkStart) and message.character == "nobody":
            raise InputError("There is no character 'nobody'.", hint="there is `brynja`")
        if isinstance(message, PlayerText):
            if message.text not in self.room.script:
                raise InputError("That cannot be said.", hint="say something else")
            self.say(self.room.script[message.text])
        elif message.type in self.room.script:
            self.say(self.room.script[message.type])

    async def audio(self, pcm: bytes) -> None:
        self.pcm.append(pcm)
        self.say(self.room.script.get("audio", ()))

    def say(self, reply: Reply) -> None:
        for item in reply:
            self._out.send_nowait(item)

    @property
    async def events(self) -> AsyncIterator[Event]:
        async for item in self._in:
            await anyio.sleep(item if isinstance(item, float) else 0.002)
            if isinstance(item, Exception):
                raise item
            if isinstance(item, float):
                continue
            if callable(item):
                item()
                continue
            self.log.append(item)
            yield item
            if isinstance(item, events.Error) and item.fatal:
                return


class Room:
    """The runtime as the tests want it."""

    def __init__(self, script: Mapping[str, Reply], *, silent: str = "", cast: Sequence[events.Character]) -> None:
        self.script = script
        self.silent = silent
        """The forms of audio that cannot be had."""
        self.cast = cast
        self.sessions: list[Session] = []

    def characters(self) -> Sequence[events.Character]:
        return self.cast

    def open_session(self, hello: Hello) -> Session:
        self.sessions.append(Session(self, hello))
        return self.sessions[-1]

    def traces(self) -> Sequence[Mapping[str, Any]]:
        return []

    def health(self, *, reset: bool = False) -> Mapping[str, Any]:
        return {}


class Player:
    """Types, or pipes in, and runs the command."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
        reading, self._writing = os.pipe()
        self.terminal = terminal
        self.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(reading)), encoding="utf-8")
        self.stdin.isatty = lambda: terminal  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdin", self.stdin)
        self.room: Room

    def types(self, text: str | bytes) -> None:
        os.write(self._writing, text.encode() if isinstance(text, str) else text)

    def leaves(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def close(self) -> None:
        self.leaves()
        for thread in threading.enumerate():
            if thread.name == "stdin":
                thread.join(5)
        self.stdin.close()

    def talk(
        self,
        script: Mapping[str, Reply],
        character: str = "",
        *,
        cast: Sequence[events.Character] = (ANSEL, BRYNJA),
        silent: str = "",
        **options: bool,
    ) -> int:
        if not self.terminal:
            self.leaves()
        self.room = Room(script, cast=cast, silent=silent)

        @asynccontextmanager
        async def opened() -> AsyncIterator[Room]:
            with anyio.fail_after(10):
                yield self.room

        return talk(opened, character, **options)

    @property
    def session(self) -> Session:
        return self.room.sessions[-1]

    def handled(self, kind: type) -> list[Any]:
        return [item for item in self.session.log if isinstance(item, kind)]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Player]:
    player = Player(monkeypatch, terminal=False)
    yield player
    player.close()


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Player]:
    """At a terminal without a microphone."""
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    player = Player(monkeypatch, terminal=True)
    yield player
    player.close()


HELLO = answer(1, "Hello", says(1, "Aye."), says(1, "What is it?", 1))
BYE = answer(2, "Bye", says(2, "Go, then."))


def test_a_script_gets_one_answer_after_the_other(script: Player, capsys: pytest.CaptureFixture[str]) -> None:
    script.types("Hello\n\nBye\n")
    assert script.talk({"Hello": HELLO, "Bye": BYE}) == 0
    spoken = "You: Hello\nBrynja Ironhand: Aye. What is it?\nYou: Bye\nBrynja Ironhand: Go, then.\n"
    assert capsys.readouterr().out == spoken
    first, second = script.handled(PlayerText)
    assert script.session.log.index(second) > script.session.log.index(HELLO[-1]) > script.session.log.index(first)
    assert script.session.hello.audio.out == "none"
    assert script.session.left


def test_a_greeting_is_not_taken_for_the_answer(script: Player, capsys: pytest.CaptureFixture[str]) -> None:
    script.types("Hello\nBye\n")
    greeting = [begin(1), says(1, "Well?")]
    second = answer(2, "Hello", says(2, "Aye."))
    script.talk({"talk.start": greeting, "Hello": [end(1), *second], "Bye": answer(3, "Bye", says(3, "Go."))})
    log = script.session.log
    assert log.index(script.handled(PlayerText)[1]) > log.index(second[-1])
    assert "Brynja Ironhand: Well?\nYou: Hello\nBrynja Ironhand: Aye.\n" in capsys.readouterr().out


def test_without_sound_what_is_shown_counts_as_heard(script: Player) -> None:
    script.types("Hello\n")
    sound = events.SpeechAudio(turn=1, clause=0, rate=1000, start_ms=20.0, last=True, pcm=bytes(60))
    script.talk({"Hello": answer(1, "Hello", sound)})
    assert script.handled(Playback) == [Playback(type="playback", turn=1, played_ms=50.0)]


def test_a_refused_line_does_not_end_a_script(script: Player, capsys: pytest.CaptureFixture[str]) -> None:
    script.types("Nonsense\n" + "x" * 4001 + "\n" + "Hello\n")
    assert script.talk({"Hello": HELLO}) == 1
    out, err = capsys.readouterr()
    assert "Aye." in out
    assert "error: That cannot be said.\n  fix: say something else\nerror: The line has 4001 characters" in err


def test_a_script_learns_that_a_turn_failed(script: Player, capsys: pytest.CaptureFixture[str]) -> None:
    script.types("Hello\nBye\n")
    lost = events.Error(code="engine", message="The model is gone.", hint="restart", turn=1)
    assert script.talk({"Hello": answer(1, "Hello", says(1, "Hm."), lost), "Bye": BYE}) == 3
    out, err = capsys.readouterr()
    assert "Go, then." in out
    assert "error: The model is gone.\n  fix: restart\n" in err


def test_a_script_does_not_wait_for_an_answer_that_cannot_come(script: Player) -> None:
    script.types("Hello\nBye\n")
    lost = events.Error(code="internal", message="The turn failed unexpectedly.")
    assert script.talk({"Hello": [heard("Hello"), lost], "Bye": BYE}) == 3
    assert len(script.handled(PlayerText)) == 2


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        ([EngineError("The engine broke.", hint="restart")], 3, "error: The engine broke.\n  fix: restart\n"),
        ([events.Error(code="x", message="It is over.", fatal=True)], 3, "error: It is over.\n"),
    ],
)
def test_a_session_that_ends_ends_the_conversation(
    person: Player, capsys: pytest.CaptureFixture[str], reply: Reply, code: int, says: str
) -> None:
    person.types("Hello\n")
    assert person.talk({"Hello": [heard("Hello"), *reply]}) == code
    assert capsys.readouterr().err.endswith(says)


@pytest.mark.parametrize(("wanted", "cast", "got"), [("", (ANSEL, BRYNJA), "brynja"), ("", (ANSEL,), "ansel")])
def test_who_is_talked_to(script: Player, wanted: str, cast: Sequence[events.Character], got: str) -> None:
    script.talk({}, wanted, cast=cast)
    assert script.handled(TalkStart) == [TalkStart(type="talk.start", character=got)]


@pytest.mark.parametrize(("wanted", "cast"), [("nobody", (ANSEL, BRYNJA)), ("x" * 201, (ANSEL,)), ("", ())])
def test_nobody_to_talk_to_is_an_input_error(script: Player, wanted: str, cast: Sequence[events.Character]) -> None:
    with pytest.raises(InputError):
        script.talk({}, wanted, cast=cast)
    assert all(session.left for session in script.room.sessions)


def test_a_person_types_over_an_answer(person: Player, capsys: pytest.CaptureFixture[str]) -> None:
    person.types("Hello\n")
    asked = [heard("Hello"), begin(1), says(1, "Aye."), lambda: person.types("/quit\n")]
    assert person.talk({"Hello": asked}) == 0
    out, err = capsys.readouterr()
    assert out == "You: Hello\nBrynja Ironhand: Aye.\n"
    assert "There is no microphone here: type what you say." in err
    assert "Type a line to talk to Brynja Ironhand; /quit or Ctrl+C ends it." in err


def test_ctrl_c_ends_orderly(person: Player) -> None:
    person.types("Hello\n")
    assert person.talk({"Hello": [*HELLO, lambda: signal.raise_signal(signal.SIGINT)]}) == 0
    assert person.session.left


class Microphone:
    """Stands in for the module `sounddevice`: a microphone that hears three blocks and falls silent."""

    PortAudioError = OSError

    def query_devices(self, kind: str) -> dict[str, Any]:
        return {"default_samplerate": 48_000.0}

    def check_input_settings(self, **_: Any) -> None:
        """Takes any."""

    def RawInputStream(self, *, callback: Callable[..., None], **_: Any) -> Any:
        def start() -> None:
            for number in range(3):
                callback(bytes([number]) * 640, 320, None, None)

        return SimpleNamespace(start=start, close=lambda: None)


def test_a_conversation_by_voice(
    person: Player, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Microphone())
    monkeypatch.setattr("npc_runtime.audio.microphone._PATIENCE", 0.02)

    def type_at_last() -> None:
        if len([event for event in person.session.log if event == HELLO[0]]) == 3:
            person.types("Bye\n")

    said: dict[str, Reply] = {"audio": [HELLO[0], type_at_last], "Bye": [*BYE, person.leaves]}
    assert person.talk(said, silent="device") == 0
    assert [session.hello.audio.out for session in person.room.sessions] == ["device", "none"]
    assert person.handled(ListenStart) == [ListenStart(type="listen.start", mode="open_mic", rate=16_000)]
    assert person.session.pcm == [bytes([number]) * 640 for number in range(3)]
    out, err = capsys.readouterr()
    assert out.count("You: Hello\n") == 3
    assert "Brynja Ironhand: Go, then.\n" in out
    assert "notice: There are no speakers.\n  fix: plug one in\n" in err
    assert "Speak, or type a line to talk to Brynja Ironhand" in err


def test_a_microphone_that_is_unplugged_does_not_end_the_conversation(
    person: Player, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Microphone())
    monkeypatch.setattr("npc_runtime.audio.microphone._PATIENCE", 0.02)
    person.types("Bye\n")
    assert person.talk({"Bye": [0.3, *BYE, person.leaves]}, play=False) == 0
    out, err = capsys.readouterr()
    assert out.endswith("Brynja Ironhand: Go, then.\n")
    assert "notice: The microphone has stopped." in err
    assert person.session.hello.audio.out == "none"


@pytest.mark.parametrize(("text", "hears"), [(False, True), (True, False)])
def test_speech_to_text_is_needed_for_a_person_with_a_microphone(
    person: Player, monkeypatch: pytest.MonkeyPatch, text: bool, hears: bool
) -> None:
    assert not listens(text=text)
    monkeypatch.setitem(sys.modules, "sounddevice", Microphone())
    assert listens(text=text) is hears
    person.stdin.isatty = lambda: False  # type: ignore[method-assign]
    assert not listens(text=text)
