"""Accounts: what a character says about how an action went, in its author's words, in ours, or by instruction."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from npc_runtime.actions.requests import Answer, Outcome, one_line
from npc_runtime.content.action import ActionDefinition, Scalar
from npc_runtime.content.told import DEFAULT, base, told
from npc_runtime.resources import bundled

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_MOST_VALUE = 120
"""Characters of a value in words."""
_LARGEST_WHOLE = 1e15
"""Up to here numbers without decimals are written out."""


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
    language: str = DEFAULT
    """ISO 639-1 code of the character; one without words of its own has the English ones."""

    @property
    def deed(self) -> str:
        """The action in words, such as `repair item: iron sword, 40`."""
        values = [self._named(value, self._own) for value in self.args.values()]
        if self.target is not None:
            values.append(self._named(self.target))
        name = self.name.replace("_", " ")[:_MOST_VALUE]
        return one_line(name + (f": {', '.join(values)}" if values else ""))

    @property
    def result(self) -> str:
        """What the game found out, in words; empty for nothing."""
        return self._in_words(self._own)

    @property
    def words(self) -> str:
        """What is remembered of it."""
        end = told(f"end_{self.outcome.status}", self.language)
        about = self.result or self._why
        return f"{self.deed} ({end}{f': {about}' if about else ''})"

    @property
    def instruction(self) -> str:
        """What a model is told to speak about; empty when all went as planned."""
        status, deed = self.outcome.status, self.deed
        if status == "done":
            found = self.result
            return told("found", self.language, deed=deed, result=found, player=self.player) if found else ""
        return told(status, self.language, deed=deed, why=f": {self._why}" if self._why else "")

    @property
    def tiding(self) -> str:
        """What the character is told of it later; empty when all went as planned."""
        return self._later(self.language)

    @property
    def report(self) -> str:
        """The same for whoever makes the game, in English."""
        return self._later(DEFAULT)

    def _later(self, language: str) -> str:
        status = self.outcome.status
        about = self.result if status == "done" else self._why
        if status == "done" and not about:
            return ""
        return told(f"later_{status}", language, deed=self.deed, why=f": {about}" if about else "")

    def filled(self, line: str) -> str | None:
        """An author's line with what its placeholders stand for; None if one of them has nothing to stand for."""
        values = {key: self._named(value, self._own) for key, value in self.args.items()}
        values |= {
            "result": self._in_words(self._own),
            "message": self.outcome.message,
            "player": self.player,
            "target": self._named(self.target) if self.target is not None else "",
        }
        if any(not values.get(found[1]) for found in _PLACEHOLDER.finditer(line)):
            return None
        return _PLACEHOLDER.sub(lambda found: values[found[1]], line)

    @property
    def _why(self) -> str:
        return self.outcome.message or self.outcome.reason

    @property
    def _own(self) -> Sequence[str]:
        """Words for true, for false, and for nothing."""
        return _of_language(_table()["words"], self.language)

    def _in_words(self, words: Sequence[str]) -> str:
        result: Answer | None = self.outcome.result
        if result is None:
            return ""
        if isinstance(result, Mapping):
            found = [f"{key.replace('_', ' ')}: {self._named(value, words)}" for key, value in result.items()]
        elif isinstance(result, tuple | list):
            found = [self._named(value, words) for value in result]
        else:
            found = [self._named(result, words)]
        return one_line(", ".join(found) or words[2])

    def _named(self, value: Scalar, words: Sequence[str] = ("yes", "no")) -> str:
        if isinstance(value, bool):
            return words[0] if value else words[1]
        if isinstance(value, float):
            whole = value.is_integer() and abs(value) < _LARGEST_WHOLE
            return str(int(value)) if whole else f"{value:g}"
        text = str(value)
        if text not in self.names and " " not in text:
            text = text.replace("_", " ")
        return self.names.get(text, text)[:_MOST_VALUE]


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


def usual(account: Account, number: int) -> str | None:
    """What anybody would say; None when all went as planned.

    Args:
        account: How it went.
        number: Of the turn: chooses among several lines.
    """
    status = account.outcome.status
    if status == "done" and not account.result:
        return None
    kind = {"done": "found", "timed_out": "failed"}.get(status, status)
    lines = _of_language(_table()[kind], account.language)
    return account.filled(lines[number % len(lines)])


def _of_language(table: Mapping[str, Sequence[str]], language: str) -> Sequence[str]:
    return table.get(base(language), table[DEFAULT])


@cache
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    table: Mapping[str, Mapping[str, list[str]]] = json.loads(
        bundled("assets", "text", "outcomes.json").read_text(encoding="utf-8")
    )
    return table
