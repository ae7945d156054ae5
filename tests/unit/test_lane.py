"""The lane: one job at a time, by rank, and an engine that is free once a job has been left."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import anyio
import pytest

from npc_runtime.errors import EngineError
from npc_runtime.lane import BACKGROUND, LIVE, Lane, Stopped, Ticket

pytestmark = pytest.mark.anyio

PATIENCE_S = 0.25
PARTIAL = 5


async def test_results_and_errors_come_back() -> None:
    with Lane("test") as lane:
        assert await lane.run(lambda _: 6 * 7) == 42
        with pytest.raises(ZeroDivisionError):
            await lane.run(lambda _: 1 // 0)
        assert not lane.busy


async def test_better_ranks_go_first() -> None:
    order: list[str] = []
    gate = threading.Event()
    with Lane("test") as lane:
        async with anyio.create_task_group() as tasks:

            async def job(name: str, rank: int) -> None:
                await lane.run(lambda _: order.append(name), rank=rank)

            tasks.start_soon(lane.run, lambda _: gate.wait())
            await anyio.wait_all_tasks_blocked()
            for name, rank in (("summary", 9), ("partial", 5), ("live", 0), ("live again", 0)):
                tasks.start_soon(job, name, rank)
            await anyio.wait_all_tasks_blocked()
            gate.set()
    assert order == ["live", "live again", "partial", "summary"]


async def test_leaving_waits_until_the_engine_is_free() -> None:
    inside = threading.Event()
    done = threading.Event()

    def work(ticket: Ticket) -> None:
        inside.set()
        while not ticket.stopped:
            pass
        done.set()

    with Lane("test") as lane:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lane.run, work)
            await anyio.to_thread.run_sync(inside.wait)
            tasks.cancel_scope.cancel()
        assert done.is_set()


async def test_a_job_that_never_started_is_dropped_at_once() -> None:
    gate = threading.Event()
    ran: list[str] = []
    with Lane("test") as lane:
        async with anyio.create_task_group() as outer:
            outer.start_soon(lane.run, lambda _: gate.wait())
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lane.run, lambda _: ran.append("never"))
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            gate.set()
    assert ran == []


async def test_a_stream_arrives_in_order_and_ends() -> None:
    with Lane("test") as lane:
        async with lane.stream(lambda _: iter(range(100)), buffer=3) as items:
            assert [item async for item in items] == list(range(100))


async def test_a_stream_that_is_left_early_stops_its_job() -> None:
    made: list[int] = []

    def count(_: Ticket) -> Iterator[int]:
        for number in range(1_000_000):
            made.append(number)
            yield number

    with Lane("test") as lane:
        async with lane.stream(count, buffer=4) as items:
            async for item in items:
                if item == 2:
                    break
        assert len(made) < 20
        assert await lane.run(lambda _: "free") == "free"


async def test_an_error_inside_a_stream_reaches_its_reader() -> None:
    def broken(_: Ticket) -> Iterator[int]:
        yield 1
        raise ValueError("bad")

    got = []
    with Lane("test") as lane, pytest.raises(ValueError, match="bad"):
        async with lane.stream(broken) as items:
            got.append(await anext(items))
            await anext(items)
    assert got == [1]


async def test_a_closed_lane_says_so() -> None:
    lane = Lane("test")
    lane.close()
    with pytest.raises(EngineError, match="test"):
        await lane.run(lambda _: 1)


class Yielding:
    """Work that notes each beginning, and ends once another job has run."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.tickets: list[Ticket] = []
        self.inside = threading.Event()

    def __call__(self, ticket: Ticket) -> str:
        self.tickets.append(ticket)
        self.runs.append("first")
        self.inside.set()
        while self.runs[-1] == "first" and len(self.tickets) == 1:
            ticket.check()
            time.sleep(0.001)
        return "made"

    def items(self, ticket: Ticket) -> Iterator[str]:
        yield "one"
        yield self(ticket)

    def note(self, name: str) -> Callable[[Ticket], None]:
        return lambda _: self.runs.append(name)

    async def begun(self) -> None:
        await anyio.to_thread.run_sync(self.inside.wait)


