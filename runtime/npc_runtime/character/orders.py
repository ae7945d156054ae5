"""Orders: goals that are meant by how something is asked for, whatever of an action's values it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from npc_runtime.character.intents import IntentMatcher
from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.goal import Goal

Reduce = Callable[[ActionDefinition, str, str], str | None]
"""An action, a line and its language → the line without what it says about the action's arguments; None where it does
not say what must be given."""


@dataclass(frozen=True, slots=True)
class _Order:
    goal: int
    action: ActionDefinition
    matcher: IntentMatcher


class Orders:
    """The goals whose action takes a value that the player says, such as the drink of an order.

    Args:
        goals: All goals of a character.
        actions: What it may ever do.
        language: ISO 639-1 code of the examples and the lines.
        reduce: Takes the values out of a line.
    """

    def __init__(
        self, goals: Sequence[Goal], actions: Sequence[ActionDefinition], language: str, reduce: Reduce
    ) -> None:
        self._language = language
        self._reduce = reduce
        self._orders = [
            _Order(number, action, IntentMatcher([[self._read(action, line) for line in goal.when.intent]], language))
            for number, goal in enumerate(goals)
            if goal.when.intent and (action := _ordered(goal, actions)) is not None
        ]

    def confidences(self, line: str, names: frozenset[str] = frozenset()) -> dict[int, float]:
        """Number of a goal → how sure it is that a line means it, 0..1; only goals whose value the line says.

        Args:
            line: The player's words.
            names: See `IntentMatcher.ranked`.
        """
        found = {}
        for order in self._orders:
            rest = self._reduce(order.action, line, self._language)
            if rest is not None:
                best = order.matcher.best(rest, names=names)
                found[order.goal] = best.confidence if best is not None else 0.0
        return found

    def _read(self, action: ActionDefinition, line: str) -> str:
        rest = self._reduce(action, line, self._language)
        return line if rest is None else rest


def _ordered(goal: Goal, actions: Sequence[ActionDefinition]) -> ActionDefinition | None:
    """The first action of a goal that needs to be told one of a few values."""
    named = [step.action for step in goal.do if step.action is not None]
    return next((action for name in named for action in actions if action.name == name and _takes(action)), None)


def _takes(action: ActionDefinition) -> bool:
    return any(one.type in ("enum", "boolean") and one.needed for one in action.args.values())
