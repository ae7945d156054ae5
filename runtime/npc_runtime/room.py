"""Room: the runtime as a server or a terminal sees it: characters, engines, and one live session for each player."""

import gc
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from weakref import WeakSet

import anyio
import anyio.abc

from npc_runtime import events, otel
from npc_runtime.actions.reducing import reduced
from npc_runtime.audio.session import DeviceSession
from npc_runtime.character.barks import all_lines
from npc_runtime.character.nature import Natures
from npc_runtime.chronicle import Chronicle
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.content.reload import Reloader
from npc_runtime.engines import Engines, running
from npc_runtime.errors import InputError, NpcError
from npc_runtime.house import House
from npc_runtime.lag import LagMeter
from npc_runtime.ledger import Ledger
from npc_runtime.live import Live
from npc_runtime.lives import Lives
from npc_runtime.minds import note_usage, on_terms
from npc_runtime.outgoing import Outgoing
from npc_runtime.performance import Performance
from npc_runtime.prepared import PreparedMouth
from npc_runtime.scene import Player
from npc_runtime.server.live import LiveSession
from npc_runtime.server.protocol import Hello
from npc_runtime.session import Session
from npc_runtime.stt.vad import VoiceDetector
from npc_runtime.traces import Traces, TurnRecord

_log = logging.getLogger(__name__)


_NEW_OBJECTS = 10_000
"""That many may be made before the garbage collector looks at them: about half a turn."""
_MOST_WORLDS = 64
"""Games of different names; the memory of each stays open."""


