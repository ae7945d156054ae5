"""Orders: goals that are meant by how something is asked for, whatever of an action's values it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from npc_runtime.character.intent_words import Form, utterance
from npc_runtime.character.intents import THRESHOLD, IntentMatcher
from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.goal import Goal

Reduce = Callable[[ActionDefinition, str, str], str | None]
"""An action, a line and its language → the line without what it says about the action's arguments; None where it does
not say what must be given."""

ENOUGH = {Form.WISH: THRESHOLD, Form.POLAR: 0.85, Form.OPEN: 0.85, Form.OWN: 0.7, Form.OTHER: 0.7}
"""How sure it must be for a question where no example is one, and for a line that tells something: who asks about a
drink, or tells of one, mostly orders none.

`tests/bench/bench_orders.py` shows what comes of other values.
"""
_TELLING = (Form.OWN, Form.OTHER)


@dataclass(frozen=True, slots=True)
class _Order:
    goal: int
    action: ActionDefinition
    matcher: IntentMatcher
    forms: frozenset[Form]
    """Of the examples."""


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
        self._language = language.split("-")[0]
        self._reduce = reduce
        self._orders = [
            self._order(number, goal, action)
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
                form = utterance(rest, self._language).form
                enough = THRESHOLD if form in order.forms and form not in _TELLING else ENOUGH[form]
                found[order.goal] = best.confidence if best is not None and best.confidence >= enough else 0.0
        return found

    def _order(self, number: int, goal: Goal, action: ActionDefinition) -> _Order:
        examples = [self._reduce(action, line, self._language) or line for line in goal.when.intent]
        forms = frozenset(utterance(line, self._language).form for line in examples)
        return _Order(number, action, IntentMatcher([examples], self._language, kinds=False), forms)


def _ordered(goal: Goal, actions: Sequence[ActionDefinition]) -> ActionDefinition | None:
    """The first action of a goal that needs to be told one of a few values."""
    named = [step.action for step in goal.do if step.action is not None]
    return next((action for name in named for action in actions if action.name == name and _takes(action)), None)


def _takes(action: ActionDefinition) -> bool:
    return any(one.type in ("enum", "boolean") and one.needed for one in action.args.values())
