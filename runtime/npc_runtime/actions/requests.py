"""Requests: what was asked of the game, from the asking to its one end.

Pure: an action that has left for the game ends exactly once, as done, failed, refused or timed out, whatever the game
answers, twice, late or never. One that needs the game's consent is asked for first, and does not run before that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from npc_runtime import events
from npc_runtime.errors import InputError
from npc_runtime.events import Scalar

Status = Literal["done", "failed", "refused", "timed_out"]
Answer = Scalar | tuple[Scalar, ...] | Mapping[str, Scalar]
"""What the game found out."""

CONFIRM_SECONDS = 60.0
"""How long the game has to consent: it may have to ask the player."""
SILENT_SECONDS = 30.0
"""After this time an action counts as done of which the game need not say how it went."""
MOST_OPEN = 64
"""Actions of a session that may be under way; of more, the oldest is not followed any further."""
_MOST_WORDS = 400
"""Characters of what the game says about an action."""
_OVER = 256
"""Ids of the latest actions that are over, to tell a late answer from a wrong one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended."""

    status: Status
    message: str = ""
    """Why, in the game's words; one line."""
    result: Answer | None = None
    """What the game found out; an empty list or mapping: that there is nothing."""
    reason: str = ""
    """Why, in ours, where the game has said nothing."""

    @classmethod
    def told(cls, status: Status, message: str | None, result: Answer | None) -> "Outcome":
        """What a game has told of an action."""
        return cls(status, one_line(message or ""), result if result != "" else None)


@dataclass(frozen=True, slots=True)
class Undertaking:
    """An action that the game knows of."""

    action: events.Action
    patience: float
    """Seconds that the game has to say how it went."""
    asked: bool
    """Whether the game has yet to consent."""
    due: float
    """Clock time, seconds, at which it ends by itself."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An action and its end."""

    action: events.Action
    outcome: Outcome


class Requests:
    """The actions of one session."""

    def __init__(self) -> None:
        self._open: dict[str, Undertaking] = {}
        """By id, the oldest first."""
        self._over: dict[str, None] = {}

    @property
    def due(self) -> float | None:
        """Clock time at which the next one ends by itself; None for none."""
        return min((one.due for one in self._open.values()), default=None)

    def knows(self, id: str) -> bool:
        """Whether an action is under way."""
        return id in self._open

    def left(self, action: events.Action, patience: float, now: float) -> tuple[Ended, ...]:
        """An action has left for the game.

        Args:
            action: What is asked for.
            patience: Seconds that the game has to say how it went.
            now: Clock time, seconds.

        Returns:
            The oldest one if there are too many: it is not followed any further.
        """
        self._open[action.id] = Undertaking(action, patience, action.needs_confirm, now + _wait(action, patience))
        if len(self._open) <= MOST_OPEN:
            return ()
        return (self._give_up(next(iter(self._open)), "too many actions were under way"),)

    def confirmed(self, id: str, allow: bool, now: float) -> events.Action | Ended:
        """The game consents to an action, or does not.

        Returns:
            The action, which it may do now, or its end.

        Raises:
            InputError: It was not asked for, or is over.
        """
        one = self._known(id)
        if not one.asked:
            raise InputError(f"Action {id} needs no consent.", hint="it may be done already", code="wrong_order")
        if not allow:
            return self._end(id, Outcome("refused", reason="it was not allowed"))
        action = replace(one.action, needs_confirm=False)
        self._open[id] = replace(one, action=action, asked=False, due=now + _wait(action, one.patience))
        return action

    def told(self, id: str, outcome: Outcome) -> Ended:
        """The game says how an action went.

        Raises:
            InputError: There is no such action, or it is over.
        """
        self._known(id)
        return self._end(id, outcome)

    def expired(self, now: float) -> tuple[Ended, ...]:
        """Those whose time is over, the oldest first."""
        due = [id for id, one in self._open.items() if one.due <= now]
        return tuple(self._give_up(id, "the game did not answer") for id in due)

    def abandon(self) -> tuple[Ended, ...]:
        """End them all, the oldest first: nobody is there any more who could answer, or the story is another one."""
        return tuple(self._give_up(id, "the game is gone") for id in list(self._open))

    def _known(self, id: str) -> Undertaking:
        if id in self._open:
            return self._open[id]
        if id in self._over:
            raise InputError(f"Action {id} is over already.", hint="answer once, and in time", code="action_over")
        raise InputError(f"There is no action {id!r}.", hint="give the `id` of the action", code="unknown_action")

    def _give_up(self, id: str, reason: str) -> Ended:
        """End an action of which the game has said nothing: that is all right where it need not."""
        one = self._open[id]
        silent = not one.asked and not one.action.needs_result
        return self._end(id, Outcome("done") if silent else Outcome("timed_out", reason=reason))

    def _end(self, id: str, outcome: Outcome) -> Ended:
        one = self._open.pop(id)
        self._over[id] = None
        while len(self._over) > _OVER:
            del self._over[next(iter(self._over))]
        return Ended(one.action, outcome)


def one_line(text: str) -> str:
    """A text of the game as one line of bounded length."""
    return " ".join(text.split())[:_MOST_WORDS]


def _wait(action: events.Action, patience: float) -> float:
    if action.needs_confirm:
        return CONFIRM_SECONDS
    return patience if action.needs_result else SILENT_SECONDS
