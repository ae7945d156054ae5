"""Microphone: what this machine hears, as a stream of PCM."""

import asyncio
import threading
from collections import deque
from types import TracebackType
from typing import Any, Self

import anyio

from npc_runtime.audio.device import opening, own_rate, portaudio

_RATE = 16_000
"""Samples per second that recognition works with."""
_BLOCKS = 50
"""Per second."""
_WAITING = 100
"""Blocks that may wait: two seconds."""
_PATIENCE = 5.0
"""Seconds without a block after which the device counts as gone."""


class Microphone:
    """The system's default microphone.

    Open within `async with`; iterate over it for PCM s16le mono in blocks of 20 ms. The stream ends when the device is
    gone. Who is late loses the oldest blocks.
    """

    def __init__(self) -> None:
        self.rate = _RATE
        """Samples per second; the device's own where it cannot do 16 kHz."""
        self.dropped = 0
        """Blocks that were lost because nobody took them in time."""
        self._blocks: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._awake = False
        """Whether the loop has been told of the blocks that wait."""
        self._arrived = anyio.Event()
        self._stream: Any = None
        self._loop: asyncio.AbstractEventLoop

    async def __aenter__(self) -> Self:
        """Open the device.

        Raises:
            SetupError: There is no microphone that can be used.
        """
        library = portaudio()
        own = own_rate("input")
        self._loop = asyncio.get_running_loop()
        try:
            library.check_input_settings(channels=1, dtype="int16", samplerate=_RATE)
        except (library.PortAudioError, ValueError):
            self.rate = own
        with opening("input"):
            # On the loop's own thread although it takes a moment: on Windows a device belongs to the thread's COM.
            self._stream = library.RawInputStream(
                samplerate=self.rate,
                blocksize=self.rate // _BLOCKS,
                channels=1,
                dtype="int16",
                latency="low",
                callback=self._take,
            )
        try:
            with opening("input"):
                self._stream.start()
        except BaseException:
            self._stream.close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stream.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            with self._lock:
                if self._blocks:
                    return self._blocks.popleft()
                self._awake = False
                self._arrived = anyio.Event()
            with anyio.move_on_after(_PATIENCE) as patience:
                await self._arrived.wait()
            if patience.cancelled_caught:
                raise StopAsyncIteration

    def _take(self, block: Any, _count: int, _time: object, _status: object) -> None:
        """Keep a block, on the device's own thread."""
        pcm = bytes(block)
        with self._lock:
            if len(self._blocks) == _WAITING:
                self._blocks.popleft()
                self.dropped += 1
            self._blocks.append(pcm)
            wake, self._awake = not self._awake, True
        if wake:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._arrived.set()