class Room:
    """The characters of a library, with the engines of this machine; see `server.live.Room`.

    Args:
        library: The characters.
        engines: Started.
        settings: What the person configured.
        traces: Where turns are noted.
        seed: Makes replies repeatable; None for new ones each time.
        ledger: Where what models take is written down, if anywhere.
    """

    def __init__(
        self,
        library: Library,
        engines: Engines,
        settings: Settings,
        traces: Traces,
        *,
        seed: int | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self._engines = engines
        self._settings = settings
        self._traces = traces
        self._seed = seed
        self._ledger = ledger
        self._clock = MonotonicClock()
        self._mouth = PreparedMouth(engines.mouth)
        self._natures = Natures(library, reduce=reduced)
        self._worlds: dict[str, _World] = {}
        self._live: WeakSet[Live] = WeakSet()
        turns = engines.turns
        self._house = House(
            VoiceDetector,
            clock=self._clock,
            goes_on=turns.goes_on if turns is not None else None,
            places=2 * settings.llm.slots,
        )
        self._lag = LagMeter(self._clock)
        self._sessions = 0
        self._tasks: anyio.abc.TaskGroup | None = None

    def characters(self) -> Sequence[events.Character]:
        """Who can be talked to now."""
        return [
            events.Character(id=character.id, name=character.name, language=character.language)
            for character in self._natures.library.characters()
        ]

    def open_session(self, hello: Hello) -> LiveSession:
        """A session for the game that said hello; see `server.live.Room`."""
        self._sessions += 1
        name = str(self._sessions)
        outgoing = Outgoing()
        world = self._world(hello.client.name.strip() or "default")
        session = Session(
            self._natures.library,
            ears=self._engines.ears,
            mind=on_terms(self._engines.mind, self._ledger, self._settings, name, outgoing.put),
            mouth=self._mouth,
            emit=outgoing.put,
            player=Player(hello.player.id, hello.player.name),
            clock=self._clock,
            visemes=hello.visemes,
            language=self._settings.stt.language,
            context_tokens=self._engines.context_tokens,
            temperature=self._settings.llm.temperature,
            seed=self._seed,
            face=hello.face,
            lives=world.lives,
            natures=self._natures,
        )
        live = Live(
            session,
            outgoing,
            self._house,
            finished=lambda on, reason: self._note(name, on, reason),
            slot=hello.save,
            opened=world.opened.wait,
            meet=self._meet,
            answers=hello.answers,
        )
        self._live.add(live)
        return DeviceSession(live) if hello.audio.out == "device" else live

    def traces(self) -> Sequence[Mapping[str, Any]]:
        """The latest turns with the marks of their stages, oldest first."""
        return self._traces.latest()

    def health(self, *, reset: bool = False) -> Mapping[str, Any]:
        """What is worth knowing about the engines."""
        if reset:
            self._lag.reset()
        return {
            "model": self._engines.mind.name,
            "engines": {name: "busy" if busy else "idle" for name, busy in self._engines.busy().items()},
            "loop_lag_ms": self._lag.summary(),
        }

    async def run(self) -> None:
        """Work that goes on as long as the room is there: nobody waits for it."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for world in self._worlds.values():
                tasks.start_soon(world.run, self._natures)
            tasks.start_soon(self._lag.run)
            tasks.start_soon(self._follow_files)
            await self._prepare(self._natures.library.characters())

    async def _meet(self, character: CharacterFile) -> None:
        """Make a character ready in a thread: the event loop carries sound."""
        await anyio.to_thread.run_sync(self._make_ready, character)

    def _make_ready(self, character: CharacterFile) -> None:
        if self._natures.warm(character):
            gc.collect()  # what is frozen as garbage stays for good
            gc.freeze()

    async def _prepare(self, characters: Sequence[CharacterFile]) -> None:
        await self._mouth.prepare([(line, character) for character in characters for line in all_lines(character)])

    async def _follow_files(self) -> None:
        """Take over what authors edit while the game runs."""
        async for change in Reloader(self._natures.library).changes():
            self._natures.replace(change.library)
            told = [events.Notice(code="content_error", message=str(one), hint=one.hint) for one in change.problems]
            if change.changed or change.gone:
                names = ", ".join((*change.changed, *change.gone))
                told.append(events.Notice(code="content_changed", message=f"Content was read again: {names}."))
            for live in list(self._live):
                for notice in told:
                    live.tell(notice)
                live.take(change)
            edited = [one for one in change.library.characters() if one.id in change.changed]
            await self._prepare(edited)

    def _world(self, name: str) -> "_World":
        """What the characters of one game live through; games see nothing of one another."""
        world = self._worlds.get(name)
        if world is None:
            if len(self._worlds) >= _MOST_WORLDS:
                hint = "give `client.name` the name of the game, always the same, or start the runtime again"
                raise InputError("There are too many games of different names.", hint=hint, code="too_many_games")
            world = self._worlds[name] = _World(name, self._settings, self._clock, self._warn)
            if self._tasks is not None:
                self._tasks.start_soon(world.run, self._natures)
        return world

    def tell(self, notice: events.Notice) -> None:
        """Tell everyone who plays."""
        for live in list(self._live):
            live.tell(notice)

    def _warn(self, error: NpcError) -> None:
        self.tell(events.Notice(code=error.code, message=error.message, hint=error.hint))

    def _note(self, session: str, on: Performance, reason: str) -> None:
        usage = on.turn.usage if on.turn is not None else None
        if self._ledger is not None and usage is not None:
            note_usage(self._engines.mind, self._ledger, session, usage)
        own = {} if on.trace.own_ms is None else {"own": on.trace.own_ms}
        self._traces.add(
            TurnRecord(
                session=session,
                character=on.character.id,
                turn=on.number,
                spoken=on.spoken is not None,
                reason=reason,
                ended_ms=round(on.trace.elapsed_ms, 1),
                marks={name: round(value, 1) for name, value in (on.trace.marks | own).items()},
                audio_ms=round(on.playout.total_ms, 1),
                usage=usage,
            )
        )


class _World:
    """What the characters of one game remember and feel.

    Args:
        name: Of the game.
        settings: What the person configured.
        clock: Time.
        warn: Told of trouble with the memory.
    """

    def __init__(self, name: str, settings: Settings, clock: Clock, warn: Callable[[NpcError], None]) -> None:
        memory = settings.memory
        self._chronicle = (
            Chronicle(settings.state_dir, world=name, embedder=memory.embedder, warn=warn) if memory.enabled else None
        )
        self.lives = Lives(clock, self._chronicle, tokens=memory.tokens, warn=warn)
        self.opened = anyio.Event()
        """Set once it may be used."""

    async def run(self, natures: Natures) -> None:
        """Keep the memory open, and lend its embedder to the characters, until cancelled."""
        if self._chronicle is None:
            self.opened.set()
            return
        async with self._chronicle:
            self.opened.set()
            await natures.learn(self._chronicle)


@asynccontextmanager
async def open_room(library: Library, settings: Settings, *, seed: int | None = None) -> AsyncIterator[Room]:
    """A room whose engines are started, and ended with the context.

    Args:
        library: The characters.
        settings: What the person configured.
        seed: Makes replies repeatable; None for new ones each time.

    Raises:
        NpcError: There is nobody to talk to, or an engine cannot be started.
    """
    characters = list(library.characters())
    if not characters:
        raise InputError("There are no characters.", hint="put one into characters/, or give --content")
    export = otel.exporter()
    state = settings.state_dir
    with Traces(state, exporters=[export] if export is not None else []) as traces, Ledger(state) as ledger:
        async with running(settings, characters) as engines, anyio.create_task_group() as tasks:
            room = Room(library, engines, settings, traces, seed=seed, ledger=ledger)
            engines.tells(room.tell)
            tasks.start_soon(room.run)
            try:
                with _seldom_collected():
                    yield room
            finally:
                tasks.cancel_scope.cancel()


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """While characters talk, the garbage collector comes seldom, and leaves out what is there now.

    It takes a tenth of a second to look through what stays anyway, and nothing moves then.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
