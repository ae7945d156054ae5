"""Endpoint: when the player's turn begins, pauses and ends. Counters only: no audio, no clock, no input or output.

The sooner a turn is declared over, the sooner the reply comes, and the more often it cuts into a pause. So the delay
depends on the words (see `hint`) and on the melody (see `tone`) where they are known in time, and on this player's own
pauses, whose moving average moves it between a floor and a ceiling.
"""

from dataclasses import dataclass
from enum import Enum

from npc_runtime.stt.hint import TurnHint, turn_hint
from npc_runtime.stt.tone import Tone

__all__ = ["Decision", "EndpointPolicy", "EndpointSettings", "Move", "TurnHint", "turn_hint"]


class Move(Enum):
    """What a frame decided."""

    NONE = "none"
    VOICE_START = "voice_start"
    PROVISIONAL_END = "provisional_end"
    """The voice paused: decode, and prepare the reply."""
    RESUMED = "resumed"
    """The voice came back, or had only grown soft: what was prepared is void."""
    COMMIT = "commit"
    """The turn is over."""
    TOO_LONG = "too_long"
    """The turn is over because it has grown too long; the voice may be going on."""
    NOISE = "noise"
    """What began was too short for speech."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a frame decided; times are on the policy's own clock, which counts the chunks that it was fed."""

    move: Move
    start_ms: float
    """Where the voice began."""
    last_voiced_ms: float
    """Where the voice was last heard."""
    revision: int
    """Counts the pauses of an utterance: work for an older one is void."""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Thresholds; all times in milliseconds.

    The delays were tuned on one half of a set of recorded sentences with and without pauses and checked on the other by
    `tests/bench/bench_endpoint.py`.
    """

    enter: float = 0.5
    """Probability of speech that a voice begins with."""
    leave: float = 0.35
    """Probability of speech below which it pauses."""
    start_ms: float = 64
    """Voice that starts an utterance, or takes it up again."""
    least_ms: float = 128
    """Voice that an utterance must hold: a shorter burst is a noise."""
    doubt: float = 0.5
    """Probability of speech below which it may be about to pause; between `leave` and `enter`."""
    provisional_ms: float = 32
    """Doubt after which the reply is prepared: one frame. Speech holds as much about every four seconds, and work that
    is taken back in time costs little."""
    gap_ms: float = 96
    """Silence that a voice may hold, such as a stop consonant: less is no pause of the player's."""
    initial_ms: float = 320
    """Where the learned delay begins, with a player of whom nothing is known."""
    usual_ms: float = 180
    """What right ends bring it back to."""
    floor_ms: float = 180
    ceiling_ms: float = 700
    unsure_ms: float = 210
    """Waited on top of the learned delay when the words leave it open whether the player has finished, or are unknown,
    and when a question does not sound like its end."""
    open_ms: float = 180
    """Waited on top of the learned delay when the words are finished and the melody is not."""
    unfinished_ms: float = 950
    """Waited on top of the learned delay after words that must go on."""
    cap_ms: float = 2000
    """Silence after which any turn is over."""
    longest_ms: float = 60_000
    """Length after which any turn is over."""
    regret_ms: float = 500
    """A voice that comes back this soon after the end was not answering the reply: the end came too early."""
    margin_ms: float = 80
    """By how much the delay stays above the average pause."""
    learn_down: float = 0.05
    """Weight in the average of a pause that is shorter than it."""
    learn_up: float = 0.2
    """Weight of a longer one: cutting in is worse than waiting."""
    learn_regret: float = 0.35
    """Weight of a pause that was taken for the end."""
    forget: float = 0.15
    """By how much a right end brings the delay back to the usual one: one hesitation is not a habit."""


_CLOSING = frozenset(
    [(hint, tone) for hint in (TurnHint.FINISHED, TurnHint.QUESTION) for tone in (Tone.FALLING, None)]
    + [(TurnHint.QUESTION, Tone.RISING)]
)
"""Words and melodies that end a turn together; a statement that rises is going on."""


