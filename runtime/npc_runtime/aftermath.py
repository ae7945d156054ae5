"""Aftermath: what a character says when it has heard how its action went, and whether it goes on as planned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import anyio

from npc_runtime import events
from npc_runtime.accounts import Account, authored, usual
from npc_runtime.actions.requests import Outcome
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import Rejection, gone
from npc_runtime.cast import Cast
from npc_runtime.content.told import told


class Answers(Protocol):
    """Who hears from the game how actions went."""

    @property
    def expected(self) -> bool:
        """Whether the game says how they went."""
        ...

    def undertaken(self, action: events.Action, cast: Cast) -> None:
        """An action has left for the game."""
        ...

    def impossible(self, action: events.Action, cast: Cast, reason: str) -> None:
        """An action has not left for the game, as it is not possible any more."""
        ...

    async def outcome(self, id: str) -> Outcome:
        """Wait until it is known how an action went, be it that it has yet to leave.

        Whoever hears of it here tells the character.
        """
        ...


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from how an action went."""

    line: str = ""
    """To be said word for word."""
    instruction: str = ""
    """For the model, where there is no line."""
    fallback: str = ""
    """To be said if the model finds no words."""
    tiding: str = ""
    """What the character is told later, unless it has spoken about it."""
    goes_on: bool = True
    """Whether what was planned after the action still holds."""
    words_hold: bool = True
    """Whether what a model wrote after the action still holds: it knew nothing of what the game has found out."""


AS_PLANNED = Consequence()
_NOT_YET = Consequence(goes_on=False, words_hold=False)
HOLD_SECONDS = 15.0
"""How long a turn waits for the game: longer than most games take, and no longer than a player would."""


class Aftermath:
    """What follows from the actions of one turn.

    Args:
        number: Of the turn.
        cast: Who takes part.
        answers: Who hears how actions went; None where there is no game: all goes as planned then.
        small: Whether the model is small: it is not asked to find words for something that must be right.
    """

    def __init__(self, number: int, cast: Cast, answers: Answers | None, *, small: bool) -> None:
        self._number = number
        self._cast = cast
        self._answers = answers
        self._small = small

    def waits(self, acted: events.Action) -> bool:
        """Whether what follows an action has to wait for the game."""
        answered = self._answers is not None and self._answers.expected
        return answered and (acted.needs_result or acted.needs_confirm)

    def leave(self, acted: events.Action, emit: Callable[[events.Event], None]) -> None:
        """Let an action leave for the game, unless what it is about has gone since it was decided on."""
        cast, answers = self._cast, self._answers
        definition = next(one for one in cast.actions if one.name == acted.name)
        here = Situation(scene=cast.now(), player=cast.player, character=cast.id)
        if answers is not None and (missing := gone(acted.args, acted.target, definition, here)):
            answers.impossible(acted, cast, told("not_here", cast.character.language, thing=missing))
            return
        emit(acted)
        if answers is not None:
            answers.undertaken(acted, cast)

    async def of(self, acted: events.Action) -> Consequence:
        """What follows from an action; waits for the game where the character has to know how it went.

        A walk or a player's consent may take long: after a while the turn ends without a word about it, and the
        character is told how it went when it next speaks.
        """
        if self._answers is None or not self.waits(acted):
            return AS_PLANNED
        with anyio.move_on_after(HOLD_SECONDS):
            outcome = await self._answers.outcome(acted.id)
            return self._after(account_of(self._cast, acted.name, acted.args, acted.target, outcome))
        return _NOT_YET

    def of_rejection(self, rejection: Rejection, name: str, args: Mapping[str, str], *, planned: bool) -> Consequence:
        """What follows from an action that is not possible now.

        Args:
            rejection: Why.
            name: Of the action.
            args: What it was wanted with.
            planned: Whether the author wants it, and may have put into words that it is not possible; what else was
                planned goes on where the author has not, as conditions of actions are also used to leave them out.
        """
        if rejection.code == "duplicate":
            return AS_PLANNED
        account = account_of(self._cast, name, args, None, Outcome("refused", reason=rejection.message))
        line = self._authored(account) if planned else None
        return Consequence(line or "", tiding=account.tiding, goes_on=line is None)

    def _after(self, account: Account) -> Consequence:
        done = account.outcome.status == "done"
        line, spare = self._authored(account) or "", usual(account, self._number) or ""
        if self._small:
            line = line or spare
        return Consequence(
            line,
            instruction="" if line else account.instruction,
            fallback=spare,
            tiding=account.tiding,
            goes_on=done,
            words_hold=done and not account.result,
        )

    def _authored(self, account: Account) -> str | None:
        definition = next((one for one in self._cast.actions if one.name == account.name), None)
        return authored(account, definition, self._number) if definition is not None else None


def account_of(
    cast: Cast, name: str, args: Mapping[str, events.Scalar], target: str | None, outcome: Outcome
) -> Account:
    """What there is to say about an action that is over.

    Args:
        cast: Who did it, and what was around.
        name: Of the action.
        args: What it was done with.
        target: Whom or what it was done to.
        outcome: How it went.
    """
    scene, player = cast.scene, cast.player
    names = {entity.id: entity.label for entity in scene.entities}
    names |= {presence.id: presence.name for presence in scene.characters if presence.name}
    names[player.id] = player.name
    return Account(name, args, outcome, names, player.name, target, cast.character.language)
