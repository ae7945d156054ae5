"""Accounts: what a character says about how an action went, in its author's words, in ours, or by instruction."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from npc_runtime.actions.requests import Outcome
from npc_runtime.content.action import ActionDefinition, Scalar
from npc_runtime.resources import bundled

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_MOST_VALUE = 120
"""Characters of a value in words."""


@dataclass(frozen=True, slots=True)
class Account:
    """What there is to say about an action that is over."""

    name: str
    """Of the action."""
    args: Mapping[str, Scalar]
    outcome: Outcome
    names: Mapping[str, str]
    """What things and people are called, by their ids."""
    player: str
    """Name of whom the character speaks to."""
    target: str | None = None

    @property
    def deed(self) -> str:
        """The action in words, such as `repair item: iron sword, 40`."""
        values = [self._named(value) for value in self.args.values()]
        if self.target is not None:
            values.append(self._named(self.target))
        return self.name.replace("_", " ") + (f": {', '.join(values)}" if values else "")

    @property
    def words(self) -> str:
        """What is remembered of it."""
        outcome = self.outcome
        end = {"done": "done", "failed": "failed", "refused": "not possible", "timed_out": "nothing came of it"}
        about = outcome.result or outcome.message
        return f"{self.deed} ({end[outcome.status]}{f': {about}' if about else ''})"

    @property
    def instruction(self) -> str:
        """What a model is told to speak about; empty when all went as planned."""
        outcome = self.outcome
        why = f": {outcome.message}" if outcome.message else ""
        match outcome.status:
            case "done":
                return f"You found out: {outcome.result}. Tell {self.player}." if outcome.result else ""
            case "refused":
                return f"You cannot do this now ({self.deed}){why}. Say so."
            case "failed":
                return f"You tried this and failed ({self.deed}){why}. Say so."
            case "timed_out":
                return f"You tried this and nothing came of it ({self.deed}). Say so."

    @property
    def tiding(self) -> str:
        """What the character is told of it later."""
        outcome = self.outcome
        why = f": {outcome.message or outcome.result}" if outcome.message or outcome.result else ""
        end = {"done": "You did this", "failed": "You failed at this", "refused": "You cannot do this"}
        return f"{end.get(outcome.status, 'Nothing came of this')} ({self.deed}){why}."

    def filled(self, line: str) -> str | None:
        """An author's line with what its placeholders stand for; None if one of them has nothing to stand for."""
        values = {key: self._named(value) for key, value in self.args.items()}
        values |= {
            "result": self.outcome.result,
            "message": self.outcome.message,
            "player": self.player,
            "target": self._named(self.target) if self.target is not None else "",
        }
        if any(not values.get(found[1]) for found in _PLACEHOLDER.finditer(line)):
            return None
        return _PLACEHOLDER.sub(lambda found: values[found[1]], line)

    def _named(self, value: Scalar) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return f"{value:g}"
        text = str(value)
        return self.names.get(text, text.replace("_", " "))[:_MOST_VALUE]


def authored(account: Account, definition: ActionDefinition, number: int) -> str | None:
    """What the author wrote for this end of an action; None for nothing that fits.

    Args:
        account: How it went.
        definition: Of the action.
        number: Of the turn: chooses among several lines.
    """
    lines: Sequence[str] = getattr(definition.say, account.outcome.status)
    if not lines and account.outcome.status == "timed_out":
        lines = definition.say.failed
    fitting = [line for line in map(account.filled, lines) if line]
    return fitting[number % len(fitting)] if fitting else None


def usual(account: Account, language: str, number: int) -> str | None:
    """What anybody would say; None when all went as planned.

    Args:
        account: How it went.
        language: ISO 639-1 code of the character; one without lines has the English ones.
        number: Of the turn: chooses among several lines.
    """
    status = account.outcome.status
    if status == "done" and not account.outcome.result:
        return None
    kind = {"done": "found", "timed_out": "failed"}.get(status, status)
    lines = _table()[kind]
    own = lines.get(language.partition("-")[0], lines["en"])
    return account.filled(own[number % len(own)])


@cache
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    table: Mapping[str, Mapping[str, list[str]]] = json.loads(
        bundled("assets", "text", "outcomes.json").read_text(encoding="utf-8")
    )
    return table
