"""Dialogue: what was said lately between each character and those it talks to, as prompts need it."""

from collections.abc import Sequence

from npc_runtime.character.memory.records import Memory
from npc_runtime.llm.history import History
from npc_runtime.llm.prompt import Exchange

RESTORED = 16
"""Lines that a character has in mind when a talk goes on after a pause or in a save game."""
_SMALL_TOKENS = 480
"""Tokens of what was said that a small model is told: more confuses it, and slows it down."""
_SHARE = 0.5
"""Of the window that what was said may fill for other models."""


class Dialogue:
    """What was said lately, by character and by whom it talks to.

    Args:
        context_tokens: The model's window.
        small: Whether the model is small.
    """

    def __init__(self, context_tokens: int, *, small: bool) -> None:
        self._most = _SMALL_TOKENS if small else int(context_tokens * _SHARE)
        self._said: dict[tuple[str, str], History] = {}

    def known(self, character: str, partner: str) -> bool:
        """Whether it is known what the two have said, were it nothing."""
        return (character, partner) in self._said

    def of(self, character: str, partner: str) -> tuple[Exchange, ...]:
        """What the two have said, oldest first."""
        return tuple(self._said.get((character, partner), ()))

    def add(self, character: str, partner: str, exchange: Exchange) -> None:
        """Append the latest exchange of two."""
        self._said.setdefault((character, partner), History(self._most)).add(exchange)

    def restore(self, character: str, partner: str, lines: Sequence[Memory]) -> None:
        """Take what was said from memory, unless it is known already.

        Args:
            character: Who remembers.
            partner: With whom.
            lines: What it remembers, oldest first: what it heard, each with what it answered.
        """
        if self.known(character, partner):
            return
        self._said[character, partner] = History(self._most)
        heard = ""
        for line in lines:
            if line.source == "heard":
                heard = line.text
            elif line.source == "said" and heard:
                self.add(character, partner, Exchange(heard, line.text))
                heard = ""

    def clear(self) -> None:
        """Forget everything: another story is told."""
        self._said.clear()
