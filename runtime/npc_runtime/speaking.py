"""Speaking: from the clauses of a reply to subtitles, mouth tracks and sound, and to what the player heard of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from npc_runtime import events
from npc_runtime.cast import Mouth
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import NpcError
from npc_runtime.lipsync.sets import frames
from npc_runtime.lipsync.track import track
from npc_runtime.outbox import Outbox
from npc_runtime.speech import ClipHead, ClipPiece, VoiceColour
from npc_runtime.trace import Trace
from npc_runtime.tts.wav import pcm16

Pace = Callable[[float], Awaitable[None]]
"""Waits until audio that starts this many milliseconds into the turn may be made."""


@dataclass(frozen=True, slots=True)
class SpokenClause:
    """A clause that was put into the outbox."""

    text: str
    start_ms: float
    """From the start of the turn's audio."""
    end_ms: float
    """The same as `start_ms` when it has no sound."""
    feeling: str
    """The emotion tag that holds for it, as the model writes it; empty when it is the same as before."""
    filler: bool
    """Whether it only bridges the wait: it was said, but nobody needs to remember it."""


class Speaking:
    """What a character says in one turn.

    Args:
        turn: Number of the turn.
        character: Who speaks.
        mouth: The voice.
        outbox: Receives the events, in order.
        trace: Marks of the turn.
        target: The viseme set that the game wants.
        pace: Keeps the voice from being too far ahead of what the player hears.
    """

    def __init__(
        self,
        turn: int,
        character: CharacterFile,
        mouth: Mouth,
        outbox: Outbox,
        trace: Trace,
        *,
        target: events.VisemeSet,
        pace: Pace | None,
    ) -> None:
        self.clauses: list[SpokenClause] = []
        """What was said so far."""
        self.audio_ms = 0.0
        """How much audio has been made."""
        self._turn = turn
        self._character = character
        self._mouth = mouth
        self._outbox = outbox
        self._trace = trace
        self._target: events.VisemeSet = target
        self._pace = pace
        self._begun = 0
        self._sounding = False
        self._one_at_a_time = anyio.Lock()

    @property
    def begun(self) -> bool:
        """Whether anything has begun to be said, be it without sound yet."""
        return self._begun > 0

    @property
    def words(self) -> str:
        """What was said so far, but for fillers."""
        return " ".join(clause.text for clause in self.clauses if not clause.filler)

    @property
    def answered(self) -> bool:
        """Whether anything was said but fillers."""
        return any(not clause.filler for clause in self.clauses)

    async def say(
        self, text: str, *, feeling: str = "", filler: bool = False, colour: VoiceColour | None = None
    ) -> None:
        """Speak one clause: subtitle, mouth track, then the sound in pieces as it is made.

        Args:
            text: The clause.
            feeling: See `SpokenClause.feeling`.
            filler: See `SpokenClause.filler`.
            colour: What the character feels does this to its voice.
        """
        if self._pace is not None:
            await self._pace(self.audio_ms)
        if not filler:
            self._trace.mark("first_clause")
        async with self._one_at_a_time:  # a filler and the first clause must not be mixed
            number = self._begun
            self._begun += 1
            clause = SpokenClause(text, self.audio_ms, self.audio_ms, feeling, filler)
            announced = False
            try:
                async with self._mouth.stream(text, self._character, colour=colour) as parts:
                    async for part in self._trace.engine_items(parts):
                        if isinstance(part, ClipPiece):
                            self._sound(part, number, filler=filler)
                        elif part.samples:
                            announced = True
                            self._announce(part, number, clause)
            except Exception as error:  # whatever is wrong with the voice, the words are still shown
                known = error if isinstance(error, NpcError) else NpcError(f"The voice failed unexpectedly: {error!r}")
                self._outbox.put(
                    events.Notice(code="voice_failed", message=known.message, hint=known.hint, turn=self._turn)
                )
            if not announced:
                self.clauses.append(clause)
                self._outbox.put(self._subtitle(number, clause))

    def heard(self, played_ms: float | None) -> list[SpokenClause]:
        """What the player heard: all of it if `played_ms` is None, else what that much audio holds."""
        return self.clauses if played_ms is None else _heard(self.clauses, played_ms)

    def _announce(self, head: ClipHead, number: int, clause: SpokenClause) -> None:
        """Everything about a clause that is known before its first sample."""
        if not self._sounding:
            self._sounding = True
            self._outbox.put(events.State(character=self._character.id, stage="speaking"))
        start = clause.start_ms
        clause = replace(clause, end_ms=start + head.samples * 1000 / head.rate)
        self.clauses.append(clause)
        self._outbox.put(self._subtitle(number, clause))
        mouth = frames(track(head.phones, head.rate, head.language), self._target, offset_ms=start)
        self._outbox.put(
            events.Visemes(turn=self._turn, clause=number, set=self._target, timing=head.timing, frames=mouth)
        )

    def _subtitle(self, number: int, clause: SpokenClause) -> events.Say:
        return events.Say(
            turn=self._turn,
            clause=number,
            text=clause.text,
            start_ms=round(clause.start_ms, 3),
            end_ms=round(clause.end_ms, 3) if clause.end_ms > clause.start_ms else None,
            filler=clause.filler or None,
        )

    def _sound(self, piece: ClipPiece, number: int, *, filler: bool) -> None:
        start = self.audio_ms
        self.audio_ms += len(piece.audio) * 1000 / piece.rate
        if not filler:
            self._trace.sound_ready()
            self._outbox.then(lambda: self._trace.mark("first_audio"))
        self._outbox.put(
            events.SpeechAudio(
                turn=self._turn,
                clause=number,
                rate=piece.rate,
                start_ms=round(start, 3),
                last=piece.last,
                pcm=pcm16(piece.audio),
            )
        )


def _heard(clauses: Sequence[SpokenClause], played_ms: float) -> list[SpokenClause]:
    """The clauses that were played, the last one cut to the words that were."""
    heard = []
    for clause in clauses:
        if clause.end_ms <= played_ms:
            heard.append(clause)
        elif clause.start_ms < played_ms:
            share = (played_ms - clause.start_ms) / (clause.end_ms - clause.start_ms)
            words = clause.text[: int(len(clause.text) * share)].rpartition(" ")[0]
            if words:
                heard.append(replace(clause, text=f"{words} …"))
    return heard
