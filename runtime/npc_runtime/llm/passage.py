"""A passage: what of a reply may be passed on, so that another model could go on behind it.

It ends with a word or a tag. Nothing is late because of that: what reads the stream waits for the same ends.
"""

import re

from npc_runtime.llm.sentences import TERMINATORS

_CLOSERS = "\"'”’»)"
_WIDE = "。！？，、；："
"""Marks that end a word with no blank behind them."""
_LONGEST_WORD = 200
_LONGEST_TAG = 240
_LONGEST_ACTION = 2000
"""Characters after which a word, or what was opened, is not waited for any more; actions may carry several texts."""
_ACTION = re.compile(r"[\[<]\s*act", re.IGNORECASE)
_REASONING = re.compile(r"<\s*(think|thought|reason|analysis|reflection|scratchpad)[^/>]*>$", re.IGNORECASE)


class Passage:
    """The text of one reply, whoever writes it.

    Args:
        written: What is known of it already; it may end inside a tag.
    """

    def __init__(self, written: str = "") -> None:
        self._held = ""
        """What has not been passed on."""
        self._closer = ""
        """What ends that: empty for a word, `?` when that is not yet known, else the end of a tag or of reasoning."""
        self._quoted = False
        self._known = 0
        """Characters of what is held that were passed on earlier."""
        self.take(written)
        self._known = len(self._held)

    def take(self, text: str) -> str:
        """Take the next piece.

        Args:
            text: Any number of characters.

        Returns:
            What may be passed on now.
        """
        passed = ""
        for character in text:
            passed += self._push(character)
        return passed

    def rest(self) -> str:
        """What is left of a reply that has ended."""
        held = self._held[self._known :]
        self._held, self._closer, self._quoted, self._known = "", "", False, 0
        return held

    def broken_off(self) -> str:
        """What is left and sure when whoever wrote it has failed: a last word with its final mark. The rest is lost."""
        whole = not self._closer and self._held.rstrip(_CLOSERS).endswith(tuple(TERMINATORS))
        held = self.rest()
        return held if whole else ""

    def _push(self, character: str) -> str:
        if self._closer == "?":
            self._closer = ">" if character.isalpha() or character in "/|!?" else ""
        return self._inside(character) if self._closer else self._plain(character)

    def _plain(self, character: str) -> str:
        if character in "[<":
            word = self.rest()
            self._held, self._closer = character, "]" if character == "[" else "?"
            return word
        self._held += character
        ends = character.isspace() or character in _WIDE or len(self._held) >= _LONGEST_WORD
        return self.rest() if ends else ""

    def _inside(self, character: str) -> str:
        if len(self._closer) > 1:
            return self._reasoning(character)
        action = _ACTION.match(self._held)
        if action and character == '"':
            self._quoted = not self._quoted and self._held[-1] in "=:({, "
        if character == "[" and not self._quoted:
            unclosed = self.rest()
            return unclosed + self._plain(character)
        ended = self._held[-1] in TERMINATORS and character == " " and not action
        self._held += character
        if character == self._closer and not self._quoted:
            reasoning = _REASONING.fullmatch(self._held)
            if reasoning:
                self._closer = f"</{reasoning[1].lower()}"
                return ""
            return self.rest()
        longest = _LONGEST_ACTION if action else _LONGEST_TAG
        return self.rest() if ended or character == "\n" or len(self._held) >= longest else ""

    def _reasoning(self, character: str) -> str:
        self._held += character
        closed = character == ">" and self._closer in self._held[-24:].lower()
        return self.rest() if closed else ""