class _State(Enum):
    IDLE = 0
    SPEAKING = 1
    PAUSED = 2


class EndpointPolicy:
    """Says for every chunk of audio whether the player's turn begins, pauses, goes on or ends.

    Args:
        settings: Thresholds.
        hold: Push-to-talk: only `release` (or length) ends a turn.
    """

    def __init__(self, settings: EndpointSettings | None = None, *, hold: bool = False) -> None:
        self.settings = settings or EndpointSettings()
        self._hold = hold
        self._now = 0.0
        self._usual = self.settings.usual_ms - self.settings.margin_ms
        self._pause = self.settings.initial_ms - self.settings.margin_ms
        self._ended: float | None = None  # where the voice of the last turn ended, while the end can be regretted
        self._committed = 0.0
        self._begin()

    def _begin(self) -> None:
        self._state = _State.IDLE
        self._start = self._last = self._sure = self._now
        self._voiced = 0.0
        self._doubt = self.settings.doubt
        self._faint = 0.0  # voice that came after a provisional end and did not take the utterance up again
        self._burst = 0.0  # length of a voice that has not yet proved to be one
        self._burst_start = self._now
        self._revision = 0
        self._hint: TurnHint | None = None
        self._tone: Tone | None = None
        self._vetoed = False

    def reset(self, *, hold: bool) -> None:
        """Another stream begins: drop the turn in progress, and keep the clock and what was learned.

        Args:
            hold: Whether it is push-to-talk.
        """
        self._hold = hold
        self._ended = None
        self._begin()

    @property
    def now_ms(self) -> float:
        """The policy's clock: all that it was fed."""
        return self._now

    @property
    def base_ms(self) -> float:
        """The learned delay: how long after the last voice a turn ends that sounds finished."""
        s = self.settings
        return min(s.ceiling_ms, max(s.floor_ms, self._pause + s.margin_ms))

    @property
    def delay_ms(self) -> float:
        """How long after the last voice this turn ends, as far as is known now."""
        s = self.settings
        if self._hint is TurnHint.UNFINISHED:
            return min(s.cap_ms, s.unfinished_ms + self.base_ms)
        if (self._hint, self._tone) in _CLOSING and not self._vetoed:
            return self.base_ms
        statement = self._hint is TurnHint.FINISHED and not self._vetoed
        return min(s.ceiling_ms, self.base_ms + (s.open_ms if statement else s.unsure_ms))

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun and not yet ended, pauses included."""
        return self._state is not _State.IDLE

    @property
    def paused(self) -> bool:
        """Whether the turn may be over: its reply can be prepared."""
        return self._state is _State.PAUSED

    def hint(self, hint: TurnHint, revision: int | None = None) -> None:
        """What the words say, whenever they are known.

        Args:
            hint: Whether they are finished.
            revision: The pause that they were decoded in; a hint for another pause is ignored.
        """
        if self.paused and revision in (None, self._revision):
            self._hint = hint

    def tone(self, tone: Tone) -> None:
        """How the voice ended, in the pause that has just begun."""
        if self.paused:
            self._tone = tone

    def veto(self, revision: int | None = None) -> None:
        """A model says that the player goes on: however finished words and melody seem, this pause leaves it open.

        Args:
            revision: The pause that was judged; a veto in another pause is ignored.
        """
        if self.paused and revision in (None, self._revision):
            self._vetoed = True

    def feed(self, chunk_ms: float, p_speech: float, hint: TurnHint | None = None) -> Decision:
        """Take the next chunk.

        Args:
            chunk_ms: Its length.
            p_speech: The probability of speech in it, 0..1.
            hint: What the words of the current pause say, where that is known by now.
        """
        if hint is not None:
            self.hint(hint)
        if not self._burst:
            self._burst_start = self._now
        self._now += chunk_ms
        if self._ended is not None and self._now - self._committed > self.settings.regret_ms + self.settings.start_ms:
            self._ended = None
            self._learn(self._usual, self.settings.forget)
        steps = {_State.IDLE: self._idle, _State.SPEAKING: self._speaking, _State.PAUSED: self._paused}
        move = steps[self._state](chunk_ms, p_speech)
        # What the frame itself decided is told first: who prepares replies must hear of every pause and its end.
        if move is Move.NONE and self.speaking and self._now - self._start >= self.settings.longest_ms:
            move = Move.TOO_LONG
        return self._decided(move)

    def due(self) -> Decision:
        """Whether the turn is over by what is known now, before the next chunk: a commit or nothing."""
        return self._decided(self._overdue() if self.paused else Move.NONE)

    def release(self) -> Decision:
        """The key is released, or the stream ends: the turn is over now, if there is one."""
        if not self.speaking:
            return self._decided(Move.NONE)
        enough = self._hold or self._voiced >= self.settings.least_ms
        return self._decided(Move.COMMIT if enough else Move.NOISE)

    def _idle(self, chunk_ms: float, p_speech: float) -> Move:
        if not self._proved(chunk_ms, p_speech):
            return Move.NONE
        if self._ended is not None:
            self._learn(self._burst_start - self._ended, self.settings.learn_regret)
            self._ended = None
        self._start = self._burst_start
        self._speak()
        return Move.VOICE_START

    def _speaking(self, chunk_ms: float, p_speech: float) -> Move:
        s = self.settings
        if p_speech >= s.leave:
            self._voiced += chunk_ms
            self._last = self._now
        if p_speech >= s.doubt:
            self._doubt = s.doubt
        if p_speech >= self._doubt:
            self._sure = self._now
        elif self._voiced < s.least_ms:
            return Move.NOISE if self._now - self._last >= s.floor_ms and not self._hold else Move.NONE
        elif self._now - self._sure >= s.provisional_ms:
            self._state = _State.PAUSED
            self._revision += 1
            self._hint = self._tone = None
            self._vetoed = False
            self._faint = 0.0
            return Move.PROVISIONAL_END
        return Move.NONE

    def _paused(self, chunk_ms: float, p_speech: float) -> Move:
        s = self.settings
        if self._proved(chunk_ms, p_speech):
            pause = self._burst_start - self._last
            if pause >= s.gap_ms:
                self._learn(pause, s.learn_up if pause > self._pause else s.learn_down)
            self._speak()
            return Move.RESUMED
        if p_speech >= s.leave and self._now - chunk_ms - self._last < s.gap_ms:  # it dies away, or grows soft
            self._last = self._now
            self._faint += chunk_ms
            if self._faint >= s.least_ms:  # no voice takes so long to die away: these are words
                self._doubt = s.leave
                self._speak()
                return Move.RESUMED
        return self._overdue()

    def _overdue(self) -> Move:
        # What may turn out to be the voice holds the end back until that is known.
        over = not self._hold and not self._burst and self._now - self._last >= self.delay_ms
        return Move.COMMIT if over else Move.NONE

    def _proved(self, chunk_ms: float, p_speech: float) -> bool:
        """Whether enough voice has come in one piece."""
        threshold = self.settings.leave if self._burst else self.settings.enter
        self._burst = self._burst + chunk_ms if p_speech >= threshold else 0.0
        return self._burst >= self.settings.start_ms

    def _speak(self) -> None:
        self._state = _State.SPEAKING
        self._voiced += self._burst
        self._burst = 0.0
        self._last = self._sure = self._now

    def _learn(self, pause_ms: float, weight: float) -> None:
        if pause_ms <= self.settings.ceiling_ms:  # there is no waiting for longer ones anyway
            self._pause += weight * (pause_ms - self._pause)

    def _decided(self, move: Move) -> Decision:
        decision = Decision(move, self._start, self._last, self._revision)
        if move in (Move.COMMIT, Move.TOO_LONG, Move.NOISE):
            self._ended = self._last if move is Move.COMMIT and not self._hold else None
            self._committed = self._now
            self._begin()
        return decision
