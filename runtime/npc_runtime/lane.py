"""A lane: the one thread in which one native engine works, with ranked jobs.

Native engines release the GIL but must not be used by two turns at once. A job that is left (its scope was cancelled)
is told to stop and then waited for, shielded, so that whoever comes next finds the engine free. A job that has not
started yet is dropped at once. Lower ranks go first: a live turn before a partial, before a warm-up.
"""

import asyncio
import heapq
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio

from npc_runtime.errors import EngineError

T = TypeVar("T")

LIVE = 0
"""Rank of a turn that a player waits for."""
BACKGROUND = 9
"""Rank of work that nobody waits for."""


class Stopped(Exception):
    """Raised inside a job by `check` once nobody wants its result any more."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a job uses to learn that it should stop."""

    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def stopped(self) -> bool:
        """Whether nobody wants the result any more."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise `Stopped` if nobody wants the result any more."""
        if self._stop.is_set():
            raise Stopped

    def stop(self) -> None:
        """Ask the job to end at its next check."""
        self._stop.set()


@dataclass(slots=True, order=True)
class _Job:
    rank: int
    number: int
    work: Callable[[], Any] = field(compare=False)
    ticket: Ticket = field(compare=False)
    done: Future[Any] = field(compare=False)


class Lane:
    """One named thread that runs jobs by rank, then in order of arrival."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: list[_Job] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._busy = False
        self._thread = threading.Thread(target=self._work, name=f"lane-{name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        with self._changed:
            return self._busy or bool(self._jobs)

    def close(self) -> None:
        """Drop what waits, ask what runs to stop, and end the thread once it has."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.done.cancel()
            self._jobs.clear()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    async def run(self, work: Callable[[Ticket], T], *, rank: int = LIVE) -> T:
        """Run a function in the lane and return its result.

        Args:
            work: Receives the ticket; a long one checks it now and then.
            rank: Lower goes first.

        Raises:
            EngineError: The lane is closed.
        """
        ticket = Ticket()
        future: Future[T] = self._submit(lambda: work(ticket), ticket, rank)
        finished = anyio.Event()
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _notify(loop, finished))
        try:
            await finished.wait()
        except BaseException:
            await self._leave(future, ticket, finished)
            raise
        try:
            return future.result()
        except (Stopped, CancelledError) as error:
            raise EngineError(f"The {self.name} engine was shut down while it worked.") from error

    @asynccontextmanager
    async def stream(
        self, work: Callable[[Ticket], Iterator[T]], *, rank: int = LIVE, buffer: int = 8
    ) -> AsyncIterator[AsyncIterator[T]]:
        """Consume an iterator inside the lane and receive its items as a stream.

        Args:
            work: Receives the ticket and yields items. The lane stops asking for more while `buffer` items wait.
            rank: Lower goes first.
            buffer: How many items may wait for the consumer.

        Leaving the context stops the job and waits until the engine is free.
        """
        ticket = Ticket()
        loop = asyncio.get_running_loop()
        send, receive = anyio.create_memory_object_stream[T](buffer)
        room = threading.Semaphore(buffer)

        def pump() -> None:
            for item in work(ticket):
                while not room.acquire(timeout=0.05):
                    ticket.check()
                ticket.check()
                _call(loop, send.send_nowait, item)

        future = self._submit(pump, ticket, rank)
        finished = anyio.Event()

        def end(_: Future[Any]) -> None:
            _call(loop, send.close)
            _notify(loop, finished)

        future.add_done_callback(end)

        async def items() -> AsyncIterator[T]:
            async for item in receive:
                room.release()
                yield item
            await finished.wait()
            error = None if future.cancelled() else future.exception()
            if error is not None and not isinstance(error, Stopped):
                raise error

        try:
            yield items()
        finally:
            await self._leave(future, ticket, finished)
            receive.close()

    async def _leave(self, future: Future[Any], ticket: Ticket, finished: anyio.Event) -> None:
        ticket.stop()
        if future.cancel():
            with self._changed:
                self._jobs = [job for job in self._jobs if job.done is not future]
                heapq.heapify(self._jobs)
        with anyio.CancelScope(shield=True):
            await finished.wait()

    def _submit(self, work: Callable[[], Any], ticket: Ticket, rank: int) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                raise EngineError(f"The {self.name} engine has been shut down.")
            heapq.heappush(self._jobs, _Job(rank, next(self._numbers), work, ticket, future))
            self._changed.notify()
        return future

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = heapq.heappop(self._jobs)
                self._busy = True
            if not job.done.set_running_or_notify_cancel():
                continue
            try:
                result = job.work()
            except BaseException as error:
                job.done.set_exception(error)
            else:
                job.done.set_result(result)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: object) -> None:
    """Run a function on the event loop soon, from any thread; nothing happens if the loop is gone."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        return


def _notify(loop: asyncio.AbstractEventLoop, event: anyio.Event) -> None:
    _call(loop, event.set)
