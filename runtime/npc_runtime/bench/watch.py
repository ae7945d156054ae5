"""The watch: processor time and memory of a process and all its children."""

from dataclasses import dataclass, field
from typing import Literal

import anyio
import anyio.to_thread
import psutil

_EVERY = 1.0
"""Seconds between two looks at the memory: reading it holds the process up for a moment."""
_MEGABYTE = 1e6


@dataclass(slots=True)
class Memory:
    """The most memory at one moment, in MB."""

    kind: Literal["pss", "rss"] = "rss"
    """`pss` counts a page that several processes share once, `rss` once for each of them."""
    peak: float = 0.0
    first: float = 0.0
    """When it was first looked at."""
    last: float = 0.0
    """When it was last looked at."""


@dataclass(slots=True)
class Watch:
    """Looks at a tree of processes.

    Args:
        pid: The process at its root.
    """

    pid: int
    memory: Memory = field(default_factory=Memory)
    _spent: dict[tuple[int, float], float] = field(default_factory=dict)
    """Processor seconds by process, also of those that have ended."""

    async def run(self) -> None:
        """Look at the memory again and again until cancelled."""
        while True:
            await self.look()
            await anyio.sleep(_EVERY)

    async def look(self) -> None:
        """Look at the memory once."""
        await anyio.to_thread.run_sync(self._look)

    async def cpu_seconds(self) -> float:
        """Processor time, user's and system's, that the tree has used so far."""
        return await anyio.to_thread.run_sync(self._cpu_seconds)

    def _look(self) -> None:
        used = [found for process in self._tree() if (found := _memory(process)) is not None]
        if not used:
            return
        memory = self.memory
        memory.kind = "pss" if all(proportional for _, proportional in used) else "rss"
        memory.last = sum(size for size, _ in used) / _MEGABYTE
        memory.first = memory.first or memory.last
        memory.peak = max(memory.peak, memory.last)

    def _cpu_seconds(self) -> float:
        for process in self._tree():
            try:
                times = process.cpu_times()
                self._spent[process.pid, process.create_time()] = times.user + times.system
            except psutil.Error:
                continue
        return sum(self._spent.values())

    def _tree(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []


def _memory(process: psutil.Process) -> tuple[int, bool] | None:
    """Bytes of a process, and whether shared pages count in proportion; None if it is gone."""
    try:
        proportional: int = getattr(process.memory_full_info(), "pss", 0)
        return (proportional, True) if proportional else (process.memory_info().rss, False)
    except psutil.AccessDenied:
        pass
    except psutil.Error:
        return None
    try:
        return process.memory_info().rss, False
    except psutil.Error:
        return None
