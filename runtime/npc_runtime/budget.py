"""The budget: how much services may cost until models on this machine take over."""

from dataclasses import dataclass
from typing import Literal

Limit = Literal["session", "day"]
Status = Literal["ok", "warn", "exceeded"]
_SEVERITY: tuple[Status, ...] = ("ok", "warn", "exceeded")


@dataclass(frozen=True, slots=True)
class Standing:
    """How spending stands against the limit that matters most now."""

    status: Status
    limit: Limit
    spent: float
    """US dollars, of what counts for that limit."""
    most: float
    """US dollars; 0: there is no limit."""

    @property
    def message(self) -> str:
        """The same for a person, in a sentence."""
        whose = "this session" if self.limit == "session" else "today"
        if self.status == "exceeded":
            return f"The budget for {whose} is used up: ${self.spent:.4f} of ${self.most:.4f} are spent."
        return f"${self.spent:.4f} of the ${self.most:.4f} for {whose} are spent."


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits, in US dollars."""

    session: float = 0.0
    """0: no limit."""
    day: float = 0.0
    """0: no limit."""
    warn: float = 0.8
    """Share of a limit from which the player is told."""

    def standings(self, session: float, day: float) -> tuple[Standing, Standing]:
        """How both limits stand.

        Args:
            session: US dollars spent in this session.
            day: US dollars spent today, in this session and others.
        """
        return self._standing("session", session, self.session), self._standing("day", day, self.day)

    def standing(self, session: float, day: float) -> Standing:
        """How the limit stands that is nearer to being exceeded; the arguments are those of `standings`."""
        return max(self.standings(session, day), key=lambda one: _SEVERITY.index(one.status))

    def _standing(self, limit: Limit, spent: float, most: float) -> Standing:
        status: Status = "ok"
        spent = round(spent, 9)  # many small sums make no round one
        if most > 0:
            status = "exceeded" if spent >= most else "warn" if spent >= self.warn * most else "ok"
        return Standing(status, limit, spent, most)
