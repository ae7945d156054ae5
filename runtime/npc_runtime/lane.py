"""A lane: the one thread in which one native engine works, with ranked jobs.

Native engines release the GIL but must not be used by two turns at once. A job that is left (its scope was cancelled)
is told to stop and then waited for, shielded, so that whoever comes next finds the engine free. A job that has not
started yet is dropped at once. Lower ranks go first: a live turn before a partial, before a warm-up; what runs for a
higher rank makes way and is begun anew later. A job that does not stop when it is told to, as in a native call that
hangs, is given up after a while, together with its thread: the jobs that wait and that come get a new one.
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
"""Rank of a turn that a player waits for: never interrupted for another job."""
BACKGROUND = 9
"""Rank of work that nobody waits for."""
PATIENCE_S = 5.0
"""How long a job may go on after it was told to stop; longer than a healthy step between two checks."""


_THREAD = "lane-"
"""How the names of the threads begin."""


def stuck_lanes() -> int:
    """How many lanes work yet; once all are closed, how many never came back."""
    return sum(thread.name.startswith(_THREAD) for thread in threading.enumerate())


class Stopped(Exception):
    """Raised inside a job by `check` once it should end."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a job uses to learn that it should stop: nobody wants its result any more, or it has to make way."""

    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def stopped(self) -> bool:
        """Whether the job should end."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise `Stopped` if the job should end."""
        if self._stop.is_set():
            raise Stopped

    def stop(self) -> None:
        """Ask the job to end at its next check."""
        self._stop.set()


@dataclass(slots=True, order=True)
class _Job:
    rank: int
    number: int
    work: Callable[[Ticket], Any] = field(compare=False)
    ticket: Ticket = field(compare=False, default_factory=Ticket)
    """Of this attempt; the next one gets a new one."""
    done: Future[Any] = field(compare=False, default_factory=Future)
    wanted: bool = field(compare=False, default=True)
    """Whether somebody waits for the result: when such a job is stopped, it was only to make way."""


