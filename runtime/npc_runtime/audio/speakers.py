"""Speakers: what characters say, played on this machine, and how much of it has been heard.

The device is open as long as they are, at its own rate, and plays silence in between: to open it takes longer than
players want to wait for a word. Voices with other rates are converted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np

from npc_runtime import events
from npc_runtime.audio.device import opening, own_rate, portaudio
from npc_runtime.audio.playlist import Pcm, Playlist
from npc_runtime.clock import Clock, MonotonicClock

OnProgress = Callable[[int, float, bool], None]
"""Receives the turn, how many milliseconds of it have been heard, and whether nothing more will come of it."""

_TICK = 0.1
_PATIENCE = 20
"""Ticks without a request for sound after which the device counts as gone."""


class Speakers:
    """The system's default speakers. Used on the event loop's thread only.

    Args:
        clock: Time, by which turns go on when the device is gone.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.gone = False
        """Whether the device has stopped: what is played is not heard, but counts as played all the same."""
        self._clock = clock or MonotonicClock()
        self._rate = 0
        self._playlist = Playlist(1)
        self._conversion: _Conversion | None = None
        self._requests = 0
        self._on_progress: OnProgress
        self._loop: asyncio.AbstractEventLoop

    @asynccontextmanager
    async def open(self, on_progress: OnProgress) -> AsyncIterator[None]:
        """Play what is given to `play` for as long as this context lasts.

        Args:
            on_progress: Called on the event loop, about every 100 ms while something is played and at its end.

        Raises:
            SetupError: There are no speakers that can be used.
        """
        self._on_progress = on_progress
        self._loop = asyncio.get_running_loop()
        self._rate = own_rate("output")
        with opening("output"):
            # On the loop's own thread although it takes a moment: on Windows a device belongs to the thread's COM.
            stream: Any = portaudio().OutputStream(
                samplerate=self._rate, channels=1, dtype="int16", latency="low", callback=self._fill
            )
        try:
            self._playlist = Playlist(self._rate, round(stream.latency * self._rate))
            with opening("output"):
                stream.start()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            stream.close()

    def play(self, piece: events.SpeechAudio) -> None:
        """Play a piece after everything that was given before."""
        if self._conversion is None or not self._conversion.continues(piece):
            self._conversion = _Conversion(piece, self._rate)
        end_ms = piece.start_ms + len(piece.pcm) / 2 / piece.rate * 1000
        self._playlist.add(piece.turn, self._conversion.run(piece), piece.start_ms, end_ms)

    def stop(self, turn: int) -> None:
        """Fall silent within a block of the device, and play nothing more of a turn."""
        self._playlist.stop(turn)

    def finish(self, turn: int) -> None:
        """Nothing more of a turn will come: once it has been heard, its progress says that it is done."""
        self._playlist.finish(turn)
        self._report()

    def played_ms(self, turn: int) -> float:
        """How much of a turn has been heard, in milliseconds from the start of its audio."""
        return self._playlist.played_ms(turn)

    def _fill(self, block: Any, count: int, _time: object, _status: object) -> None:
        """Give the device its next samples, on its own thread."""
        self._requests += 1
        block[:, 0] = self._playlist.read(count)
        if self._playlist.due():
            self._loop.call_soon_threadsafe(self._report)

    def _report(self) -> None:
        for told in self._playlist.progress():
            self._on_progress(told.turn, told.played_ms, told.done)

    async def _watch(self) -> None:
        """Play by the clock while the device does not: it was unplugged, or the machine slept."""
        requests, waited = self._requests, 0
        while True:
            before = self._clock.now()
            await anyio.sleep(_TICK)
            waited = waited + 1 if requests == self._requests else 0
            requests = self._requests
            self.gone = waited >= _PATIENCE
            if self.gone:
                passed = min(self._clock.now() - before, 1.0)
                self._playlist.read(round(passed * self._rate))
                if self._playlist.due():
                    self._report()


class _Conversion:
    """One clause at the rate of the device. The filter runs on from piece to piece: there is no click between them."""

    def __init__(self, first: events.SpeechAudio, rate: int) -> None:
        import soxr

        self._first = first
        self._stream: Any = None if first.rate == rate else soxr.ResampleStream(first.rate, rate, 1, dtype="int16")

    def continues(self, piece: events.SpeechAudio) -> bool:
        """Whether a piece belongs to this clause."""
        first = self._first
        return (first.turn, first.clause, first.rate) == (piece.turn, piece.clause, piece.rate)

    def run(self, piece: events.SpeechAudio) -> Pcm:
        """The next piece; what the filter holds back comes with the last."""
        samples = np.frombuffer(piece.pcm, dtype="<i2").astype(np.int16)
        if self._stream is None:
            return samples
        converted: Pcm = self._stream.resample_chunk(samples, last=piece.last)
        return converted
