"""Deeds: what the characters of one session have done, and what they have yet to hear of it."""

from copy import deepcopy

from npc_runtime.actions.ledger import Ledger

_MOST_TIDINGS = 3
"""What a character is told of its actions; the latest."""


class Deeds:
    """The actions of all characters of one session."""

    def __init__(self) -> None:
        self._ledgers: dict[str, Ledger] = {}
        self._tidings: dict[str, tuple[str, ...]] = {}

    def ledger(self, character: str) -> Ledger:
        """What a character has done, to be gone on with; nothing of that counts before it is kept."""
        return deepcopy(self._ledgers.get(character, Ledger()))

    def keep(self, character: str, ledger: Ledger) -> None:
        """A character speaks: this is what it has done, and it has heard what there was to hear."""
        self._ledgers[character] = ledger
        self._tidings.pop(character, None)

    def undo(self, character: str, action: str) -> None:
        """An action did not come about."""
        if character in self._ledgers:
            self._ledgers[character].undo(action)

    def tidings(self, character: str) -> tuple[str, ...]:
        """What a character has yet to hear of its actions, as sentences to it."""
        return self._tidings.get(character, ())

    def inform(self, character: str, *tidings: str) -> None:
        """Let a character hear something when it next speaks."""
        self._tidings[character] = (*self.tidings(character), *tidings)[-_MOST_TIDINGS:]

    def forget(self) -> None:
        """Another story begins."""
        self._ledgers.clear()
        self._tidings.clear()
