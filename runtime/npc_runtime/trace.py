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
    """Of the time until the first sound was ready, how long no engine was waited for: what our own code took."""
    _begun: float = field(init=False)
    _waits: list[tuple[float, str]] = field(default_factory=list)
    """Engines that are waited for now: since when, and up to which mark that counts."""
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

    @contextmanager
    def engine(self, until: str = "") -> Iterator[None]:
        """An engine is waited for.

        Args:
            until: The mark after which the wait does not count any more: others go on meanwhile.
        """
        wait = (self.clock.now(), until)
        self._waits.append(wait)
        try:
            yield
        finally:
            self._waits.remove(wait)
            self._waited += self._counted(wait)

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
            waited = self._waited + sum(self._counted(wait) for wait in self._waits)
            self.own_ms = (self.clock.now() - self._begun - waited) * 1000

    def _counted(self, wait: tuple[float, str]) -> float:
        since, until = wait
        end = self.origin + self.marks[until] / 1000 if until in self.marks else self.clock.now()
        return max(0.0, end - since)

    def timings(self) -> dict[str, float]:
        """`{name}_ms` → milliseconds since the origin, in the order reached."""
        return {f"{name}_ms": round(value, 1) for name, value in self.marks.items()}
