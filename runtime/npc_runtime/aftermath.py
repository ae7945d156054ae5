"""Aftermath: what a character says when it has heard how its action went, and whether it goes on as planned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from npc_runtime import events
from npc_runtime.accounts import Account, authored, usual
from npc_runtime.actions.requests import Outcome
from npc_runtime.actions.validate import Rejection
from npc_runtime.cast import Cast
from npc_runtime.scene import Player, Scene


class Answers(Protocol):
    """Who hears from the game how actions went."""

    async def outcome(self, id: str) -> Outcome:
        """Wait until an action is over, be it that it has yet to leave."""
        ...


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from how an action went."""

    line: str = ""
    """To be said word for word."""
    instruction: str = ""
    """For the model, where there is no line."""
    goes_on: bool = True
    """Whether what was planned after the action still holds."""


AS_PLANNED = Consequence()


class Aftermath:
    """What follows from the actions of one turn.

    Args:
        number: Of the turn.
        cast: Who takes part.
        answers: Who hears how actions went; None where no game answers: all goes as planned then.
        small: Whether the model is small: it is not asked to find words for something that must be right.
    """

    def __init__(self, number: int, cast: Cast, answers: Answers | None, *, small: bool) -> None:
        self._number = number
        self._cast = cast
        self._answers = answers
        self._small = small
        self.tidings: list[str] = []
        """What was wanted and is not possible, as sentences to the character: it is told when it next speaks."""

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
        account = self._account(name, args, None, Outcome("refused", rejection.message))
        line = self._authored(account) if planned else None
        if line is None:
            self.tidings.append(account.tiding)
            return AS_PLANNED
        return Consequence(line, goes_on=False)

    async def of(self, acted: events.Action) -> Consequence:
        """What follows from an action; waits for the game where the character has to know how it went."""
        if self._answers is None or not (acted.needs_result or acted.needs_confirm):
            return AS_PLANNED
        return self._after(self._account(acted.name, acted.args, acted.target, await self._answers.outcome(acted.id)))

    def _account(self, name: str, args: Mapping[str, events.Scalar], target: str | None, outcome: Outcome) -> Account:
        cast = self._cast
        return Account(name, args, outcome, names_in(cast.scene, cast.player), cast.player.name, target)

    def _after(self, account: Account) -> Consequence:
        goes_on = account.outcome.status == "done"
        line = self._authored(account)
        if line is None and self._small:
            line = usual(account, self._cast.character.language, self._number)
        return Consequence(line or "", "" if line else account.instruction, goes_on)

    def _authored(self, account: Account) -> str | None:
        definition = next((one for one in self._cast.actions if one.name == account.name), None)
        return authored(account, definition, self._number) if definition is not None else None


def names_in(scene: Scene, player: Player) -> Mapping[str, str]:
    """What things and people around a character are called, by their ids."""
    named = {presence.id: presence.name for presence in scene.characters if presence.name}
    return {entity.id: entity.label for entity in scene.entities} | named | {player.id: player.name}
