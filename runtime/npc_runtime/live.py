"""A player in real time: what the game says and what the microphone hears become turns that may be interrupted.

What the game says comes in through `handle` and `audio`; everything for the game leaves through `events`.
"""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import anyio.abc
import numpy as np

from npc_runtime import events
from npc_runtime.character.barks import greetings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.reload import Change
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

_log = logging.getLogger(__name__)

_PARTIAL = 5
"""Rank of a partial transcript: behind everything that somebody waits for."""
_PAUSE_MS = 96.0
"""Silence after which the character is seen to think."""
_ECHO_MS = 400.0
"""For so long after a reply its echo may be heard."""
_AGAIN_SECONDS = 120.0
"""Who was talked to within this time is not greeted again."""
_OPENING_SECONDS = 5.0
"""How long a game waits for the memory to open; what fails then is told as it happens."""
_CARRIED = 30 * 16_000
"""Samples of an utterance that went on, after its end had been declared, that are heard again with the rest."""
_WAVERING = re.compile(r"\W*\s*\S*$")
"""The end of a partial transcript: more speech may turn the last word into another, and a full stop into none."""
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
    ) -> None:
        self._session = session
        self._outgoing = outgoing
        self._house = house
        self._finished = finished
        self._slot = slot
        self._opened = opened
        self._policy = EndpointPolicy()
        self._barge_in = BargeIn()
        self._addressed: CharacterFile | None = None
        self._talked: dict[str, float] = {}
        """When somebody last talked."""
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
        self._warming = anyio.CancelScope()
        self._tasks: anyio.abc.TaskGroup
        self._last: str | None = None
        """Id of who spoke last."""
        self._stage: Stage
        self._story: Story
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._tasks = await self._exit.enter_async_context(anyio.create_task_group())
        self._stage = Stage(
            self._session,
            self._outgoing,
            self._house,
            self._tasks,
            whom=self._meant,
            understood=self._understood,
            left=self._free,
            finished=self._finished,
        )
        self._story = Story(self._session, self._stage, self._outgoing, silent=self._silence)
        if self._opened is not None:
            with anyio.move_on_after(_OPENING_SECONDS):
                await self._opened()
        if self._slot is not None:
            await self._restore(self._slot)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stage.withdraw()
        self._stage.stop()
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
        for problem in change.problems:
            self.tell(events.Notice(code="content_error", message=str(problem), hint=problem.hint))
        if change.changed or change.gone:
            names = ", ".join((*change.changed, *change.gone))
            self.tell(events.Notice(code="content_changed", message=f"Content was read again: {names}."))
        if self._addressed is not None and self._addressed.id in change.changed:
            self._addressed = change.library.character(self._addressed.id)
            self._warm()

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
                self._typed(message.text, self._to_whom(message.to, message.text))
            case protocol.GameEvent():
                named = None if message.to is None else [self._session.character(message.to)]
                witnesses = named or witnesses_of(self._session, message.name, self._addressed)
                self._story.happened(message.name, message.params, witnesses)
            case protocol.Converse():
                characters = [self._session.character(name) for name in message.characters]
                self._story.converse(characters, message.topic or "", message.max_turns)
            case protocol.Save():
                await self._session.save(message.slot)
                self._outgoing.put(events.Saved(slot=message.slot))
            case protocol.Load():
                await self._load(message.slot)
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

    async def _restore(self, slot: str) -> None:
        """The game says which of its saves is played."""
        try:
            await self._session.load(slot)
        except InputError:  # it was made without us: nobody may remember another story
            await self._session.begin()
            message = f"Nobody remembers anything of the save `{slot}`: a new story begins."
            self._outgoing.put(events.Notice(code="unknown_slot", message=message))

    async def _load(self, slot: str) -> None:
        await self._session.load(slot)
        self._story.begin_anew()
        self._stage.withdraw()
        self._stage.stop()
        self._outgoing.put(events.Loaded(slot=slot))
        self._warm()

    def _turn_to(self, character: CharacterFile) -> None:
        self._addressed = character
        self._warm()
        now = self._house.clock.now()
        strange = now - self._talked.get(character.id, -_AGAIN_SECONDS) >= _AGAIN_SECONDS
        lines = greetings(character)
        if self._stage.current is None and self._stage.draft is None and not self._hearing_voice:
            if lines and strange:
                self._talked[character.id] = now
                self._stage.recite(character, lines[self._stage.turns % len(lines)])
            else:
                self._tell("attending")

    def _turn_away(self, character: CharacterFile) -> None:
        if self._addressed is None or self._addressed.id != character.id:
            return
        self._addressed = None
        self._session.conclude(character)
        self._forget_speech()
        self._stage.withdraw()
        on = self._stage.current
        if on is not None and on.character.id == character.id:
            self._stage.stop()
        else:
            self._outgoing.put(events.State(character=character.id, stage="idle"))
        self._last = None

    def _whom(self) -> CharacterFile:
        if self._addressed is None:
            raise InputError("Nobody is being talked to.", hint="send talk.start first", code="wrong_order")
        return self._addressed

    def _to_whom(self, to: str | None, text: str) -> CharacterFile:
        if to is not None:
            return self._session.character(to)
        meant = self._session.addressed(text, self._addressed, self._last)
        if meant is None:
            hint = "send talk.start first, say `to`, or tell who is there with `scene`"
            raise InputError("Nobody is being talked to.", hint=hint, code="wrong_order")
        return meant

    def _meant(self, character: CharacterFile, text: str) -> CharacterFile:
        """Whom the player means who has turned to a character and says this."""
        return self._session.addressed(text, character, self._last) or character

    def _silence(self) -> bool:
        return self._stage.current is None and self._stage.draft is None and not self._hearing_voice

    def _typed(self, text: str, character: CharacterFile) -> None:
        if not text.strip():
            raise InputError("There is nothing to say: the text is empty.", code="bad_message")
        self._story.leave()
        self._policy.reset(hold=self._hold)  # what was being said aloud is not finished any more
        self._forget_speech()
        self._warming.cancel()
        self._stage.reply(character, text)

    def _open_microphone(self, message: protocol.ListenStart) -> None:
        self._whom()
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

    @property
    def _hearing_voice(self) -> bool:
        return self._listener is not None and self._policy.speaking

    def _take(self, heard: list[ListenerEvent]) -> None:
        if self._addressed is None:
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
                        if self._house.goes_on is not None:
                            self._tasks.start_soon(self._doubt, on, event.samples, self._house.goes_on)
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
        self._warming.cancel()
        silence = max(0.0, self._fed_ms - event.last_voiced_ms) / 1000
        clock = self._house.clock
        samples = np.concatenate([self._carried, event.samples])[-_CARRIED:]
        self._paused_ms = event.last_voiced_ms
        return self._stage.answer(self._whom(), samples, Trace(clock, clock.now() - silence), event.revision)

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

    async def _doubt(self, on: Performance, samples: Samples, goes_on: Callable[[Samples], Awaitable[bool]]) -> None:
        """Wait longer where the sound of a pause says that the player goes on."""
        try:
            unfinished = await goes_on(samples)
        except Exception:
            _log.exception("Smart Turn failed")  # the words and the melody decide, as they do without it
            return
        if unfinished and self._listener is not None and self._stage.draft is on:
            self._listener.veto(on.revision)

    def _forget_speech(self) -> None:
        self._paused_ms = None
        self._carried = _NONE

    def _show(self, samples: Samples) -> None:
        """Tell the game what has been understood so far, unless it is the character's own voice, or nobody's."""
        if self._listener is None:
            return
        if self._addressed is None or self._murmur:
            self._listener.partial_done()
        else:
            self._tasks.start_soon(self._understand, samples, self._addressed, self._listener)

    async def _understand(self, samples: Samples, character: CharacterFile, listener: Listener) -> None:
        try:
            heard = await self._session.transcribe(character, samples, rank=_PARTIAL)
        except Exception:  # the final transcript will say what is wrong
            return
        finally:
            listener.partial_done()
        if heard.text and not self._murmur and self._hearing_voice:
            self._outgoing.put(heard_event(heard, character.id, final=False))
            if self._stage.draft is None:
                self._warm(said=_WAVERING.sub("", heard.text))

    def _free(self, on: Performance) -> None:
        """A turn has left the stage."""
        self._talked[on.character.id] = self._house.clock.now()
        if on.partner is None:
            self._last = on.character.id
        self._quiet_ms = self._fed_ms
        if self._listener is not None:
            self._listener.character_stops()
        self._warm()
        self._story.over(on)

    def _warm(self, said: str = "") -> None:
        """Let the prompt be read before it is needed, with what has been said of it."""
        self._warming.cancel()
        if self._addressed is not None and not self._tasks.cancel_scope.cancel_called:
            self._warming = anyio.CancelScope()
            self._tasks.start_soon(self._approach, self._addressed.id, said, self._warming)

    async def _approach(self, character: str, said: str, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                await self._session.approach(character, said=said)
            except Exception:  # nobody waits for it; the turn itself will say what is wrong
                _log.exception("the prompt of %s could not be read ahead", character)

    def _think(self) -> None:
        self._paused_ms = None
        self._tell("thinking")

    def _tell(self, attitude: Attitude) -> None:
        if self._addressed is not None:
            self._outgoing.put(events.State(character=self._addressed.id, stage=attitude))
