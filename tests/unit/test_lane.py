"""The lane: one job at a time, by rank, and an engine that is free once a job has been left."""

import threading
from collections.abc import Iterator

import anyio
import pytest

from npc_runtime.errors import EngineError
from npc_runtime.lane import Lane, Ticket

pytestmark = pytest.mark.anyio


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
