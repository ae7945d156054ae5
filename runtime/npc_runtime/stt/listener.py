"""Listener: the ears for live audio. Bytes from a microphone go in, what the player does with the voice comes out.

Synchronous, without threads and clocks: time is counted in samples. Every frame is judged by the voice detector and
then by the end-of-turn policy; the listener keeps the audio that the policy's decisions refer to.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from npc_runtime.speech import Samples
from npc_runtime.stt.bargein import BargeIn, level_db
from npc_runtime.stt.endpoint import Decision, EndpointPolicy, Move, TurnHint
from npc_runtime.stt.frames import FRAME_MS, Frame, Framer
from npc_runtime.stt.tone import ending
from npc_runtime.stt.vad import STILL

Mode = Literal["push_to_talk", "open_mic"]

PRE_ROLL_MS = 320.0
"""Kept from before the first voiced frame: soft onsets are below what the detector sees."""
PARTIAL_MS = 900.0
"""Speech between two partial transcripts."""
_STRETCH = 0.1
"""In long speech partials are this part of its length apart, because each one costs more."""
_NOISE_MS = 640.0
"""A noise this short before a voice may have been a soft first word, and is kept with it."""
_SOFT_DB = 32.0
"""Below the loudest of the utterance from which there is no voice: the detector goes on for up to a tenth of a second
after one, in the last of its echo."""
_FORGET_DB = 0.1
"""By how much the loudest fades per frame, 3 dB a second: a bang must not make what is said after it inaudible."""
_UNVOICED_MS = 30_000.0
"""Kept of a push-to-talk turn in which the detector hears no voice: recognition amplifies, and may."""


class Detector(Protocol):
    """The probability of speech, frame by frame."""

    def __call__(self, frame: Samples) -> float:
        """Judge the next frame of 512 samples at 16 kHz."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


@dataclass(frozen=True, slots=True)
class VoiceStart:
    """The player begins to speak."""

    at_ms: float
    """Start of the first voiced frame, since the start of listening."""


@dataclass(frozen=True, slots=True, eq=False)
class ProvisionalEnd:
    """The voice pauses: perhaps this was all."""

    samples: Samples
    """From the pre-roll until now, 16 kHz mono."""
    last_voiced_ms: float
    """End of the last voiced frame, since the start of listening."""
    revision: int
    """Names this pause."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The voice came back, or had only grown soft: work for this pause is void."""

    revision: int


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """The turn is over."""

    samples: Samples
    """From the pre-roll until now, 16 kHz mono."""
    last_voiced_ms: float
    revision: int
    """The pause that became the end, whose work counts; 0 if there was none."""
    too_long: bool = False
    """Whether it was cut off for its length: the voice may be going on."""


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """Speech so far, to be shown while it goes on."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Nothing:
    """What was heard is no turn."""

    reason: Literal["noise", "silence"]


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The player talks over the character that is speaking; the turn that holds these words has begun before."""

    at_ms: float
    """End of the frame that decided."""


ListenerEvent = Interrupted | VoiceStart | ProvisionalEnd | Resumed | Commit | Partial | Nothing


