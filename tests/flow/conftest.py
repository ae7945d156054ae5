"""A live session on a virtual clock: the characters, and a game that talks to them."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
from tests.flow._scripted import (
    CHUNK,
    LOUD,
    QUIET,
    SOUND,
    VOICE,
    Ears,
    Engine,
    LoopClock,
    Loudness,
    Mind,
    Mouth,
    Speakers,
    line,
    pcm,
)

from npc_runtime import events
from npc_runtime.content.library import Library
from npc_runtime.errors import EngineError
from npc_runtime.house import House
from npc_runtime.live import Live
from npc_runtime.outgoing import Outgoing
from npc_runtime.performance import Performance
from npc_runtime.scene import Entity, Scene
from npc_runtime.server.protocol import client_messages
from npc_runtime.session import Session

_STEP = 1e-9
"""Seconds that a round of the loop takes: time that stood still would let a wait for a rounding error last forever."""

FILES = {
    "characters/brynja.yaml": """
name: Brynja Ironhand
aliases: [Brynja]
persona: {summary: Blacksmith of Hollowfen.}
style: {response_length: medium}
actions: [repair_item, refuse_service]
barks: {failed: ["Lost my thread."], busy: ["Not now."]}
""",
    "characters/barnaby.yaml": """
name: Barnaby Holt
persona: {summary: Innkeeper.}
style: {response_length: very_long}
barks: {greet: ["Well met.", "You again."], failed: ["Hm."], busy: ["Later."]}
""",
    "actions/trade.yaml": """
actions:
  repair_item:
    description: Mend it.
    args: {item: {type: entity, tags: [weapon]}}
    cooldown: 1h
  refuse_service: {description: Turn the player away.}
""",
}


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer whenever there is nothing to do."""

    def __init__(self) -> None:
        self.virtual = 0.0
        super().__init__(_Jumps(self))

    def time(self) -> float:
        return self.virtual


class _Jumps(selectors.SelectSelector):
    """Does not wait, but says that the time has passed."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise RuntimeError("Every task waits for another one: nothing will ever happen.")
        self._loop.virtual += _STEP if ready else max(_STEP, timeout or 0.0)
        return ready


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": VirtualLoop}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    loaded = Library.load([tmp_path])
    assert loaded.problems == ()
    return loaded


class Game:
    """What a player does with a live session, and what the game is told; made by `play`."""

    def __init__(
        self,
        library: Library,
        tasks: anyio.abc.TaskGroup,
        ears: Ears,
        mind: Mind,
        mouth: Mouth,
        house: House,
        *,
        slot: str | None,
        answers: bool,
        **shared: Any,
    ) -> None:
        self.ears, self.mind, self.mouth = ears, mind, mouth
        self.told: list[tuple[float, events.Event]] = []
        self.listening_since = 0.0
        """When the microphone was last switched on."""
        self.finished: list[tuple[int, str]] = []
        """Turns that are over, and why."""
        self.own_ms: list[float | None] = []
        """What our own code took of each of them until its first sound."""
        self.speakers = Speakers()
        self.level = QUIET
        """Of what the microphone hears."""
        self.echo = 0.0
        """How much of the character's voice it hears: 1 is all of it."""
        self.left = 0.0
        """When the session was over."""
        self.ended = False
        """Whether the session has said that nothing more will come."""
        self.reads = anyio.Event()
        """Whether it takes what it is sent; set at first."""
        self.reads.set()
        self.refused = ""
        """Why it is told nothing any more, although the session goes on."""
        self.outgoing = Outgoing()
        self.session = Session(
            library,
            ears=ears,
            mind=mind,
            mouth=mouth,
            emit=self.outgoing.put,
            scene=Scene(entities=(Entity("iron_sword", "iron sword", ("weapon",)),)),
            clock=house.clock,
            **shared,
        )
        self.live = Live(self.session, self.outgoing, house, finished=self._note, slot=slot, answers=answers)
        self._tasks = tasks
        self._microphone = anyio.CancelScope()
        self._reports = anyio.CancelScope()
        self._seen = 0
        self._more = anyio.Event()

    @property
    def engines(self) -> tuple[Engine, ...]:
        return self.ears, self.mind, self.mouth

    def lines(self, since: int = 0, to: int | None = None, *, sound: bool = False) -> list[str]:
        """What was told, in short, with the sound or without."""
        found = [line(event) for _, event in self.told[since:to]]
        return found if sound else [one for one in found if one not in SOUND]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for _, event in self.told if isinstance(event, kind)]

    async def send(self, type: str, **fields: Any) -> None:
        await self.live.handle(client_messages().validate_python({"type": type, **fields}))

    async def type(self, text: str = "Hello.") -> None:
        await self.send("player.text", text=text)

    async def interrupt(self) -> None:
        await self.send("interrupt")

    async def until(self, *wanted: str, within: float = 60.0) -> float:
        """Wait for one of these lines, after the last one that was waited for; returns when it came."""
        with anyio.move_on_after(within):
            while True:
                while self._seen < len(self.told):
                    at, event = self.told[self._seen]
                    self._seen += 1
                    if line(event) in wanted:
                        return at
                await self._more.wait()
        raise AssertionError(f"not told {wanted}, but {self.lines()}")

    async def settle(self) -> int:
        """Let what is on its way arrive; returns how much has been told, and `until` waits for what follows."""
        await anyio.sleep(0.001)
        self._seen = len(self.told)
        return self._seen

    async def listen(self, mode: str = "open_mic") -> None:
        """Switch the microphone on; it hears silence."""
        await self.send("listen.start", mode=mode, rate=16_000)
        self._microphone.cancel()
        self._microphone = anyio.CancelScope()
        self.listening_since = anyio.current_time()
        self._tasks.start_soon(self._capture, self._microphone)

    async def hush(self) -> None:
        """Switch the microphone off."""
        self._microphone.cancel()
        await self.send("listen.stop")

    async def talk(self, *pattern: int, level: float = VOICE) -> None:
        """Speak and be silent in turn, for so many milliseconds each."""
        for number, ms in enumerate(pattern):
            self.level = QUIET if number % 2 else level
            await anyio.sleep(ms / 1000)
        self.level = QUIET

    async def read(self) -> None:
        try:
            async for event in self.live.events:
                self.told.append((anyio.current_time(), event))
                self.speakers.take(event)
                self._more.set()
                self._more = anyio.Event()
                await self.reads.wait()
        except EngineError as error:
            self.refused = error.message
        self.ended = True

    async def report(self) -> None:
        """Say ten times a second how much was played."""
        with self._reports:
            while True:
                await anyio.sleep(0.1)
                if self.speakers.turn:
                    heard = self.speakers.heard_ms
                    done = heard >= self.speakers.received_ms
                    await self.send("playback", turn=self.speakers.turn, played_ms=heard, done=done)

    def forget(self) -> None:
        """Drop everything that was noted, so that only what the session itself keeps is kept."""
        self.told.clear()
        self.finished.clear()
        self.own_ms.clear()
        self._seen = 0
        self.ears.heard.clear()
        self.mind.requests.clear()
        self.mind.warmed.clear()
        self.mouth.colours.clear()
        for engine in self.engines:
            engine.jobs[:] = [job for job in engine.jobs if job.ended is None]

    def go_silent(self) -> None:
        """Send nothing more of its own accord."""
        self._microphone.cancel()
        self._reports.cancel()

    def _note(self, on: Performance, reason: str) -> None:
        self.finished.append((on.number, reason))
        self.own_ms.append(on.trace.own_ms)

    async def _capture(self, scope: anyio.CancelScope) -> None:
        with scope:
            while not scope.cancel_called:
                playing = self.speakers.heard_ms < self.speakers.received_ms
                level = max(self.level, LOUD * self.echo if playing else 0.0)
                await self.live.audio(pcm(level, CHUNK))
                await anyio.sleep(CHUNK)


