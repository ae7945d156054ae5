"""A reply as it reaches the game: its messages with their times, and when the player hears which of its sound."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

AUDIBLE = round(32768 * 10 ** (-50 / 20))
"""Sample value (-50 dBFS) above which a sample is heard."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a reply's sound."""

    clause: int
    rate: int
    pcm: bytes
    last: bool
    """Whether its clause ends here."""
    begins: float
    """When it is played: as it arrives, or when the piece before it ends."""

    @property
    def ends(self) -> float:
        """When it has been played."""
        return self.begins + len(self.pcm) / 2 / self.rate

    @property
    def audible(self) -> float | None:
        """When its first audible sample is played; None if there is none."""
        loud = np.flatnonzero(np.abs(np.frombuffer(self.pcm, "<i2").astype(np.int32)) > AUDIBLE)
        return self.begins + int(loud[0]) / self.rate if len(loud) else None


@dataclass(slots=True)
class Reply:
    """One turn of a character. All times are clock seconds."""

    turn: int
    character: str
    reply_to: str
    """Empty for what the character says of its own accord, such as a greeting."""
    begun: float
    fillers: set[int] = field(default_factory=set)
    """Clauses that only bridge the wait."""
    pieces: list[Piece] = field(default_factory=list)
    audible: float | None = None
    """When the first audible sample of the answer is played; a filler is no answer."""
    dry_ms: float = 0.0
    """How long playback had to wait for more in the middle of the answer."""
    stopped: float | None = None
    """When the server said to stop playing."""
    heard_ms: float | None = None
    """Where in the microphone's audio it decided so, if that was why."""
    ended: float | None = None
    reason: str = ""
    """`done`, `interrupted` or `failed` once it has ended."""
    timings: Mapping[str, float] = field(default_factory=dict)

    def add(self, clause: int, rate: int, pcm: bytes, *, last: bool, at: float) -> None:
        """Take a piece that arrives, and play it as soon as there is nothing before it."""
        before = self.pieces[-1] if self.pieces else None
        begins = max(at, before.ends) if before else at
        piece = Piece(clause, rate, pcm, last, begins)
        if before and before.clause not in self.fillers:
            self.dry_ms += (begins - before.ends) * 1000
        self.pieces.append(piece)
        if self.audible is None and clause not in self.fillers:
            self.audible = piece.audible

    @property
    def plays_until(self) -> float:
        """When everything that has arrived will have been played."""
        if not self.pieces:
            return self.begun
        return self.pieces[-1].ends if self.stopped is None else min(self.stopped, self.pieces[-1].ends)

    @property
    def audio_ms(self) -> float:
        """How much sound has arrived."""
        return sum(len(piece.pcm) / 2 * 1000 / piece.rate for piece in self.pieces)

    def played_ms(self, now: float) -> float:
        """How much of it the player has heard."""
        at = now if self.stopped is None else min(now, self.stopped)
        return sum(max(0.0, min(at, piece.ends) - piece.begins) for piece in self.pieces) * 1000

    def played_out(self, now: float) -> bool:
        """Whether playback has stopped: by order, or because everything has been played up to the end of a clause."""
        if self.stopped is not None:
            return True
        return bool(self.pieces) and self.pieces[-1].last and now >= self.pieces[-1].ends
