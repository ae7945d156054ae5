"""Marks of one turn: when each stage was reached, counted from the player's last voiced sample."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from npc_runtime.clock import Clock

T = TypeVar("T")


@dataclass(slots=True)
class Trace:
    """The latency waterfall of one turn.

    Marks are kept once: the first `first_token` of a turn is the one that counts.
    """

    clock: Clock
    origin: float
    """Clock time, in seconds, of the player's last voiced sample or of the text's arrival."""
    marks: dict[str, float] = field(default_factory=dict)
    own_ms: float | None = None
    """Of the time until the first sound was ready, how long nobody else was waited for: what our own code took."""
    _begun: float = field(init=False)
    _waits: list["_Wait"] = field(default_factory=list)
    """What is waited for now and counts."""
    _since: float = 0.0
    """Clock time since when anything is; waits that overlap count once."""
    _waited: float = 0.0

    def __post_init__(self) -> None:
        """The work begins now, which may be later than the origin."""
        self._begun = self.clock.now()

    @property
    def elapsed_ms(self) -> float:
        """How long ago the origin was."""
        return (self.clock.now() - self.origin) * 1000

    def mark(self, name: str) -> None:
        """Note that a stage has been reached."""
        self.marks.setdefault(name, self.elapsed_ms)
        for wait in [wait for wait in self._waits if wait.until == name]:
            self._leave(wait)

    @contextmanager
    def engine(self, until: str = "") -> Iterator[None]:
        """An engine is waited for, or the game.

        Args:
            until: The mark after which the wait does not count any more: others go on meanwhile.
        """
        wait = _Wait(until)
        if until not in self.marks:
            self._since = self._since if self._waits else self.clock.now()
            self._waits.append(wait)
        try:
            yield
        finally:
            self._leave(wait)

    async def engine_items(self, items: AsyncIterator[T], until: str = "") -> AsyncGenerator[T, None]:
        """What an engine makes; it is waited for as in `engine`."""
        while True:
            with self.engine(until):
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            yield item

    def sound_ready(self) -> None:
        """The first sound is there."""
        if self.own_ms is None:
            waiting = self.clock.now() - self._since if self._waits else 0.0
            self.own_ms = (self.clock.now() - self._begun - self._waited - waiting) * 1000

    def _leave(self, wait: "_Wait") -> None:
        if wait in self._waits:
            self._waits.remove(wait)
            if not self._waits:
                self._waited += self.clock.now() - self._since

    def timings(self) -> dict[str, float]:
        """`{name}_ms` → milliseconds since the origin, in the order reached."""
        return {f"{name}_ms": round(value, 1) for name, value in self.marks.items()}


@dataclass(slots=True, eq=False)
class _Wait:
    """Something that is waited for."""

    until: str
    """The mark after which it does not count any more."""
