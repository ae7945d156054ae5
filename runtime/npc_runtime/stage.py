"""Stage: the turn that is prepared and the turn that is played, and how either of them ends.

A turn is prepared while the player may yet go on: nothing of it has an effect before it enters the stage. There is at
most one of each. Every decision is taken without waiting: a stopped turn unwinds by itself, and its closed outbox lets
nothing out.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
import anyio.abc
import anyio.lowlevel

from npc_runtime import events
from npc_runtime.bridge import Bridge
from npc_runtime.character.barks import busy_lines
from npc_runtime.character.impulse import Incident
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import EngineError, NpcError
from npc_runtime.house import House
from npc_runtime.outbox import Outbox
from npc_runtime.outgoing import Outgoing
from npc_runtime.performance import Performance
from npc_runtime.playout import Playout
from npc_runtime.scene import Player
from npc_runtime.session import Session, heard_event
from npc_runtime.speech import Samples, Transcript
from npc_runtime.trace import Trace
from npc_runtime.turn import Turn

_AHEAD_MS = 5000.0
"""How much unplayed audio there may be before the voice waits."""
_HEARING_SECONDS = 10.0
"""How long the recognition of an utterance may take before it counts as failed."""

Finished = Callable[[Performance, str], None]
"""Receives a turn and why it is over: `done`, `interrupted` or `failed`."""


class Stage:
    """Where turns happen.

    Args:
        session: What the player and the characters share.
        outgoing: Where everything for the game leaves.
        house: What all sessions share.
        tasks: Where the work is done.
        whom: Finds whom the player means, given to whom it was said and what was heard.
        understood: Told what was heard, as soon as that is known.
        left: Told of everything that leaves the stage.
        free: Told when nothing takes its place.
        finished: Told of every turn that took effect, when it is over.
    """

    def __init__(
        self,
        session: Session,
        outgoing: Outgoing,
        house: House,
        tasks: anyio.abc.TaskGroup,
        *,
        whom: Callable[[CharacterFile, str], CharacterFile],
        understood: Callable[[Performance, Transcript], None],
        left: Callable[[Performance], None],
        free: Callable[[], None],
        finished: Finished,
    ) -> None:
        self.draft: Performance | None = None
        """What is prepared: the player may yet go on."""
        self.current: Performance | None = None
        """What the player waits for, or hears."""
        self._session = session
        self._outgoing = outgoing
        self._house = house
        self._tasks = tasks
        self._whom = whom
        self._understood = understood
        self._left = left
        self._free = free
        self._finished = finished
        self._bridge = Bridge()
        outgoing.watch(self._follow)

    @property
    def turns(self) -> int:
        """How many turns there have been."""
        return self._session.turns

    def answer(self, character: CharacterFile, samples: Samples, trace: Trace, revision: int) -> Performance:
        """Prepare the answer to what the player said aloud.

        Args:
            character: Who answers.
            samples: What was said, 16 kHz mono.
            trace: Marks from the player's last voiced sample.
            revision: The pause that is answered.
        """
        self.withdraw()
        on = self.draft = self._performance(character, trace, samples, revision)
        self._start(on, lambda: self._hear(on, samples))
        return on

    def reply(self, character: CharacterFile, text: str) -> None:
        """Answer what the player wrote."""
        self._clear()
        on = self._performance(character, Trace(self._house.clock, self._house.clock.now()))
        on.outbox.put(heard_event(self._session.typed(character, text), character.id))
        on.outbox.put(events.State(character=character.id, stage="thinking"))
        self.enter(on)
        self._start(on, lambda: self._think(on, text))

    def recite(self, character: CharacterFile, line: str) -> None:
        """Let a character say a line of its own accord."""
        self._clear()
        on = self._performance(character, Trace(self._house.clock, self._house.clock.now()))
        self.enter(on)
        self._tasks.start_soon(self._run, on, lambda: self._recite(on, line))

    def happen(self, character: CharacterFile, incident: Incident, *, perceived: Callable[[], None]) -> None:
        """Let a character do what its author planned for an event of the game, if there is anything.

        Args:
            character: Who perceives it.
            incident: The event.
            perceived: Told when the character knows of it: from then on the event is not lost, whatever comes.
        """
        self._clear()
        on = self._performance(character, Trace(self._house.clock, self._house.clock.now()))
        self.enter(on)
        self._tasks.start_soon(self._run, on, lambda: self._happen(on, incident, perceived))

    def converse(self, character: CharacterFile, partner: CharacterFile, line: str, topic: str) -> None:
        """Let a character speak to another one.

        Args:
            character: Who speaks.
            partner: To whom.
            line: What that one has said; empty when the talk begins.
            topic: What they talk about; empty for anything.
        """
        self._clear()
        on = self._performance(character, Trace(self._house.clock, self._house.clock.now()))
        on.partner = Player(partner.id, partner.name)
        self.enter(on)
        self._start(on, lambda: self._think(on, line, topic=topic))

    def enter(self, on: Performance) -> None:
        """The player has finished: the turn takes effect."""
        self._clear(but=on)
        self.draft = None
        self.current = on
        on.commit()

    def withdraw(self) -> bool:
        """Take back what is prepared.

        Returns:
            Whether there was anything.
        """
        draft, self.draft = self.draft, None
        if draft is not None:
            draft.withdraw()
        return draft is not None

    def stop(self, *, heard_ms: float | None = None) -> None:
        """End the turn on the stage: silence first, then the work, then what is remembered.

        Args:
            heard_ms: See `events.SpeechStop.heard_ms`.
        """
        if self.current is not None:
            self._end(self.current, heard_ms=heard_ms)
            self._free()

    def _end(self, on: Performance, *, heard_ms: float | None = None) -> None:
        if on.playout.sounding:
            self._outgoing.put(events.SpeechStop(turn=on.number, heard_ms=heard_ms))
        on.cancel()
        self._close(on, played_ms=on.playout.played_ms)
        on.outbox.discard()

    def _clear(self, *, but: Performance | None = None) -> None:
        if self.draft is not but:
            self.withdraw()
        if self.current is not None:
            self._end(self.current)

    def _performance(
        self, character: CharacterFile, trace: Trace, spoken: Samples | None = None, revision: int = 0
    ) -> Performance:
        playout = Playout(self._house.clock)
        return Performance(character, Outbox(self._outgoing.put), trace, playout, revision=revision, spoken=spoken)

    def _start(self, on: Performance, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.start_soon(self._run, on, lambda: self._in_place(on, work))

    async def _in_place(self, on: Performance, work: Callable[[], Awaitable[None]]) -> None:
        on.place = self._house.take_place()
        try:
            await (work() if on.place else self._recite(on, busy_lines(on.character)[0]))
        finally:
            on.leave_place()

    @contextmanager
    def _aside(self, on: Performance) -> Iterator[None]:
        """Let others have the place of a turn while it waits for the game; it then goes on, be there a place or not."""
        placed = on.place is not None
        on.leave_place()
        yield
        if placed:
            on.place = self._house.take_place()

    async def _run(self, on: Performance, work: Callable[[], Awaitable[None]]) -> None:
        with on.scope:
            try:
                await work()
                await on.committed.wait()
                await on.playout.over()
                self._close(on, played_ms=None)
                self._free()
            except Exception as error:  # a bug of ours ends the turn, never the session
                if not on.scope.cancel_called:
                    self._break(on, error)

    async def _hear(self, on: Performance, samples: Samples) -> None:
        try:
            heard = await self._recognised(on, samples)
        except Exception as error:  # whatever is wrong with the ears, the character says so
            await self._think(on, "", failure=_known(error))
            return
        on.trace.mark("stt")
        if heard.text:
            on.character = self._whom(on.character, heard.text)
        on.outbox.put(heard_event(heard, on.character.id))
        self._understood(on, heard)
        if heard.text:
            await self._think(on, heard.text)

    async def _recognised(self, on: Performance, samples: Samples) -> Transcript:
        with anyio.move_on_after(_HEARING_SECONDS):
            with on.trace.engine():
                return await self._session.transcribe(on.character, samples)
        raise EngineError(f"Speech was not recognised within {_HEARING_SECONDS:g} s.", hint="use a smaller model")

    async def _think(self, on: Performance, text: str, *, topic: str = "", failure: NpcError | None = None) -> None:
        await self._session.ready(on.character, on.partner)
        turn = on.turn = self._session.turn(
            on.character,
            on.trace,
            on.outbox,
            pace=lambda at: _pace(on, at),
            hold=lambda: self._aside(on),
            partner=on.partner,
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._bridge.cross, on, turn)
            if on.partner is not None and not text:
                await turn.begin_talk(topic)
            else:
                await turn.run(text, failure=failure)
            tasks.cancel_scope.cancel()

    async def _happen(self, on: Performance, incident: Incident, perceived: Callable[[], None]) -> None:
        await self._session.ready(on.character)
        impulse = self._session.perceive(on.character, incident)
        perceived()
        if impulse.deeds:
            on.turn = self._session.turn(on.character, on.trace, on.outbox, pace=lambda at: _pace(on, at))
            await on.turn.happen(incident, impulse)
        else:
            await self._session.witness(on.character, impulse, incident)

    async def _recite(self, on: Performance, line: str) -> None:
        await self._session.ready(on.character, on.partner)
        on.turn = self._session.turn(on.character, on.trace, on.outbox, partner=on.partner)
        await on.turn.recite("", line)

    def _close(self, on: Performance, *, played_ms: float | None) -> None:
        if on.turn is not None:
            self._session.remember(on.turn, on.turn.end(played_ms=played_ms))
            if on.turn.lived:
                self._tasks.start_soon(self._record, on.turn)
            failed = "failed" if on.turn.failed else "done"
            self._finished(on, "interrupted" if played_ms is not None else failed)
        elif on.partner is None and on.spoken is not None:  # nothing was said, or nobody knows yet what
            on.outbox.put(events.State(character=on.character.id, stage="idle"))
        self._leave(on)

    async def _record(self, turn: Turn) -> None:
        """What was lived through is kept, though the game goes away meanwhile."""
        with anyio.CancelScope(shield=True):
            try:
                await self._session.record(turn)
            except NpcError as error:
                self._outgoing.put(events.Notice(code=error.code, message=error.message, hint=error.hint))

    def _break(self, on: Performance, error: BaseException) -> None:
        known = _known(error)
        self._outgoing.put(events.Error(code=known.code, message=known.message, turn=on.number or None))
        self._outgoing.put(events.State(character=on.character.id, stage="idle"))
        on.withdraw()
        self._leave(on)
        self._free()

    def _leave(self, on: Performance) -> None:
        if self.current is on:
            self.current = None
            self._left(on)
        elif self.draft is on:
            self.draft = None

    def _follow(self, event: events.Event) -> None:
        """An event is on its way to the game."""
        on = self.current
        if isinstance(event, events.SpeechAudio) and on is not None and event.turn == on.number:
            on.playout.sent(event)


def _known(error: BaseException) -> NpcError:
    """A failure as the game is told of it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, NpcError):
        return error
    return NpcError(f"The turn failed unexpectedly: {error!r}", code="internal")


async def _pace(on: Performance, start_ms: float) -> None:
    """Let the voice be only so far ahead of what the player hears."""
    if start_ms > _AHEAD_MS:
        await on.committed.wait()
        await on.playout.reach(start_ms - _AHEAD_MS)