class Gated:
    """A call that returns when the test lets it, and looks at its ticket only then."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.inside = threading.Event()
        self.gate = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self, ticket: Ticket) -> None:
        self.thread = threading.current_thread()
        self.runs.append("first")
        self.inside.set()
        self.gate.wait()
        ticket.check()

    def note(self, name: str) -> Callable[[Ticket], None]:
        return lambda _: self.runs.append(name)

    async def begun(self) -> None:
        await anyio.to_thread.run_sync(self.inside.wait)

    async def returns(self) -> None:
        """Let the call return after all, and its thread end."""
        assert self.thread is not None
        self.gate.set()
        await anyio.to_thread.run_sync(self.thread.join, 10)
        assert not self.thread.is_alive()


@pytest.mark.parametrize(("runs", "waits"), [(LIVE, BACKGROUND), (BACKGROUND, LIVE)])
async def test_a_lane_that_closes_drops_what_waits_and_stops_what_runs(runs: int, waits: int) -> None:
    lane, work = Lane("test"), Gated()

    async def failing(rank: int) -> None:
        with pytest.raises(EngineError, match="was shut down while it worked"):
            await lane.run(work, rank=rank)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(failing, runs)
        await work.begun()
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(failing, waits)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(anyio.to_thread.run_sync, lane.close)
        await work.returns()
    assert work.runs == ["first"]


async def test_a_stream_that_is_cut_short_by_the_end_of_the_lane_says_so() -> None:
    def endless(_: Ticket) -> Iterator[int]:
        while True:
            yield 1

    lane = Lane("test")
    got = []
    with pytest.raises(EngineError, match="shut down"):
        async with lane.stream(endless, buffer=2) as items:
            got.append(await anext(items))
            await anyio.to_thread.run_sync(lane.close)
            got += [item async for item in items]
    assert set(got) == {1}


@pytest.mark.parametrize(("rank", "urgent"), [(BACKGROUND, LIVE), (BACKGROUND, PARTIAL), (PARTIAL, LIVE)])
async def test_what_runs_makes_way_and_is_begun_anew_without_its_caller_noticing(rank: int, urgent: int) -> None:
    work = Yielding()
    results: list[str] = []
    with Lane("test") as lane:

        async def first() -> None:
            results.append(await lane.run(work, rank=rank))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            await work.begun()
            tasks.start_soon(partial(lane.run, work.note("second"), rank=rank))
            await lane.run(work.note("urgent"), rank=urgent)
        assert not lane.busy
    assert work.runs == ["first", "urgent", "first", "second"]
    assert results == ["made"]
    assert [ticket.stopped for ticket in work.tickets] == [True, False]


@pytest.mark.parametrize(("rank", "other"), [(BACKGROUND, BACKGROUND), (PARTIAL, BACKGROUND), (LIVE, LIVE - 1)])
async def test_what_runs_does_not_make_way_for_its_like_nor_a_live_turn_for_anyone(rank: int, other: int) -> None:
    work = Gated()
    with Lane("test") as lane:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(lane.run, work, rank=rank))
            await work.begun()
            tasks.start_soon(partial(lane.run, work.note("second"), rank=other))
            await anyio.wait_all_tasks_blocked()
            work.gate.set()
    assert work.runs == ["first", "second"]


@pytest.mark.parametrize("left_first", [False, True])
async def test_a_job_that_is_left_while_it_makes_way_is_not_begun_anew(left_first: bool) -> None:
    work = Gated()
    with Lane("test") as lane:
        async with anyio.create_task_group() as live, anyio.create_task_group() as tasks:
            tasks.start_soon(partial(lane.run, work, rank=BACKGROUND))
            await work.begun()
            if left_first:
                tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.wait_all_tasks_blocked()
                live.start_soon(lane.run, work.note("live"))
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
                await anyio.wait_all_tasks_blocked()
            work.gate.set()
        assert not lane.busy
    assert work.runs == ["first", "live"]


async def test_a_job_that_is_left_after_it_made_way_is_not_begun_anew() -> None:
    work, urgent = Yielding(), Gated()
    with Lane("test") as lane:
        async with anyio.create_task_group() as live:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(lane.run, work, rank=BACKGROUND))
                await work.begun()
                live.start_soon(lane.run, urgent)
                await urgent.begun()
                tasks.cancel_scope.cancel()
            urgent.gate.set()
        assert not lane.busy
    assert work.runs == ["first"]


async def test_only_a_job_that_was_told_to_stop_is_begun_anew() -> None:
    def work(_: Ticket) -> None:
        raise Stopped

    with Lane("test") as lane, anyio.fail_after(10), pytest.raises(EngineError):
        await lane.run(work, rank=BACKGROUND)


async def test_a_background_stream_makes_way_however_far_it_is_and_no_item_comes_twice() -> None:
    work = Yielding()
    got: list[str] = []
    with Lane("test") as lane:

        async def read() -> None:
            async with lane.stream(work.items, rank=BACKGROUND) as items:
                got.extend([item async for item in items])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await work.begun()
            await lane.run(work.note("live"))
    assert work.runs == ["first", "live", "first"]
    assert got == ["one", "made"]


async def test_a_job_that_hangs_is_given_up_and_the_lane_goes_on_without_it() -> None:
    work, gate = Gated(), threading.Event()
    results: list[object] = []

    async def run(lane: Lane, job: Callable[[Ticket], object]) -> None:
        results.append(await lane.run(job))

    with Lane("test", patience=PATIENCE_S) as lane:
        async with anyio.create_task_group() as others, anyio.create_task_group() as tasks:
            tasks.start_soon(run, lane, work)
            await work.begun()
            others.start_soon(run, lane, lambda _: "waited")
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert results == ["waited"]
        assert not lane.busy
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, lane, lambda _: gate.wait() and "came later")
            await anyio.wait_all_tasks_blocked()
            await work.returns()
            assert lane.busy
            gate.set()
    assert results == ["waited", "came later"]


async def test_a_stream_that_hangs_is_given_up_too() -> None:
    work = Gated()
    with Lane("test", patience=PATIENCE_S) as lane:
        async with lane.stream(lambda ticket: map(work, [ticket])):
            await work.begun()
        assert await lane.run(lambda _: "free") == "free"
        await work.returns()


async def test_a_live_turn_waits_no_longer_for_background_work_that_hangs() -> None:
    work = Gated()
    with Lane("test", patience=PATIENCE_S) as lane:

        async def background() -> None:
            with pytest.raises(EngineError, match="hangs"):
                await lane.run(work, rank=BACKGROUND)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(background)
            await work.begun()
            assert await lane.run(lambda _: "live") == "live"
        await work.returns()


async def test_patience_counts_from_the_last_attempt() -> None:
    work = Yielding()

    def slow(ticket: Ticket) -> None:
        work(ticket)
        time.sleep(2 * PATIENCE_S)

    with Lane("test", patience=PATIENCE_S) as lane:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(lane.run, slow, rank=BACKGROUND))
            await work.begun()
            await lane.run(work.note("live"))
    assert work.runs == ["first", "live", "first"]


async def test_closing_does_not_wait_for_a_job_that_hangs() -> None:
    lane = Lane("test", patience=PATIENCE_S)
    work = Gated()
    async with anyio.create_task_group() as tasks:

        async def caller() -> None:
            with pytest.raises(EngineError, match="hangs"):
                await lane.run(work)

        tasks.start_soon(caller)
        await work.begun()
        with anyio.fail_after(10):
            await anyio.to_thread.run_sync(lane.close)
    assert not lane.busy
    await work.returns()
