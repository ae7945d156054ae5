"""Wishes: what the player's words say about an action's arguments, and what becomes of one that wants more of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from npc_runtime.actions.filling import fill
from npc_runtime.actions.options import possible
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import Rejection
from npc_runtime.actions.wanting import Begun, ask_for, begin, go_on
from npc_runtime.aftermath import Consequence
from npc_runtime.cast import Cast, Wish
from npc_runtime.character.impulse import ASK, Deed, Impulse
from npc_runtime.character.inner import Inner
from npc_runtime.clock import Clock
from npc_runtime.content.action import ActionDefinition
from npc_runtime.thinking import situation_of


class Wishes:
    """What the player wants done, in one turn.

    Args:
        number: Of the turn.
        cast: Who takes part.
        clock: Time.
        small: Whether the model is small: it is not asked to find words for a question.
    """

    def __init__(self, number: int, cast: Cast, clock: Clock, *, small: bool) -> None:
        self.kept: Wish | None = None
        """What is still wanted when the turn is over."""
        self._number = number
        self._cast = cast
        self._clock = clock
        self._small = small
        self._begun: Begun | None = None

    def take_up(self, impulse: Impulse, line: str, inner: Inner) -> Impulse:
        """What a character does about a line that may say what was missing.

        Args:
            impulse: What it would do about the line alone. Whatever its author or the engine is certain of comes first.
            line: The player's words.
            inner: The character's state.
        """
        wish, cast = self._cast.wish, self._cast
        definition = self._definition(wish.begun.action) if wish is not None else None
        if wish is None or definition is None or impulse.reasons or impulse.acts:
            return impulse
        situation = self._situation(inner)
        begun = go_on(wish.begun, definition, line, cast.character.language, situation, turn=self._number)
        if begun is None:
            return impulse
        if begun == wish.begun:  # the player hesitates
            self.kept = wish
            return impulse
        self._begun = begun
        spoken = any(deed.kind in ("say", "ask") for deed in wish.deeds) or definition.say.done
        after = wish.deeds if spoken else (*wish.deeds, ASK)
        return replace(impulse, deeds=(Deed("action", begun.action), *after), facts=())

    def values(self, action: str, line: str, inner: Inner) -> Mapping[str, str]:
        """The values that the player's words give to the arguments of an action."""
        definition = self._definition(action)
        if definition is None:
            return {}
        before = self._begun.values if self._begun is not None and self._begun.action == action else {}
        said = fill(definition, line, self._cast.character.language, self._situation(inner)) if line else {}
        return {**said, **before}  # what was begun knows what was asked for

    def ask(
        self, rejection: Rejection, values: Mapping[str, str], action: str, after: Sequence[Deed], inner: Inner
    ) -> Consequence | None:
        """How a character asks for what an action wants.

        Args:
            rejection: Why it may not be done.
            values: What is known.
            action: Its name.
            after: What was planned for after it.
            inner: The character's state.

        Returns:
            None if nothing is missing that could be asked for.
        """
        definition = self._definition(action)
        if rejection.code != "missing_argument" or definition is None:
            return None
        cast, situation = self._cast, self._situation(inner)
        option = next((one for one in possible(cast.actions, situation, cast.ledger) if one.name == action), None)
        if option is None:
            return None
        begun = begin(definition, option, values, turn=self._number, time=situation.now)
        if begun is None:
            return None
        self.kept = Wish(begun, tuple(after))
        question = ask_for(definition, begun.asked, cast.character.language, situation)
        if self._small:
            return Consequence(question.line, goes_on=False)
        return Consequence(instruction=question.instruction, fallback=question.line, goes_on=False)

    def _definition(self, action: str) -> ActionDefinition | None:
        return next((one for one in self._cast.actions if one.name == action), None)

    def _situation(self, inner: Inner) -> Situation:
        return situation_of(self._cast, inner, self._clock)
