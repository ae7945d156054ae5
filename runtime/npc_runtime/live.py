"""A player in real time: what the game says and what the microphone hears become turns that may be interrupted.

What the game says comes in through `handle` and `audio`; everything for the game leaves through `events`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import anyio.abc

from npc_runtime import events
from npc_runtime.ahead import Ahead
from npc_runtime.attention import Attention
from npc_runtime.character.barks import greetings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.reload import Change
from npc_runtime.errands import Errands
from npc_runtime.errors import InputError
from npc_runtime.events import Stage as Attitude
from npc_runtime.hearing import Hearing
from npc_runtime.house import House
from npc_runtime.outgoing import Outgoing
from npc_runtime.performance import Performance
from npc_runtime.server import protocol
from npc_runtime.session import Session, heard_event
from npc_runtime.speech import Samples, Transcript
from npc_runtime.stage import Finished, Stage
from npc_runtime.story import Story, witnesses_of
from npc_runtime.stt.hint import turn_hint
from npc_runtime.stt.listener import (
    Commit,
    Interrupted,
    Listener,
    ListenerEvent,
    Nothing,
    Partial,
    ProvisionalEnd,
    Resumed,
    VoiceStart,
)
from npc_runtime.trace import Trace

_PAUSE_MS = 96.0
"""Silence after which the character is seen to think."""


class Live:
    """One live session; see `server.live.LiveSession`.

    Args:
        session: What this player and the characters share; it emits into `outgoing`.
        outgoing: Where everything for the game leaves.
        house: What all sessions share.
        finished: Told of every turn that took effect, when it is over.
        slot: The save of the game that is played, if the game says so.
        opened: Waits until what the characters remember can be used.
        meet: Makes a character ready to be talked to, where that takes long.
        answers: Whether the game says how actions went.
    """

    def __init__(
        self,
        session: Session,
        outgoing: Outgoing,
        house: House,
        *,
        finished: Finished = lambda on, reason: None,
        slot: str | None = None,
        opened: Callable[[], Awaitable[None]] | None = None,
        meet: Callable[[CharacterFile], Awaitable[None]] | None = None,
        answers: bool = True,
    ) -> None:
        self._answers = answers
        self._session = session
        self._outgoing = outgoing
        self._house = house
        self._finished = finished
        self._slot = slot
        self._opened = opened
        self._meet = meet
        self._attention = Attention(session, house.clock)
        self._hearing = Hearing(house)
        self._paused_ms: float | None = None
        """On the clock of `Hearing`, where the voice paused; None unless that is still to be told."""
        self._errands: Errands
        self._tasks: anyio.abc.TaskGroup
        self._ahead: Ahead
        self._stage: Stage
        self._story: Story
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._tasks = await self._exit.enter_async_context(anyio.create_task_group())
        self._ahead = Ahead(self._session, self._tasks, self._meet)
        self._errands = self._session.answers = Errands(
            self._session.deeds, self._outgoing, self._tasks, self._house.clock, expected=self._answers
        )
        self._tasks.start_soon(self._errands.run)
        self._stage = Stage(
            self._session,
            self._outgoing,
            self._house,
            self._tasks,
            whom=self._attention.redirected,
            understood=self._understood,
            left=self._left,
            free=lambda: self._story.go_on(),
            finished=self._finished,
        )
        self._story = Story(self._session, self._stage, self._outgoing, silent=self._silence)
        self._session.join()
        await self._story.open(self._slot, self._opened)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._session.leave()
        self._story.begin_anew()
        self._stage.withdraw()
        self._stage.stop()
        self._errands.close()
        self._tasks.cancel_scope.cancel()
        try:
            await self._exit.aclose()
        finally:
            self._outgoing.close()

    def tell(self, event: events.Event) -> None:
        """Tell the game something that concerns all sessions."""
        self._outgoing.put(event)

    def take(self, change: Change) -> None:
        """Go on with content that was edited; what is being said is said to its end."""
        on = self._attention.turned_to
        if on is not None and on.id in change.changed:
            self._attention.turned_to = change.library.character(on.id)
            self._warm()
        elif on is not None and on.id in change.gone:
            self._turn_away(on, at_once=False)

    @property
    def events(self) -> AsyncIterator[events.Event]:
        """Everything for the game, in order."""
        return self._outgoing.stream()

    async def handle(self, message: protocol.ClientMessage) -> None:
        """Take in what the game says; see `server.live.LiveSession`."""
        on = self._stage.current
        match message:
            case protocol.SetScene() | protocol.UpdateScene():
                self._session.scene = message.onto(self._session.scene)
            case protocol.TalkStart():
                self._turn_to(self._session.character(message.character))
            case protocol.TalkStop():
                self._turn_away(self._session.character(message.character))
            case protocol.PlayerText():
                self._typed(message.text, self._attention.meant_by(message.text, message.to))
            case protocol.GameEvent():
                named = None if message.to is None else [self._session.character(message.to)]
                witnesses = named or witnesses_of(self._session, message.name, self._attention.turned_to)
                self._story.happened(message.name, message.params, witnesses)
            case protocol.Converse():
                characters = [self._session.character(name) for name in message.characters]
                self._story.converse(characters, message.topic or "", message.max_turns)
            case protocol.Save():
                await self._session.save(message.slot)
                self._outgoing.put(events.Saved(slot=message.slot))
            case protocol.Load():
                await self._story.load(message.slot)
                self._errands.forget()
                self._warm()
            case protocol.ListenStart():
                self._open_microphone(message)
            case protocol.ListenStop():
                self._close_microphone()
            case protocol.Interrupt() if on is not None and message.turn in (None, on.number):
                self._story.leave()
                self._stage.stop()
            case protocol.Playback() if on is not None and message.turn == on.number:
                on.playout.report(message.played_ms, done=message.done)
            case protocol.Interrupt() | protocol.Playback():
                pass  # a turn that is over meanwhile
            case protocol.ActionResult():
                self._errands.tell(message.id, message.status, message=message.message, result=message.result)
            case protocol.ActionConfirm():
                self._errands.confirm(message.id, message.allow)
            case _:
                raise InputError(f"This version does not act on {message.type} yet.", code="not_available")

    async def audio(self, pcm: bytes) -> None:
        """Take in microphone audio; see `server.live.LiveSession`."""
        on = self._stage.current
        level_db = on.playout.level_db if on is not None else None
        self._take(self._hearing.feed(pcm, level_db=level_db, speaking=on is not None))
        if self._paused_ms is not None and self._hearing.fed_ms - self._paused_ms >= _PAUSE_MS:
            self._think()

    def _turn_to(self, character: CharacterFile) -> None:
        self._attention.turn_to(character)
        self._warm()
        lines = greetings(character)
        if not self._silence():
            return
        if lines and self._attention.is_strange(character):
            self._stage.recite(character, lines[self._stage.turns % len(lines)])
        else:
            self._tell("attending")

    def _turn_away(self, character: CharacterFile, *, at_once: bool = True) -> None:
        """Nobody is talked to any more; what is being said is broken off, or said to its end."""
        if self._attention.turned_to is None or self._attention.turned_to.id != character.id:
            return
        self._attention.turned_to = None
        self._session.conclude(character)
        self._forget_speech()
        self._stage.withdraw()
        on = self._stage.current
        if on is None or on.character.id != character.id:
            self._outgoing.put(events.State(character=character.id, stage="idle"))
        elif at_once:
            self._stage.stop()
        self._attention.leave()
        self._story.go_on()

    def _silence(self) -> bool:
        return self._stage.current is None and self._stage.draft is None and not self._hearing.voice

    def _typed(self, text: str, character: CharacterFile) -> None:
        if not text.strip():
            raise InputError("There is nothing to say: the text is empty.", code="bad_message")
        self._story.leave()
        self._hearing.break_off()
        self._forget_speech()
        self._ahead.stop()
        self._stage.reply(character, text)

    def _open_microphone(self, message: protocol.ListenStart) -> None:
        self._attention.listen()
        self._stage.withdraw()
        self._hearing.open(message.rate, message.mode)
        self._forget_speech()
        if self._stage.current is None:
            self._tell("listening")

    def _close_microphone(self) -> None:
        self._take(self._hearing.stop())
        self._hearing.listener = None
        self._story.go_on()

    def _take(self, heard: list[ListenerEvent]) -> None:
        if self._attention.facing is None:
            heard = [event for event in heard if isinstance(event, Partial)]
        for event in heard:
            match event:
                case VoiceStart():
                    self._voice_starts()
                case Interrupted(at_ms):
                    self._interrupted(at_ms)
                case ProvisionalEnd():
                    if self._is_players(event.last_voiced_ms):
                        on = self._answer(event)
                        if self._house.doubts:
                            self._tasks.start_soon(self._doubt, on, event.samples)
                case Resumed():
                    if self._stage.withdraw() and self._paused_ms is None:
                        self._tell("attending")
                    self._paused_ms = None
                case Commit():
                    self._ended(event)
                case Partial():
                    self._show(event.samples)
                case Nothing():
                    if not self._hearing.murmur and self._stage.current is None:
                        self._tell("idle")
                    self._story.go_on()

    def _voice_starts(self) -> None:
        self._hearing.murmur = self._stage.current is not None
        if not self._hearing.murmur:
            self._story.leave()
            self._tell("attending")
            self._warm()

    def _interrupted(self, at_ms: float) -> None:
        on = self._stage.current
        self._hearing.murmur = False
        self._story.leave()
        if on is not None:
            acted = on.turn is not None and on.turn.acted  # what was done is not to be asked for again
            if not on.playout.sounding and on.spoken is not None and not acted:
                self._hearing.carried = on.spoken
            self._stage.stop(heard_ms=at_ms)
            self._tell("attending")

    def _is_players(self, last_voiced_ms: float) -> bool:
        return self._hearing.is_players(last_voiced_ms, quiet=self._stage.current is None)

    def _answer(self, event: ProvisionalEnd | Commit) -> Performance:
        self._ahead.stop()
        silence = max(0.0, self._hearing.fed_ms - event.last_voiced_ms) / 1000
        clock = self._house.clock
        samples = self._hearing.with_carried(event.samples)
        self._paused_ms = event.last_voiced_ms
        return self._stage.answer(self._attention.whom(), samples, Trace(clock, clock.now() - silence), event.revision)

    def _ended(self, event: Commit) -> None:
        draft = self._stage.draft
        if draft is not None and draft.revision == event.revision:
            self._enter(draft)
        elif self._is_players(event.last_voiced_ms) or self._hearing.held:  # a held key says whose voice it is
            self._enter(self._answer(event))

    def _enter(self, draft: Performance) -> None:
        if self._paused_ms is not None:
            self._think()
        self._hearing.drop_carried()
        self._stage.enter(draft)
        self._hearing.character_speaks()

    def _understood(self, on: Performance, heard: Transcript) -> None:
        """What was said is known: that may make it certain that it was all."""
        if self._hearing.listener is not None and self._stage.draft is on:
            self._take(self._hearing.listener.hint(turn_hint(heard.text, heard.language), on.revision))

    async def _doubt(self, on: Performance, samples: Samples) -> None:
        """Wait longer where the sound of a pause says that the player goes on."""
        if (
            await self._house.sounds_unfinished(samples)
            and self._hearing.listener is not None
            and self._stage.draft is on
        ):
            self._hearing.listener.veto(on.revision)

    def _forget_speech(self) -> None:
        self._paused_ms = None
        self._hearing.drop_carried()

    def _show(self, samples: Samples) -> None:
        """Tell the game what has been understood so far, unless it is the character's own voice, or nobody's."""
        if self._hearing.listener is None:
            return
        facing = self._attention.facing
        if facing is None or self._hearing.murmur:
            self._hearing.listener.partial_done()
        else:
            self._tasks.start_soon(self._understand, samples, facing, self._hearing.listener)

    async def _understand(self, samples: Samples, character: CharacterFile, listener: Listener) -> None:
        try:
            heard = await self._ahead.hear(character, samples)
        finally:
            listener.partial_done()
        if heard is not None and not self._hearing.murmur and self._hearing.voice:
            self._outgoing.put(heard_event(heard, character.id, final=False))
            if self._stage.draft is None:
                self._warm(said=heard.text)

    def _left(self, on: Performance) -> None:
        """A turn, or a happening that nobody said anything about, has left the stage."""
        self._story.over(on)
        if on.turn is None and on.spoken is None:
            return
        if on.partner is None:
            self._attention.spoke(on.character)
        self._hearing.character_stops()
        self._warm()

    def _warm(self, said: str = "") -> None:
        """Let the prompt be read before it is needed, with what has been said of it."""
        facing = self._attention.facing
        if facing is not None and not self._tasks.cancel_scope.cancel_called:
            self._ahead.read(facing.id, said)

    def _think(self) -> None:
        self._paused_ms = None
        self._tell("thinking")

    def _tell(self, attitude: Attitude) -> None:
        facing = self._attention.facing
        if facing is not None:
            self._outgoing.put(events.State(character=facing.id, stage=attitude))