class Lane:
    """One named thread that runs jobs by rank, then in order of arrival.

    Args:
        name: Of the engine, for messages.
        patience: Seconds after which a job that was told to stop, and has not, is given up.
    """

    def __init__(self, name: str, *, patience: float = PATIENCE_S) -> None:
        self.name = name
        self._patience = patience
        self._jobs: list[_Job] = []
        self._running: _Job | None = None
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._start()

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
            return self._running is not None or bool(self._jobs)

    def close(self) -> None:
        """Drop what waits, ask what runs to stop, and end the thread once it has; one that hangs is given up."""
        with self._changed:
            self._closed = True
            running, thread = self._running, self._thread
            if running is not None:
                running.wanted = False
                running.ticket.stop()
            for job in self._jobs:
                job.done.cancel()
            self._jobs.clear()
            self._changed.notify_all()
        if threading.current_thread() is not thread:
            thread.join(self._patience)
            if running is not None:
                self._give_up(running.ticket)

    async def run(self, work: Callable[[Ticket], T], *, rank: int = LIVE) -> T:
        """Run a function in the lane and return its result.

        Args:
            work: Receives the ticket; a long one checks it now and then. Above the rank `LIVE` it may be called more
                than once: it is stopped for a more urgent job and begun anew later.
            rank: Lower goes first.

        Raises:
            EngineError: The lane is closed, or the job was told to stop, did not, and was given up.
        """
        job = self._submit(work, rank)
        finished = anyio.Event()
        loop = asyncio.get_running_loop()
        job.done.add_done_callback(lambda _: _call(loop, finished.set))
        try:
            await finished.wait()
        except BaseException:
            await self._leave(job, finished)
            raise
        result: T = self._result(job)
        return result

    @asynccontextmanager
    async def stream(
        self, work: Callable[[Ticket], Iterator[T]], *, rank: int = LIVE, buffer: int = 8
    ) -> AsyncIterator[AsyncIterator[T]]:
        """Consume an iterator inside the lane and receive its items as a stream.

        Args:
            work: Receives the ticket and yields items. The lane stops asking for more while `buffer` items wait.
            rank: Lower goes first. Above `LIVE` nobody waits for the first item: the items come when all of them are
                made, so that until then the job can make way like any other.
            buffer: How many items may wait for the consumer.

        Leaving the context stops the job and waits until the engine is free. Reading the items raises what the work
        raised, and `EngineError` if the lane is closed.
        """
        if rank > LIVE:
            yield self._whole(work, rank)
            return
        loop = asyncio.get_running_loop()
        send, receive = anyio.create_memory_object_stream[T](buffer)
        room = threading.Semaphore(buffer)

        def pump(ticket: Ticket) -> None:
            for item in work(ticket):
                while not room.acquire(timeout=0.05):
                    ticket.check()
                ticket.check()
                _call(loop, send.send_nowait, item)

        job = self._submit(pump, rank)
        finished = anyio.Event()

        def end(_: Future[Any]) -> None:
            _call(loop, send.close)
            _call(loop, finished.set)

        job.done.add_done_callback(end)

        async def items() -> AsyncIterator[T]:
            async for item in receive:
                room.release()
                yield item
            await finished.wait()
            self._result(job)

        try:
            yield items()
        finally:
            await self._leave(job, finished)
            receive.close()

    async def _whole(self, work: Callable[[Ticket], Iterator[T]], rank: int) -> AsyncIterator[T]:
        for item in await self.run(lambda ticket: list(work(ticket)), rank=rank):
            yield item

    def _result(self, job: _Job) -> Any:
        """The result of a job that is over and was not left."""
        try:
            return job.done.result()
        except (Stopped, CancelledError) as error:
            raise EngineError(f"The {self.name} engine was shut down while it worked.") from error

    async def _leave(self, job: _Job, finished: anyio.Event) -> None:
        with self._changed:
            job.wanted = False
            if job is self._running:
                self._stop(job)
            elif job in self._jobs:
                self._jobs.remove(job)
                heapq.heapify(self._jobs)
                job.done.cancel()
        with anyio.CancelScope(shield=True):
            await finished.wait()

    def _submit(self, work: Callable[[Ticket], Any], rank: int) -> _Job:
        with self._changed:
            if self._closed:
                raise EngineError(f"The {self.name} engine has been shut down.")
            job = _Job(rank, next(self._numbers), work)
            heapq.heappush(self._jobs, job)
            running = self._running
            if running is not None and running.rank > max(rank, LIVE):
                self._stop(running)
            self._changed.notify()
        return job

    def _stop(self, job: _Job) -> None:
        """Ask what runs to stop, and see to it that the lane goes on even if it does not."""
        job.ticket.stop()
        asyncio.get_running_loop().call_later(self._patience, self._give_up, job.ticket)

    def _give_up(self, ticket: Ticket) -> None:
        """Go on in a new thread if the job still runs; the old one, should it ever come back, finds itself replaced."""
        with self._changed:
            job = self._running
            if job is None or job.ticket is not ticket:
                return
            self._running = None
            if not self._closed:
                self._start()
        job.done.set_exception(
            EngineError(
                f"The {self.name} engine hangs: it was told to stop and did not for {self._patience:g} s.",
                hint="if this happens again, restart the runtime",
            )
        )

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name=f"{_THREAD}{self.name}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                result = job.work(job.ticket)
            except BaseException as error:
                if self._over(job, error):
                    job.done.set_exception(error)
            else:
                if self._over(job):
                    job.done.set_result(result)

    def _next(self) -> _Job | None:
        """The next job, once there is one; None when this thread should end."""
        with self._changed:
            while self._thread is threading.current_thread() and not self._closed:
                if self._jobs:
                    self._running = heapq.heappop(self._jobs)
                    return self._running
                self._changed.wait()
        return None

    def _over(self, job: _Job, error: BaseException | None = None) -> bool:
        """Free the engine after a job; returns whether the job is over, and not given up or to be begun anew."""
        with self._changed:
            if self._running is not job:
                return False
            self._running = None
            if job.wanted and job.ticket.stopped and isinstance(error, Stopped):
                job.ticket = Ticket()
                heapq.heappush(self._jobs, job)
                return False
            return True


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: object) -> None:
    """Run a function on the event loop soon, from any thread; nothing happens if the loop is gone."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        return
