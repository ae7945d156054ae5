"""The microphone of a player: never closed, in real time, with the noise of a quiet room between the lines."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import anyio.abc
import numpy as np

from npc_runtime.bench.clips import Clip
from npc_runtime.clock import Clock
from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import RATE
from npc_runtime.tts.wav import pcm16

FRAME_SECONDS = 0.02

STALL_SECONDS = 0.5
"""Lateness that no load explains: the machine slept, or this process was not let run at all."""

_FRAME = int(RATE * FRAME_SECONDS)
_NOISE = 10 ** (-70 / 20)
"""Root mean square of the room: -70 dBFS."""
_LOOP = 500
"""Frames after which the room's noise repeats."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """When a line is spoken, in clock seconds."""

    onset: float
    """Its first voiced sample."""
    last: float
    """The end of its last voiced sample."""


class Microphone:
    """Streams frames of 20 ms, each sent when its last sample has been spoken.

    Time is the microphone's own sample clock: frames are due at fixed distances from its start, so that delays do not
    add up, and a frame that leaves late counts against the figures and not for them.

    Args:
        send: Takes the PCM (s16le mono, 16 kHz) of one frame.
        clock: Time.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]], clock: Clock) -> None:
        self.late_ms: list[float] = []
        """How late each frame was."""
        self._left: list[float] = []
        """When each frame was sent."""
        self._send = send
        self._clock = clock
        self._start = 0.0
        self._next = 0
        """The frame that is being spoken now."""
        self._voice: Samples = np.zeros(0, np.float32)
        self._begin = 0
        """The frame in which the voice begins."""
        noise = np.random.default_rng(0).standard_normal((_LOOP, _FRAME)) * _NOISE
        self._room: Samples = noise.astype(np.float32)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Stream until cancelled; started once its clock runs."""
        self._start = self._clock.now()
        task_status.started()
        while True:
            due = self._start + (self._next + 1) * FRAME_SECONDS
            await anyio.sleep(max(0.0, due - self._clock.now()))
            frame = self._frame(self._next)
            self._next += 1
            late = self._clock.now() - due
            self.late_ms.append(late * 1000)
            if late > STALL_SECONDS:  # what a real microphone would have heard meanwhile is lost, not sent all at once
                self._start += late
            self._left.append(self._clock.now())
            await self._send(pcm16(frame))

    def say(self, clip: Clip, *, lead_ms: int | None = None) -> Spoken:
        """Speak a clip, from the next frame on; what is left of the one before is dropped. `run` must have started.

        Args:
            clip: The line.
            lead_ms: How much of the silence in front of the voice to keep; all of it unless given.
        """
        cut = 0 if lead_ms is None else max(0, clip.first - lead_ms * RATE // 1000)
        self._voice = clip.samples[cut:]
        self._begin = self._next + 1
        start = self._start + self._begin * FRAME_SECONDS
        return Spoken(start + (clip.first - cut) / RATE, start + (clip.last - cut) / RATE)

    def left(self, at_ms: float) -> float | None:
        """When the frame was sent that holds the audio just before a place in the stream; None if it was not yet."""
        number = math.ceil(at_ms / 1000 / FRAME_SECONDS) - 1
        return self._left[number] if 0 <= number < len(self._left) else None

    def _frame(self, number: int) -> Samples:
        frame: Samples = self._room[number % _LOOP].copy()
        at = (number - self._begin) * _FRAME
        if at >= 0:
            part = self._voice[at : at + _FRAME]
            frame[: len(part)] += part
        return frame
