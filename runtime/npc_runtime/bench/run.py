"""A run: the lines of a plan, one after another, and everything that was measured meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio

from npc_runtime.bench import plan
from npc_runtime.bench.clips import Clip
from npc_runtime.bench.conversation import Conversation, Pauses
from npc_runtime.bench.game import Game, playing
from npc_runtime.bench.line import Line
from npc_runtime.bench.lookups import Lookups
from npc_runtime.bench.microphone import STALL_SECONDS, Microphone
from npc_runtime.bench.sequential import Whole
from npc_runtime.bench.watch import Memory, Watch
from npc_runtime.errors import SetupError

_TRACES_EVERY = 5
"""Lines after which the server is asked for its traces: it keeps fifty, and a line with pauses in it makes several."""

_ROOM_SECONDS = 0.5
"""How long the server hears the room before the first line."""

Progress = Callable[[str, int, int], None]
"""Told what was done last, how many lines are done, and of how many."""
Other = Callable[[str, Clip], Awaitable[Whole | None]]
"""Answers a clip as a character in another way; None if that fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run."""

    clips: Sequence[Clip] = ()
    """What the player says."""
    spoken: int = 30
    """Lines to speak; needs clips."""
    typed: int = 15
    """Lines to type."""
    pauses: Pauses | None = None
    """How long the player takes; as players do unless given."""
    seed: int = 0
    """Of the pauses."""
    patience: float = 15.0
    """Seconds after which a line that was not answered is lost."""
    idle_seconds: float = 5.0
    """How long to look at the server while nothing goes on."""
    token: str = ""
    """What the server asks for, if it does."""


@dataclass(slots=True)
class Work:
    """Processor time of the server over some wall time, both in seconds."""

    cpu: float = 0.0
    wall: float = 0.0

    @property
    def percent(self) -> float | None:
        """Of one core; None if there was no time."""
        return self.cpu / self.wall * 100 if self.wall else None


@dataclass(slots=True)
class Measured:
    """Everything that a run brought to light."""

    characters: tuple[str, ...] = ()
    spoken: list[Line] = field(default_factory=list)
    typed: list[Line] = field(default_factory=list)
    others: list[Whole] = field(default_factory=list)
    """Answers of the pipeline that it is compared with."""
    late_ms: list[float] = field(default_factory=list)
    """How late our own microphone sent each frame."""
    lag: Mapping[str, float] = field(default_factory=dict)
    """Of the server's event loop; milliseconds."""
    own_ms: dict[int, float] = field(default_factory=dict)
    """By turn, the processor time of the server's own code until the first audio."""
    talking: Work = field(default_factory=Work)
    listening: Work = field(default_factory=Work)
    """While nobody speaks into an open microphone."""
    idle: Work = field(default_factory=Work)
    memory: Memory = field(default_factory=Memory)
    errors: list[str] = field(default_factory=list)


async def measure(
    options: Options,
    url: str,
    pid: int,
    *,
    progress: Progress = lambda text, done, total: None,
    compare: Callable[[Sequence[str]], AbstractAsyncContextManager[Other]] | None = None,
) -> Measured:
    """Talk to a server that is ready.

    Args:
        options: What to run.
        url: Where the server is, `http://…`.
        pid: Its process.
        progress: Told after every line.
        compare: Gives, for characters by id, the pipeline to compare with; each spoken line is put to it as well,
            while the server has nothing to do.

    Raises:
        SetupError: The server cannot be reached, or has no characters.
        EngineError: The server went away meanwhile.
        NpcError: The pipeline to compare with cannot be started.
    """
    watch = Watch(pid)
    measured = Measured(memory=watch.memory)
    async with AsyncExitStack() as stack:
        lookups = stack.enter_context(Lookups(url, token=options.token))
        game = await stack.enter_async_context(playing(url, token=options.token))
        characters = [(who["id"], who["language"]) for who in game.welcome["characters"][:2]]
        if not characters:
            raise SetupError("There is no character to talk to.", hint="check --content")
        measured.characters = tuple(name for name, _ in characters)
        other = await stack.enter_async_context(compare(measured.characters)) if compare else None
        stack.callback(lambda: measured.errors.extend(game.errors))
        run = _Run(options, measured, game, lookups, watch, progress)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.run)
            await lookups.lag(reset=True)
            if options.spoken:
                await run.speak(measured.characters, other)
            if options.typed:
                await run.type(characters)
            measured.lag = await lookups.lag()
            async with run.timed(measured.idle):
                await anyio.sleep(options.idle_seconds)
            await watch.look()
            tasks.cancel_scope.cancel()
    return measured