Play = Callable[..., AbstractAsyncContextManager[Game]]


@pytest.fixture
def play(library: Library) -> Play:
    """A player who has turned to a character; leaving the context is leaving the game, whatever is going on.

    `reports` says whether the game reports playback; an empty `character`, that nobody is talked to yet; `slot`, which
    save of the game is played; `answers`, whether the game says how actions went. What else is given is for the
    session.
    """

    @asynccontextmanager
    async def session(
        *,
        ears: Ears | None = None,
        mind: Mind | None = None,
        mouth: Mouth | None = None,
        house: House | None = None,
        reports: bool = False,
        character: str = "brynja",
        slot: str | None = None,
        answers: bool = True,
        **shared: Any,
    ) -> AsyncIterator[Game]:
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            engines = ears or Ears(), mind or Mind(), mouth or Mouth()
            game = Game(library, tasks, *engines, house or new_house(), slot=slot, answers=answers, **shared)
            async with game.live:
                tasks.start_soon(game.read)
                if reports:
                    tasks.start_soon(game.report)
                if character:
                    await game.send("talk.start", character=character)
                    await game.settle()
                try:
                    yield game
                except Exception as error:  # raised again outside, where it is no group of one
                    failure = error
                game.go_silent()
            game.left = anyio.current_time()
            await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        assert game.ended
        if not game.refused:
            check_order([event for _, event in game.told])

    return session


def new_house(places: int = 4) -> House:
    """What sessions share, on the virtual clock."""
    return House(Loudness, clock=LoopClock(), places=places)


def check_order(told: Sequence[events.Event]) -> None:
    """What holds for every session: turns are counted, follow one another whole, and sound without a gap."""
    turn = next((event.turn for event in told if isinstance(event, events.TurnBegin)), 1) - 1
    running, silenced, end_ms = False, False, 0.0
    for number, event in enumerate(told):
        if isinstance(event, events.TurnBegin):
            assert not running and event.turn == turn + 1
            turn, running, silenced, end_ms = event.turn, True, False, 0.0
        elif _about_an_action(event, told[:number]):
            continue
        elif (of := getattr(event, "turn", None)) is not None:
            assert running and of == turn, f"{line(event)} is of turn {of}, not in its place"
        if isinstance(event, events.SpeechAudio):
            assert not silenced and abs(event.start_ms - end_ms) < 0.01
            end_ms = event.start_ms + len(event.pcm) / 2 * 1000 / event.rate
        elif isinstance(event, events.SpeechStop):
            assert not silenced and end_ms
            silenced = True
        elif isinstance(event, events.TurnEnd):
            running = False
            assert line(told[number + 1]) == "idle"
    assert not running


def _about_an_action(event: events.Event, before: Sequence[events.Event]) -> bool:
    """Whether an event belongs to an action that was asked for before: that may be in an earlier turn."""
    if isinstance(event, events.Action):
        return any(isinstance(one, events.Action) and one.id == event.id and one.needs_confirm for one in before)
    return isinstance(event, events.Notice) and event.code in ("action_failed", "action_refused", "action_timed_out")
