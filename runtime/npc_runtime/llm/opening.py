"""The opening of a reply: there once and only once, whatever a service made of it."""

import re

from npc_runtime.llm.grammar import OPENING
from npc_runtime.llm.tags import bare_emotion

_REST = re.compile(r"[\s:=]*[\w-]+(?:[\s,:]+[\w-]+)?\s*\]")
"""What makes a tag of `OPENING`."""
_MOST = 48
"""Characters within which such a tag ends."""


class Opening:
    """Sees to it that a reply begins as it should.

    Models that are asked to begin with it mostly do; those for which it was begun go on behind it, or begin anew. Where
    a model wrote no feeling at all, `OPENING` becomes a neutral one: its first words must not be taken for a feeling.

    Args:
        opening: How the reply begins; empty if in any way.
        begun: Whether it was put into the model's mouth.
    """

    def __init__(self, opening: str, *, begun: bool = False) -> None:
        self._opening = opening
        self._begun = begun
        self._held = ""
        self._done = not opening

    def feed(self, text: str) -> str:
        """Take the next piece of the reply."""
        if self._done:
            return text
        self._held += text
        decided = self._decided(self._held.lstrip(), at_end=False)
        if decided is None:
            return ""
        self._done = True
        return decided

    def close(self) -> str:
        """Take the end of the reply."""
        if self._done:
            return ""
        self._done = True
        return self._decided(self._held.lstrip(), at_end=True) or self._opening

    def _decided(self, own: str, *, at_end: bool) -> str | None:
        """How the reply begins; None as long as that is open."""
        opening = self._opening
        lead = own[: len(opening)].casefold()
        if lead == opening.casefold():
            return opening + own[len(opening) :]
        if opening.casefold().startswith(lead) and not at_end:
            return None
        if opening != OPENING:
            return opening + self._held
        if not (self._begun or own.startswith("[")):
            return f"{opening} neutral] {own}"
        end = own.find("]")
        if end < 0 and len(own) < _MOST and "\n" not in own and not at_end:
            return None
        if own.startswith("["):
            is_tag = bare_emotion(own[1:end]) is not None if end > 0 else False
            return f"{opening} {own[1:]}" if is_tag else f"{opening} neutral] {own}"
        if _REST.match(own):
            return opening + (self._held if self._held[0].isspace() else f" {self._held}")
        return f"{opening} neutral] {own}"
