"""A purse: what one session may spend, and when its player is told."""

from collections.abc import Callable

from npc_runtime.budget import Budget, Limit, Status
from npc_runtime.events import Notice
from npc_runtime.ledger import Ledger
from npc_runtime.spending import Spent

_HINT = "models on this machine answer from now on; raise budget.session or budget.day to go on with services"


class Purse:
    """The money of one session.

    Args:
        ledger: Where what is spent is written down.
        budget: How much that may be.
        session: Whose purse it is.
        tell: Told once for each limit when it comes near, and once when it is reached.
    """

    def __init__(self, ledger: Ledger, budget: Budget, session: str, *, tell: Callable[[Notice], None]) -> None:
        self._ledger = ledger
        self._budget = budget
        self._session = session
        self._tell = tell
        self._told: set[tuple[Limit, Status]] = set()

    def may_spend(self) -> bool:
        """Whether services may be asked for the next reply."""
        self._warn()
        return self._budget.standing(*self._figures()).status != "exceeded"

    def spend(self, spent: Spent) -> None:
        """Something was spent."""
        self._ledger.add(self._session, spent)
        self._warn()

    def _figures(self) -> tuple[float, float]:
        return self._ledger.session(self._session), self._ledger.today()

    def _warn(self) -> None:
        for standing in self._budget.standings(*self._figures()):
            key = (standing.limit, standing.status)
            if standing.status == "ok":  # perhaps it is another day
                self._told -= {(standing.limit, "warn"), (standing.limit, "exceeded")}
            if standing.status == "ok" or key in self._told:
                continue
            self._told.add(key)
            exceeded = standing.status == "exceeded"
            self._told.add((standing.limit, "warn"))  # whoever has spent it all need not be told that it comes near
            code = "budget_exceeded" if exceeded else "budget_warning"
            self._tell(Notice(code=code, message=standing.message, hint=_HINT if exceeded else ""))
