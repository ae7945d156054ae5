"""A player in real time: what the game says and what the microphone hears become turns that may be interrupted.

What the game says comes in through `handle` and `audio`; everything for the game leaves through `events`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import anyio.abc
import numpy as np

from npc_runtime import events
from npc_runtime.ahead import Ahead
from npc_runtime.attention import Attention
from npc_runtime.character.barks import greetings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.reload import Change
from npc_runtime.errands import Errands
from npc_runtime.errors import InputError
from npc_runtime.events import Stage as Attitude
from npc_runtime.house import House
from npc_runtime.outgoing import Outgoing
from npc_runtime.performance import Performance
from npc_runtime.server import protocol
from npc_runtime.session import Session, heard_event
from npc_runtime.speech import Samples, Transcript
from npc_runtime.stage import Finished, Stage
from npc_runtime.story import Story, witnesses_of
from npc_runtime.stt.bargein import BargeIn
from npc_runtime.stt.endpoint import EndpointPolicy
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
_ECHO_MS = 400.0
"""For so long after a reply its echo may be heard."""
_CARRIED = 30 * 16_000
"""Samples of an utterance that went on, after its end had been declared, that are heard again with the rest."""
_NONE = np.zeros(0, np.float32)


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
        self._policy = EndpointPolicy()
        self._barge_in = BargeIn()
        self._attention = Attention(session, house.clock)
        self._listener: Listener | None = None
        self._hold = False
        """Whether the listener belongs to a push-to-talk key."""
        self._fed_ms = 0.0
        """Audio that the listener was given: its clock."""
        self._quiet_ms = 0.0
        """On that clock, when the last turn left the stage."""
        self._paused_ms: float | None = None
        """On that clock, where the voice paused; None unless that is still to be told."""
        self._murmur = False
        """Whether the voice that is heard began over the character's, and has not yet proved to be the player's."""
        self._carried: Samples = _NONE
        """Speech whose answer was taken back before it sounded, because the player went on."""
        self._errands: Errands
        self._tasks: anyio.abc.TaskGroup
        self._ahead: Ahead
        self._stage: Stage
        self._story: Story
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._tasks = await self._exit.enter_async_context(anyio.create_task_group())
        self._ahead = Ahead(self._session, self._tasks, self._meet)
        self._errands = Errands(self._session, self._outgoing, self._tasks, self._house.clock)
        self._session.answers = self._errands if self._answers else None
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
        await self._story.open(self._slot, self._opened)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._story.begin_anew()
        self._stage.withdraw()
        self._stage.stop()
        self._errands.abandon()
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
                self._errands.abandon()
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
        listener = self._listener
        if listener is None:
            raise InputError("Audio came without listen.start.", hint="send listen.start first", code="wrong_order")
        if self._stage.current is not None:
            listener.character_speaks(self._stage.current.playout.level_db)
        self._fed_ms += len(pcm) / 2 * 1000 / listener.rate
        self._take(listener.feed(pcm))
        if self._paused_ms is not None and self._fed_ms - self._paused_ms >= _PAUSE_MS:
            self._think()

    def _turn_to(self, character: CharacterFile) -> None:
        self._attention.turned_to = character
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
        return self._stage.current is None and self._stage.draft is None and not self._hearing_voice

    def _typed(self, text: str, character: CharacterFile) -> None:
        if not text.strip():
            raise InputError("There is nothing to say: the text is empty.", code="bad_message")
        self._story.leave()
        self._policy.reset(hold=self._hold)  # what was being said aloud is not finished any more
        self._forget_speech()
        self._ahead.stop()
        self._stage.reply(character, text)

    def _open_microphone(self, message: protocol.ListenStart) -> None:
        self._attention.whom()
        self._stage.withdraw()
        self._listener = Listener(self._house.detector(), self._policy, message.rate, message.mode, self._barge_in)
        self._forget_speech()
        self._hold = message.mode == "push_to_talk"
        self._fed_ms = self._quiet_ms = 0.0
        self._murmur = False
        if self._stage.current is None:
            self._tell("listening")

    def _close_microphone(self) -> None:
        if self._listener is None:
            raise InputError("Nothing is being listened to.", hint="send listen.start first", code="wrong_order")
        self._take(self._listener.stop())
        self._listener = None
        self._story.go_on()

    @property
    def _hearing_voice(self) -> bool:
        return self._listener is not None and self._policy.speaking

    def _take(self, heard: list[ListenerEvent]) -> None:
        if self._attention.turned_to is None:
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
                    if not self._murmur and self._stage.current is None:
                        self._tell("idle")
                    self._story.go_on()

    def _voice_starts(self) -> None:
        self._murmur = self._stage.current is not None
        if not self._murmur:
            self._story.leave()
            self._tell("attending")
            self._warm()

    def _interrupted(self, at_ms: float) -> None:
        on = self._stage.current
        self._murmur = False
        self._story.leave()
        if on is not None:
            if not on.playout.sounding and on.spoken is not None:
                self._carried = on.spoken
            self._stage.stop(heard_ms=at_ms)
            self._tell("attending")

    def _is_players(self, last_voiced_ms: float) -> bool:
        """Whether a voice is the player's, although it began while the character's own came from the speakers."""
        if self._stage.current is None and last_voiced_ms > self._quiet_ms + _ECHO_MS:
            self._murmur = False
        return not self._murmur

    def _answer(self, event: ProvisionalEnd | Commit) -> Performance:
        self._ahead.stop()
        silence = max(0.0, self._fed_ms - event.last_voiced_ms) / 1000
        clock = self._house.clock
        samples = np.concatenate([self._carried, event.samples])[-_CARRIED:]
        self._paused_ms = event.last_voiced_ms
        return self._stage.answer(self._attention.whom(), samples, Trace(clock, clock.now() - silence), event.revision)

    def _ended(self, event: Commit) -> None:
        draft = self._stage.draft
        if draft is not None and draft.revision == event.revision:
            self._enter(draft)
        elif self._is_players(event.last_voiced_ms) or self._hold:  # a held key says whose voice it is
            self._enter(self._answer(event))

    def _enter(self, draft: Performance) -> None:
        if self._paused_ms is not None:
            self._think()
        self._carried = _NONE
        self._stage.enter(draft)
        if self._listener is not None:
            self._listener.character_speaks()

    def _understood(self, on: Performance, heard: Transcript) -> None:
        """What was said is known: that may make it certain that it was all."""
        if self._listener is not None and self._stage.draft is on:
            self._take(self._listener.hint(turn_hint(heard.text, heard.language), on.revision))

    async def _doubt(self, on: Performance, samples: Samples) -> None:
        """Wait longer where the sound of a pause says that the player goes on."""
        if await self._house.sounds_unfinished(samples) and self._listener is not None and self._stage.draft is on:
            self._listener.veto(on.revision)

    def _forget_speech(self) -> None:
        self._paused_ms = None
        self._carried = _NONE

    def _show(self, samples: Samples) -> None:
        """Tell the game what has been understood so far, unless it is the character's own voice, or nobody's."""
        if self._listener is None:
            return
        if self._attention.turned_to is None or self._murmur:
            self._listener.partial_done()
        else:
            self._tasks.start_soon(self._understand, samples, self._attention.turned_to, self._listener)

    async def _understand(self, samples: Samples, character: CharacterFile, listener: Listener) -> None:
        try:
            heard = await self._ahead.hear(character, samples)
        finally:
            listener.partial_done()
        if heard is not None and not self._murmur and self._hearing_voice:
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
        self._quiet_ms = self._fed_ms
        if self._listener is not None:
            self._listener.character_stops()
        self._warm()

    def _warm(self, said: str = "") -> None:
        """Let the prompt be read before it is needed, with what has been said of it."""
        if self._attention.turned_to is not None and not self._tasks.cancel_scope.cancel_called:
            self._ahead.read(self._attention.turned_to.id, said)

    def _think(self) -> None:
        self._paused_ms = None
        self._tell("thinking")

    def _tell(self, attitude: Attitude) -> None:
        if self._attention.turned_to is not None:
            self._outgoing.put(events.State(character=self._attention.turned_to.id, stage=attitude))
