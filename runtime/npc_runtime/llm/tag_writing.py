"""Tags, written: what a service says in another form becomes the text that `tags` and `parser` read (CONTRACT 3.5)."""

import json
import re
from collections.abc import Mapping

from npc_runtime.llm.cleaning import clean_character
from npc_runtime.llm.labels import nearest_label, strength_of

_NAME = re.compile(r"[^\W\d][\w.-]*")
_BARE = re.compile(r"[\w.+-]+")
_LONGEST = 1900
"""Characters of an action tag; the reader gives up on one of 2000."""
_KEYWORDS = frozenset({"emotion", "mood", "action", "act"})
"""What opens a tag, in parentheses too."""
_SILENT = frozenset("<>{}\\`")
"""Marks that nobody says, and that could make a tag of the words between them."""


def emotion_tag(label: str, strength: str = "") -> str:
    """The tag of an emotion, or nothing if the word names none.

    Args:
        label: One of the labels, or a word that means one.
        strength: `weak`, `normal` or `strong`, or a word that means one of them.
    """
    known = nearest_label(label)
    if known is None:
        return ""
    return f"[emotion {known} {strength_of(strength) or 'normal'}]"


def action_tag(name: str, arguments: Mapping[str, object]) -> str:
    """The tag of an action, or nothing if it cannot be written.

    Args:
        name: The action.
        arguments: Its arguments, as JSON has them; those that are null are left out.
    """
    pairs = [(key, _text(value)) for key, value in arguments.items() if value is not None]
    if not _NAME.fullmatch(name) or not all(_NAME.fullmatch(key) for key, _ in pairs):
        return ""
    tag = f"[action {name}{''.join(f' {key}={_quoted(value)}' for key, value in pairs)}]"
    return tag if len(tag) <= _LONGEST else ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def _quoted(value: str) -> str:
    clean = "".join(map(clean_character, value)).replace("\n", " ")
    if _BARE.fullmatch(clean):
        return clean
    # A tag has no escapes: a quotation mark inside would end the value.
    return '"' + clean.replace('"', "'").replace("“", "'").replace("”", "'") + '"'


class PlainSpeech:
    """Text that is speech and nothing else: whatever stands in it, it opens no tag.

    Square brackets become parentheses, as models put stage directions into either; those that would open a tag are left
    out, as are other marks that nobody says. No word is lost.
    """

    def __init__(self) -> None:
        self._held = ""
        """A parenthesis, and the letters behind it that may make it a tag."""

    def feed(self, text: str) -> str:
        """Take the next piece; where the text is cut makes no difference."""
        return "".join(map(self._push, text))

    def close(self) -> str:
        """What is left at the end."""
        return self._release()

    def _push(self, raw: str) -> str:
        c = "".join("" if mark in _SILENT else mark for mark in clean_character(raw))
        c = {"[": "(", "]": ")"}.get(c, c)
        if not c:
            return ""
        if self._held and (c.isalnum() or (c == " " and self._held.strip() == "(")):
            self._held += c
            if len(self._held) < 40:
                return ""
            return self._release()
        if c == "(" and self._held.strip() == "(":
            return ""  # without the inner one, the outer one would open the tag
        out = self._release()
        if c == "(":
            self._held = c
            return out
        return out + c

    def _release(self) -> str:
        held, self._held = self._held, ""
        return held[1:] if held[1:].strip().casefold() in _KEYWORDS else held
