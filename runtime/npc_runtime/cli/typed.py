"""What a person types or a script pipes in, line by line, without keeping the program from ending."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import anyio

_WAITING = 16
"""Lines that may wait; until there is room, no more is read."""
_BLOCK = 4096
_LONGEST = 1 << 16
"""Bytes without a line end after which they are handed over as a line."""


def by_hand() -> bool:
    """Whether a person types, and not a script."""
    return sys.stdin is not None and sys.stdin.isatty()


class Typed:
    """The lines of stdin without their ends. Open within `async with`; iterate over it.

    A thread reads, because a console cannot be waited for together with anything else. At the end it is left behind
    where it waits. It reads below Python's buffer, whose lock must be free when the interpreter ends.
    """

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[str](_WAITING)
        self._room = threading.Semaphore(_WAITING)
        self._loop: asyncio.AbstractEventLoop

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        raw = _raw()
        if raw is None:
            self._send.close()
        else:
            encoding = sys.stdin.encoding or "utf-8"
            threading.Thread(target=self._read, args=(raw, encoding), name="stdin", daemon=True).start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._receive.close()
        self._send.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        try:
            line = await self._receive.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None
        self._room.release()
        return line

    def _read(self, raw: Any, encoding: str) -> None:
        for line in _lines(raw):
            self._room.acquire()
            if not self._call(self._put, line.decode(encoding, "replace").strip("\ufeff\r")):
                return
        self._call(self._send.close)

    def _put(self, line: str) -> None:
        try:
            self._send.send_nowait(line)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return  # the conversation is over

    def _call(self, function: Callable[..., object], *args: object) -> bool:
        """Run a function on the event loop; False if it is gone."""
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return False
        return True


def _raw() -> Any:
    """What is below the buffer of stdin; None if there is no stdin."""
    buffer = getattr(sys.stdin, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _lines(raw: Any) -> Iterator[bytes]:
    rest = b""
    while True:
        try:
            block = raw.read(_BLOCK)
        except (OSError, ValueError):  # the terminal is gone, or the file was closed
            block = b""
        if block is None:  # another program has set its end not to wait
            time.sleep(0.05)
            continue
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        if len(rest) > _LONGEST:
            yield rest
            rest = b""
    if rest:
        yield rest