class Listener:
    """Hears one microphone.

    Args:
        vad: The voice detector.
        policy: Decides where turns begin and end; it keeps what it has learned about the player.
        rate: Samples per second of the stream.
        mode: Who ends a turn: the key (`push_to_talk`) or a silence (`open_mic`).
        barge_in: Tells the player from the character's own voice; it keeps what it has learned about the room.

    Raises:
        InputError: The rate cannot be used.
    """

    def __init__(
        self,
        vad: Detector,
        policy: EndpointPolicy,
        rate: int,
        mode: Mode = "open_mic",
        barge_in: BargeIn | None = None,
    ) -> None:
        self.rate = rate
        """Samples per second of the stream."""
        self._framer = Framer(rate)
        self._vad = vad
        self._policy = policy
        self._barge_in = barge_in or BargeIn()
        self._speaking = False
        self._played_db: float | None = None
        self._hold = mode == "push_to_talk"
        self._offset = policy.now_ms
        """The policy's clock when this stream began: it outlives the stream."""
        before = PRE_ROLL_MS + policy.settings.start_ms + policy.settings.least_ms + _NOISE_MS
        self._keep = math.ceil((_UNVOICED_MS if self._hold else before) / FRAME_MS)
        self._frames: deque[Frame] = deque()
        self._noise = -math.inf, -math.inf
        """Where the last noise began and ended."""
        self._loudest = 0.0
        self._loudest_db = -math.inf
        """Of the frames of this utterance that the detector is sure of."""
        self._melody_due = False
        """Whether it is still to be judged how the voice ended."""
        self._outstanding = False
        self._next_partial = 0.0
        policy.reset(hold=self._hold)
        vad.reset()

    def feed(self, pcm: bytes) -> list[ListenerEvent]:
        """Take the next bytes.

        Args:
            pcm: Signed 16 bits, little-endian, mono, of any length; an odd byte waits for its other half.

        Raises:
            AudioError: The chunk is absurdly long. Nothing of it is used.
        """
        return self._hear(self._framer.feed(pcm))

    def stop(self) -> list[ListenerEvent]:
        """The key is released, or the microphone is closed: whatever turn there is ends now."""
        events = self._hear(self._framer.flush())
        decision = self._policy.release()
        if decision.move is not Move.NONE:
            events += self._events(decision)
        elif self._hold and not any(isinstance(event, Commit) for event in events):
            if self._loudest >= STILL:
                events.append(Commit(self._audio(), self._framer.now_ms, 0))
            else:
                events.append(Nothing("silence"))
        self._frames.clear()
        self._loudest = 0.0
        self._vad.reset()
        return events

    def character_speaks(self, played_db: float | None = None) -> None:
        """From now on a voice is an interruption, unless it is the character's own from the speakers.

        A turn that begins and ends meanwhile without `Interrupted` is echo or a murmur, and nobody's turn.

        Args:
            played_db: Level of what is being played, see `level_db`; told again as it changes. None for a headset.
        """
        if not self._speaking:
            self._barge_in.reset()
        self._speaking = True
        self._played_db = played_db

    def character_stops(self) -> None:
        """Nothing is played any more: what is heard is the player."""
        self._speaking = False
        self._played_db = None

    def hint(self, hint: TurnHint, revision: int) -> list[ListenerEvent]:
        """What the words of a pause say, as soon as they are known: the turn may be over without another frame.

        Args:
            hint: Whether they are finished.
            revision: The pause; a hint for another one is ignored.
        """
        self._policy.hint(hint, revision)
        return self._events(self._policy.due())

    def veto(self, revision: int) -> None:
        """A model that has heard a pause says that the player goes on: wait longer, however finished it sounds.

        Args:
            revision: The pause; a veto in another one is ignored.
        """
        self._policy.veto(revision)

    def partial_done(self) -> None:
        """The last partial has been transcribed or dropped: there may be another."""
        self._outstanding = False

    def _hear(self, frames: Iterable[Frame]) -> list[ListenerEvent]:
        events: list[ListenerEvent] = []
        for frame in frames:
            self._frames.append(frame)
            p_speech = self._vad(frame.samples)
            level = level_db(frame.samples)
            decision = self._policy.feed(FRAME_MS, p_speech if self._audible(p_speech, level) else 0.0)
            events += self._events(decision)
            silence = self._policy.now_ms - decision.last_voiced_ms
            if self._policy.paused and self._melody_due and silence >= self._policy.settings.gap_ms:
                self._melody_due = False  # not at the provisional end: the voice may still be dying away
                self._policy.tone(ending(self._audio()))
            # Fed all the time: it learns how loud the room is.
            decided = self._barge_in.feed(FRAME_MS, p_speech, level, self._played_db)
            if decided and self._speaking:
                events.append(Interrupted(frame.end_ms))
            if not self._policy.speaking:
                self._forget()
            elif not self._policy.paused and p_speech >= self._policy.settings.enter:  # else it may be about to end
                events += self._partial(frame.end_ms)
        return events

    def _audible(self, p_speech: float, level: float) -> bool:
        """Whether a frame is loud enough to hold the voice of this utterance."""
        self._loudest_db = self._loudest_db - _FORGET_DB if self._policy.speaking else -math.inf
        if p_speech >= self._policy.settings.enter:
            self._loudest_db = max(self._loudest_db, level)
        return level >= self._loudest_db - _SOFT_DB

    def _events(self, decision: Decision) -> list[ListenerEvent]:
        last_voiced = decision.last_voiced_ms - self._offset
        match decision.move:
            case Move.VOICE_START:
                start = decision.start_ms - self._offset
                self._drop((self._noise[0] if start - self._noise[1] <= _NOISE_MS else start) - PRE_ROLL_MS)
                self._next_partial = start + PARTIAL_MS
                return [VoiceStart(start)]
            case Move.PROVISIONAL_END:
                self._melody_due = True
                return [ProvisionalEnd(self._audio(), last_voiced, decision.revision)]
            case Move.RESUMED:
                return [Resumed(decision.revision)]
            case Move.COMMIT:
                audio = self._audio()
                self._drop(last_voiced)  # the onset of the next word may already be there
                self._loudest = 0.0
                return [Commit(audio, last_voiced, decision.revision)]
            case Move.TOO_LONG:
                audio = self._audio()
                self._frames.clear()
                self._loudest = 0.0
                return [Commit(audio, last_voiced, decision.revision, too_long=True)]
            case Move.NOISE:
                self._noise = decision.start_ms - self._offset, last_voiced
                return [Nothing("noise")]
            case Move.NONE:
                return []

    def _partial(self, now_ms: float) -> list[ListenerEvent]:
        if self._outstanding or now_ms < self._next_partial:
            return []
        self._outstanding = True
        self._next_partial = now_ms + max(PARTIAL_MS, _STRETCH * len(self._frames) * FRAME_MS)
        return [Partial(self._audio())]

    def _audio(self) -> Samples:
        if not self._frames:
            return np.zeros(0, np.float32)
        return np.concatenate([frame.samples for frame in self._frames])

    def _drop(self, before_ms: float) -> None:
        while self._frames and self._frames[0].start_ms < before_ms:
            self._frames.popleft()

    def _forget(self) -> None:
        """Between turns only the pre-roll is kept, or in push-to-talk what may be speech too soft to be detected."""
        if self._hold and self._frames:
            self._loudest = max(self._loudest, float(np.abs(self._frames[-1].samples).max()))
        while len(self._frames) > self._keep:
            self._frames.popleft()
