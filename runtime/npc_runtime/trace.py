"""Marks of one turn: when each stage was reached, counted from the player's last voiced sample."""

from dataclasses import dataclass, field

from npc_runtime.clock import Clock


@dataclass(slots=True)
class Trace:
    """The latency waterfall of one turn.

    Marks are kept once: the first `first_token` of a turn is the one that counts.
    """

    clock: Clock
    origin: float
    """Clock time, in seconds, of the player's last voiced sample or of the text's arrival."""
    marks: dict[str, float] = field(default_factory=dict)

    @property
    def elapsed_ms(self) -> float:
        """How long ago the origin was."""
        return (self.clock.now() - self.origin) * 1000

    def mark(self, name: str) -> None:
        """Note that a stage has been reached."""
        self.marks.setdefault(name, self.elapsed_ms)

    def timings(self) -> dict[str, float]:
        """`{name}_ms` → milliseconds since the origin, in the order reached."""
        return {f"{name}_ms": round(value, 1) for name, value in self.marks.items()}
