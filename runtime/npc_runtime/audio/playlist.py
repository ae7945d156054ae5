"""Playlist: what is to be played, and how much of it has been heard. Filled on one thread, read on another."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
"""Mono audio, shape (n,)."""

_WAITING_SECONDS = 120.0
"""Sound that may wait; what comes on top of that is played as silence."""
_REPORT_SECONDS = 0.1
_TURNS = 16
"""Turns that are remembered."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a turn has been heard."""

    turn: int
    played_ms: float
    """From the start of the turn's audio."""
    done: bool
    """Whether nothing more will come of it."""


@dataclass(slots=True)
class _Piece:
    turn: int
    samples: Pcm
    start_ms: float
    end_ms: float
    size: int
    """Samples that it holds in memory."""
    read: int = 0


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment of a turn, and which sample of all that were ever read it lies behind."""

    sample: int
    turn: int
    ms: float


@dataclass(slots=True)
class _Turn:
    heard_ms: float = 0.0
    reported_ms: float = 0.0
    stopped: bool = False
    finished: bool = False
    done: bool = False
    """Whether its end has been reported."""


class Playlist:
    """Pieces of turns, in order.

    Args:
        rate: Samples per second.
        delay: Samples between being read and being heard.
    """

    def __init__(self, rate: int, delay: int = 0) -> None:
        self._rate = rate
        self._delay = delay
        self._lock = threading.Lock()
        self._pieces: deque[_Piece] = deque()
        self._waiting = 0
        """Samples that the pieces hold in memory."""
        self._marks: deque[_Mark] = deque()
        """What has been read and not been heard."""
        self._read = 0
        self._turns: OrderedDict[int, _Turn] = OrderedDict()
        self._told_at: int | None = 0
        """Sample at which progress was last told; None from the moment it is due until it is told."""

    def add(self, turn: int, samples: Pcm, start_ms: float, end_ms: float) -> None:
        """Play a piece after everything else; a turn that was stopped stays silent.

        Args:
            turn: Number of its turn.
            samples: Its sound; may be empty.
            start_ms: Where it begins, from the start of the turn's audio.
            end_ms: Where it ends.
        """
        with self._lock:
            if self._turn(turn).stopped:
                return
            size = len(samples)
            if self._waiting + size > _WAITING_SECONDS * self._rate:
                samples, size = np.broadcast_to(np.int16(0), samples.shape), 0
            self._waiting += size
            self._pieces.append(_Piece(turn, samples, start_ms, end_ms, size))

    def read(self, count: int) -> Pcm:
        """Take the next samples; silence where there is nothing to play.

        Returns:
            Shape (count,).
        """
        block = np.zeros(count, np.int16)
        filled = 0
        with self._lock:
            while self._pieces and filled < count:
                piece = self._pieces[0]
                part = piece.samples[piece.read : piece.read + count - filled]
                block[filled : filled + len(part)] = part
                filled += len(part)
                piece.read += len(part)
                if piece.read == len(piece.samples):
                    self._waiting -= self._pieces.popleft().size
                    at = piece.end_ms
                else:
                    at = piece.start_ms + (piece.end_ms - piece.start_ms) * piece.read / len(piece.samples)
                self._marks.append(_Mark(self._read + filled, piece.turn, at))
            self._read += count
            while self._marks and self._marks[0].sample + self._delay <= self._read:
                mark = self._marks.popleft()
                self._turn(mark.turn).heard_ms = mark.ms
        return block

    def stop(self, turn: int) -> None:
        """Play nothing more of a turn, whatever of it still comes."""
        with self._lock:
            self._turn(turn).stopped = True
            self._waiting -= sum(piece.size for piece in self._pieces if piece.turn == turn)
            self._pieces = deque(piece for piece in self._pieces if piece.turn != turn)
            self._marks = deque(mark for mark in self._marks if mark.turn != turn)

    def finish(self, turn: int) -> None:
        """Nothing more of a turn will come: its end can be told once it is heard."""
        with self._lock:
            if turn in self._turns:
                self._turns[turn].finished = True

    def played_ms(self, turn: int) -> float:
        """How much of a turn has been heard; 0 for one that is not known, or no longer."""
        with self._lock:
            known = self._turns.get(turn)
            return known.heard_ms if known else 0.0

    def due(self) -> bool:
        """Whether there is progress to be told by now; once true, then false until it is told."""
        with self._lock:
            if self._told_at is None:
                return False
            idle = not self._pieces and not self._marks
            if (not idle and self._read - self._told_at < _REPORT_SECONDS * self._rate) or not self._news():
                return False
            self._told_at = None
            return True

    def progress(self) -> list[Progress]:
        """What has been heard of each turn since it was last told."""
        with self._lock:
            self._told_at = self._read
            told = self._news()
            for news in told:
                turn = self._turns[news.turn]
                turn.reported_ms, turn.done = news.played_ms, news.done
            return told

    def _news(self) -> list[Progress]:
        left = {piece.turn for piece in self._pieces} | {mark.turn for mark in self._marks}
        news = []
        for number, turn in self._turns.items():
            done = turn.finished and number not in left
            if not turn.stopped and (turn.heard_ms != turn.reported_ms or done != turn.done):
                news.append(Progress(number, turn.heard_ms, done))
        return news

    def _turn(self, number: int) -> _Turn:
        turn = self._turns.setdefault(number, _Turn())
        if len(self._turns) > _TURNS:
            self._turns.popitem(last=False)
        return turn
