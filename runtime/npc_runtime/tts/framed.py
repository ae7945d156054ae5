"""Framed decoding: networks that are run along the frames piece by piece, so that the first sound is there early.

A convolution sees a frame's neighbours only. Given as many of them on both sides as it can see, a piece of the frames
gives the same result as all of them at once, and the pieces join without a seam. That this pays for VITS voices was
shown by the package streaming-vits (MIT licence); here flow and generator have margins of their own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npc_runtime.speech import Samples

Frames = NDArray[np.float32]
"""Shape (1, channels, frames)."""

Run = Callable[[Any, int], Any]
"""A network: takes some frames, shape (1, channels, n), and the number of the first; gives shape (…, n * hop)."""

FIRST_FRAMES = 12
"""Frames of the first piece: 0.14 s of sound at 22 kHz, several times what the second piece takes."""
MOST_FRAMES = 192
"""Frames of the longest piece: beyond this the margins cost little, while memory and the time to stop grow."""


def growing() -> Iterator[int]:
    """Lengths of pieces in frames: each lasts long enough for the next, twice as long, to be made meanwhile."""
    size = FIRST_FRAMES
    while size < MOST_FRAMES:
        yield size
        size *= 2
    yield from repeat(MOST_FRAMES)


@dataclass(frozen=True, slots=True)
class Stage:
    """A network along the frames."""

    run: Run
    left: int
    """Frames before a piece that its result depends on."""
    right: int
    """Frames after it."""
    hop: int = 1
    """How much longer the result is."""


class _Strip:
    """What a stage has made of the frames so far."""

    def __init__(self, stage: Stage, source: "_Strip | None", frames: Frames) -> None:
        self._stage = stage
        self._source = source
        self._total = frames.shape[-1]
        self._frames = frames
        self._done = 0
        self._made = np.zeros((0,), np.float32)

    def extend(self, to: int) -> NDArray[np.float32]:
        """Make what is missing up to a frame, and return that."""
        stage, start, to = self._stage, self._done, min(to, self._total)
        begin, need = max(start - stage.left, 0), min(to + stage.right, self._total)
        window = self._window(begin, need)
        out = np.asarray(stage.run(window, begin), np.float32)
        if out.shape[-1] != (need - begin) * stage.hop:
            raise ValueError(f"{need - begin} frames became {out.shape[-1]} values instead of {stage.hop} each")
        piece: NDArray[np.float32] = out[..., (start - begin) * stage.hop : (to - begin) * stage.hop]
        self._done = to
        return piece

    def _window(self, begin: int, end: int) -> Frames:
        if self._source is None:
            return self._frames[..., begin:end]
        return self._source.upto(end)[..., begin:end]

    def upto(self, end: int) -> Frames:
        """All that is made, at least up to a frame."""
        if self._done < end:
            piece = self.extend(end)
            self._made = piece if not self._made.size else np.concatenate((self._made, piece), axis=-1)
        return self._made


def pieces(frames: Frames, stages: Sequence[Stage], sizes: Iterator[int]) -> Iterator[Samples]:
    """Run stages one after the other along the frames, lazily.

    Args:
        frames: What the first stage takes, shape (1, channels, n).
        stages: The last one gives the sound; the others keep the number of frames.
        sizes: Length of each piece in frames; the last is used for all that follow.

    Yields:
        Mono audio; together n * hop samples, the same as in a single piece.

    Raises:
        ValueError: A stage gives another length than it should.
    """
    strip: _Strip | None = None
    for stage in stages:
        strip = _Strip(stage, strip, frames)
    done, size = 0, 1
    while strip is not None and done < frames.shape[-1]:
        size = max(next(sizes, size), 1)
        yield strip.extend(done + size).reshape(-1)
        done += size