class _Run:
    """The blocks of a run, in front of one server."""

    def __init__(
        self, options: Options, measured: Measured, game: Game, lookups: Lookups, watch: Watch, progress: Progress
    ) -> None:
        self._options = options
        self._measured = measured
        self._game = game
        self._lookups = lookups
        self._watch = watch
        self._progress = progress
        self._talk = Conversation(game, lookups, pauses=options.pauses, seed=options.seed, patience=options.patience)
        self._fetched = 0
        """Lines that had been said when the server was last asked for its traces."""

    async def speak(self, characters: Sequence[str], other: Other | None) -> None:
        """The spoken lines, into a microphone that is open all the time."""
        options, measured = self._options, self._measured
        microphone = Microphone(self._game.send_audio, self._game.clock)
        measured.late_ms = microphone.late_ms
        await self._talk.turn_to(characters[0])
        await self._talk.listen(microphone)
        async with anyio.create_task_group() as tasks:
            await tasks.start(microphone.run)
            await anyio.sleep(_ROOM_SECONDS)
            waiting: list[plan.SpokenStep] = []
            for step in plan.spoken(options.spoken, options.clips, characters):
                async with self.timed(measured.talking):
                    measured.spoken.append(self._checked(await self._talk.speak(step)))
                waiting.append(step)
                if not self._talk.to_interrupt:
                    await self._compare(waiting, other)
                await self._noted(measured.spoken[-1])
            async with self.timed(measured.listening):
                await anyio.sleep(options.idle_seconds)
            tasks.cancel_scope.cancel()
        await self._game.send("listen.stop")

    async def type(self, characters: Sequence[tuple[str, str]]) -> None:
        """The typed lines."""
        measured = self._measured
        for step in plan.typed(self._options.typed, characters):
            async with self.timed(measured.talking):
                measured.typed.append(self._checked(await self._talk.type(step)))
            await self._noted(measured.typed[-1])

    @asynccontextmanager
    async def timed(self, work: Work) -> AsyncIterator[None]:
        """Count the server's processor time, unless we stand still ourselves meanwhile."""
        game = self._game
        game.stalled = 0.0
        cpu, start = await self._watch.cpu_seconds(), game.clock.now()
        yield
        if game.stalled < STALL_SECONDS:
            work.cpu += await self._watch.cpu_seconds() - cpu
            work.wall += game.clock.now() - start

    def _checked(self, line: Line) -> Line:
        """The line; without its result if we stood still meanwhile."""
        if self._game.stalled >= STALL_SECONDS:
            line.outcome, line.latency_ms, line.interruption = "disturbed", None, None
            line.why = f"the benchmark was not let run for {self._game.stalled:.1f} s"
        return line

    async def _compare(self, waiting: list[plan.SpokenStep], other: Other | None) -> None:
        """Let the other pipeline answer what was said since it was last asked."""
        asked = [*waiting]
        waiting.clear()
        if other is None:
            return
        for step in asked:
            self._game.stalled = 0.0
            answer = await other(step.character, step.clip)
            if answer is not None and self._game.stalled < STALL_SECONDS:
                self._measured.others.append(answer)

    async def _noted(self, line: Line) -> None:
        """Tell about a line that is done, and fetch the server's traces now and then, while nothing is measured."""
        measured, options = self._measured, self._options
        done, total = len(measured.spoken) + len(measured.typed), options.spoken + options.typed
        took = f"answered after {line.latency_ms:.0f} ms" if line.latency_ms is not None else line.outcome
        self._progress(f"{line.character}: {took}", done, total)
        if self._talk.to_interrupt or (done < total and done < self._fetched + _TRACES_EVERY):
            return
        self._fetched = done
        for trace in await self._lookups.traces():
            if trace["reason"] != "withdrawn" and "own_ms" in trace["timings"]:
                measured.own_ms[trace["turn"]] = trace["timings"]["own_ms"]
