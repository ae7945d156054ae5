"""Frames: live PCM at any rate, in pieces of any size, to frames of 32 ms at 16 kHz.

A streaming resampler that works block by block, as soxr does, holds 36 ms (from 48 kHz) to 118 ms (from 8 kHz) of audio
back, and every reply would come later by that. Speech needs less quality than music: here each sample is one windowed
sinc (a finite impulse response) over the samples around it, which waits for 1.5 ms (3 ms from 8 kHz). Audio at 16 kHz
passes unchanged.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import AudioError, InputError
from npc_runtime.speech import Samples
from npc_runtime.stt.vad import FRAME

RATE = 16_000
FRAME_MS = FRAME * 1000 / RATE
MIN_RATE = 8_000
MAX_RATE = 192_000
MAX_CHUNK_SECONDS = 60.0
"""Audio in one chunk: a microphone sends 10 to 100 ms, and a whole recording is the most that makes sense."""

_REACH = 24
"""Zero crossings of the sinc on each side, at the lower of the two rates."""
_BETA = 8.0
"""Kaiser window with 80 dB of stop-band attenuation (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.6)."""
_PASS = 0.92
"""Cut-off as a part of the lower rate's half: the rest is the filter's slope."""
_BLOCK = 128
"""Output samples that are made at a time: more would leave the cache of the processor."""
_PHASES = 1024
"""Positions between two samples that have their own filter; rates with few common factors use the nearest one."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """32 ms of what the microphone heard."""

    samples: Samples
    """16 kHz mono, -1..1, shape (512,)."""
    start_ms: float
    """On the sample clock: since the first sample of the stream."""

    @property
    def end_ms(self) -> float:
        """Where the next frame begins."""
        return self.start_ms + FRAME_MS


class Framer:
    """Cuts a stream into frames; the frames depend on the bytes alone and not on how they were cut into chunks.

    Args:
        rate: Samples per second of the stream.

    Raises:
        InputError: The rate is not within 8000 to 192000.
    """

    def __init__(self, rate: int) -> None:
        if not MIN_RATE <= rate <= MAX_RATE:
            raise InputError(
                f"Microphone audio at {rate} samples per second cannot be used; {MIN_RATE} to {MAX_RATE} can.",
                hint="Send 16000 Hz, mono, 16 bits.",
            )
        self._rate = rate
        self._limit = 2 * int(MAX_CHUNK_SECONDS * rate)
        self._odd = b""
        self._count = 0
        self._resampler = None if rate == RATE else _Resampler(rate)
        self._waiting: Samples = np.zeros(0, np.float32)

    @property
    def now_ms(self) -> float:
        """The sample clock: how much audio has left in frames."""
        return self._count * FRAME_MS

    def feed(self, pcm: bytes) -> list[Frame]:
        """Take the next bytes, and give the frames that they complete.

        Args:
            pcm: Signed 16 bits, little-endian, mono; half a sample at the end waits for its other half.

        Raises:
            AudioError: The chunk is longer than a minute. Nothing of it is used.
        """
        if len(pcm) > self._limit:
            raise AudioError(
                f"A chunk of {len(pcm)} bytes of microphone audio is too large; {self._limit} bytes are"
                f" {MAX_CHUNK_SECONDS:g} s at {self._rate} Hz.",
                hint="Send chunks of 20 to 100 ms.",
            )
        data = self._odd + pcm
        even = len(data) & ~1
        self._odd = data[even:]
        samples: Samples = np.frombuffer(data, "<i2", even // 2).astype(np.float32) / np.float32(32768)
        return self._cut(self._resampler.feed(samples) if self._resampler else samples)

    def flush(self) -> list[Frame]:
        """The stream ends: what is left, filled up with silence. Another stream may follow on the same clock."""
        self._odd = b""
        tail = np.zeros(0, np.float32)
        if self._resampler:
            tail, self._resampler = self._resampler.tail(), _Resampler(self._rate)
        left = len(self._waiting) + len(tail)
        return self._cut(np.concatenate([tail, np.zeros(-left % FRAME, np.float32)]))

    def _cut(self, samples: Samples) -> list[Frame]:
        waiting = np.concatenate([self._waiting, samples])
        whole = len(waiting) // FRAME
        frames = [
            Frame(waiting[index * FRAME : (index + 1) * FRAME].copy(), (self._count + index) * FRAME_MS)
            for index in range(whole)
        ]
        self._count += whole
        self._waiting = waiting[whole * FRAME :].copy()
        return frames


class _Resampler:
    """Each output sample is a sum over the input around its place, so that nothing waits for a block to fill."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        lower = min(1.0, RATE / rate)
        self._reach = math.ceil(_REACH / lower)
        self._filters = _filters(rate, lower * _PASS, self._reach)
        self._input: Samples = np.zeros(self._reach - 1, np.float32)
        self._offset = 1 - self._reach
        """Place of the first sample that is kept, in samples of the stream."""
        self._made = 0

    def feed(self, samples: Samples) -> Samples:
        """All output whose surroundings are known."""
        self._input = np.concatenate([self._input, samples])
        known = self._offset + len(self._input) - self._reach  # samples of the stream that have theirs
        last = -(-known * RATE // self._rate) if known > 0 else 0
        made = [self._block(start, min(start + _BLOCK, last)) for start in range(self._made, last, _BLOCK)]
        self._made = max(self._made, last)
        done = self._made * self._rate // RATE - self._reach + 1 - self._offset
        self._input, self._offset = self._input[done:].copy(), self._offset + done
        return np.concatenate(made) if made else np.zeros(0, np.float32)

    def tail(self) -> Samples:
        """The rest, as if silence followed."""
        return self.feed(np.zeros(self._reach, np.float32))

    def _block(self, start: int, stop: int) -> Samples:
        places = np.arange(start, stop, dtype=np.int64) * self._rate
        first = places // RATE - self._reach + 1 - self._offset
        phase = (places % RATE * (len(self._filters) - 1) + RATE // 2) // RATE
        around = np.lib.stride_tricks.sliding_window_view(self._input, 2 * self._reach)[first]
        # A sum along rows, not a matrix product: its rounding must not depend on how many rows there are.
        made: Samples = (around * self._filters[phase]).sum(axis=1)
        return made


def _filters(rate: int, cutoff: float, reach: int) -> NDArray[np.float32]:
    """One filter per place between two samples, shape (phases + 1, 2 * reach), each with a sum of one."""
    phases = min(_PHASES, RATE // math.gcd(rate, RATE))
    distance = np.arange(1 - reach, reach + 1) - np.arange(phases + 1)[:, None] / phases
    window = np.i0(_BETA * np.sqrt(np.maximum(0.0, 1 - (distance / reach) ** 2)))
    filters = np.sinc(cutoff * distance) * window
    made: NDArray[np.float32] = (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
    return made
