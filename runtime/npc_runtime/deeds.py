"""Deeds: what the characters of one session have done, and what they have yet to hear of it."""

from collections.abc import Sequence

from npc_runtime.actions.ledger import Ledger
from npc_runtime.cast import Wish

_MOST_TIDINGS = 3
"""What a character is told of its actions; the latest."""


class Deeds:
    """The actions of all characters of one session."""

    def __init__(self) -> None:
        self._ledgers: dict[str, Ledger] = {}
        self._ahead: dict[str, Ledger] = {}
        """The latest copy that was handed out: it may be kept, and what is undone meanwhile must stay undone."""
        self._tidings: dict[str, tuple[str, ...]] = {}
        self._wishes: dict[str, Wish] = {}

    def ledger(self, character: str) -> Ledger:
        """What a character has done, to be gone on with; nothing of that counts before it is kept."""
        copy = self._ahead[character] = self._ledgers.get(character, Ledger()).copy()
        return copy

    def keep(self, character: str, ledger: Ledger) -> None:
        """This is what a character has done."""
        self._ledgers[character] = ledger

    def undo(self, character: str, action: str, id: str) -> None:
        """An action did not come about."""
        for ledgers in (self._ledgers, self._ahead):
            if character in ledgers:
                ledgers[character].undo(action, id)

    def tidings(self, character: str) -> tuple[str, ...]:
        """What a character has yet to hear of its actions, as sentences to it."""
        return self._tidings.get(character, ())

    def inform(self, character: str, tidings: Sequence[str]) -> None:
        """Let a character hear something when it next speaks."""
        self._tidings[character] = tuple(dict.fromkeys((*self.tidings(character), *tidings)))[-_MOST_TIDINGS:]

    def heard(self, character: str, tidings: Sequence[str]) -> None:
        """A character has heard something: it is not told again."""
        self._tidings[character] = tuple(one for one in self.tidings(character) if one not in tidings)

    def wish(self, character: str) -> Wish | None:
        """What the player still wants of a character."""
        return self._wishes.get(character)

    def wait_for(self, character: str, wish: Wish | None) -> None:
        """This is what the player wants of a character from now on."""
        if wish is None:
            self._wishes.pop(character, None)
        else:
            self._wishes[character] = wish

    def forget(self) -> None:
        """Another story begins."""
        self._ledgers.clear()
        self._ahead.clear()
        self._tidings.clear()
        self._wishes.clear()
