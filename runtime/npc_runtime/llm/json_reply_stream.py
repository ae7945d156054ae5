"""Replies that are a JSON object by agreement: turned into the text of a reply while they are being written."""

import json
import re
from collections.abc import Callable
from typing import Any

from npc_runtime.llm.jsonreply import read_json_reply
from npc_runtime.llm.tag_writing import PlainSpeech, action_tag, emotion_tag

SPEECH = "speech"
ACTION = "action"
"""The key of an action's name inside an entry of `actions`."""
_MOST_ACTIONS = 8
_MOST_RAW = 16_000
"""Characters of the object that are kept."""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_BEFORE = re.compile(r"\s*`{0,3}\s*(?:j|js|jso|json)?\s*", re.IGNORECASE)
"""What may stand before the object, or the beginning of that: a code fence."""


class JsonReplyStream:
    """Reads `{"emotion": …, "strength": …, "speech": …, "actions": […]}` and gives text with tags.

    The speech is given as it comes, so that the voice need not wait for the end of the object. A model that does not
    keep to the agreement is understood as far as possible: one that writes plain text is passed on as it is, and an
    object of another form is searched for its text when it is complete.
    """

    def __init__(self) -> None:
        self._raw = self._lead = ""
        self._state: Callable[[str], str] = self._before
        self._text = PlainSpeech()
        self._members: dict[str, Any] = {}
        self._key = ""
        self._value = ""
        self._depth = 0
        self._quoted = self._escaped = False
        self._hex: str | None = None
        self._high = ""
        self._felt = self._spoke = self._plain = False

    def feed(self, text: str) -> str:
        """Take the next piece of the object; where it is cut makes no difference.

        Returns:
            What became certain of the reply.
        """
        if len(self._raw) < _MOST_RAW:
            self._raw += text
        return "".join(self._state(c) for c in text)

    def close(self) -> str:
        """Take the end, which may come in the middle of the object.

        Returns:
            The rest of the reply.
        """
        if self._plain:
            return ""
        if self._state == self._before:
            return self._lead.strip().strip("`")
        out = self._text.close()
        if not self._spoke:
            found = read_json_reply(self._raw)
            if found is not None:
                felt = found.emotion
                out += self._feeling() or (f"{emotion_tag(felt.label, felt.strength)} " if felt else "")
                out += self._text.feed(found.text) + self._text.close()
        return out + self._actions()

    # -- between the members

    def _before(self, c: str) -> str:
        self._lead += c
        if c == "{":
            self._state = self._between
        elif not _BEFORE.fullmatch(self._lead):
            self._state, self._plain = self._pass, True
            return self._lead
        return ""

    def _pass(self, c: str) -> str:
        return c

    def _between(self, c: str) -> str:
        if c == '"':
            self._key, self._state = "", self._in_key
        elif c == "}":
            self._state = self._after
        return ""

    def _after(self, c: str) -> str:
        return ""

    def _in_key(self, c: str) -> str:
        if c == '"':
            self._state = self._to_value
        elif len(self._key) < 80:
            self._key += c
        return ""

    def _to_value(self, c: str) -> str:
        if c in ": \t\r\n":
            return ""
        if c == '"' and self._key == SPEECH and not self._spoke:
            self._state, self._spoke = self._in_speech, True
            return self._feeling()
        self._value, self._depth, self._quoted, self._escaped = "", 0, False, False
        self._state = self._in_value
        return self._in_value(c)

    def _in_value(self, c: str) -> str:
        if not self._quoted and self._depth == 0 and c in ",}":
            self._member()
            self._state = self._after if c == "}" else self._between
            return ""
        if len(self._value) < _MOST_RAW:
            self._value += c
        if self._quoted:
            if self._escaped:
                self._escaped = False
            elif c == "\\":
                self._escaped = True
            elif c == '"':
                self._quoted = False
        elif c == '"':
            self._quoted = True
        elif c in "{[":
            self._depth += 1
        elif c in "}]":
            self._depth -= 1
        return ""

    def _member(self) -> None:
        try:
            self._members[self._key] = json.loads(self._value)
        except (ValueError, RecursionError):
            return

    # -- the speech

    def _in_speech(self, c: str) -> str:
        if self._hex is not None:
            return self._in_hex(c)
        if self._escaped:
            self._escaped = False
            if c == "u":
                self._hex = ""
                return ""
            return self._text.feed(_ESCAPES.get(c, c))
        if c == "\\":
            self._escaped = True
            return ""
        if c == '"':
            self._state = self._between
            return self._text.close()
        return self._text.feed(c)

    def _in_hex(self, c: str) -> str:
        assert self._hex is not None
        self._hex += c
        if len(self._hex) < 4:
            return ""
        digits, self._hex = self._hex, None
        try:
            code = int(digits, 16)
        except ValueError:
            return self._text.feed(digits)
        high, self._high = self._high, ""
        if 0xD800 <= code < 0xDC00:
            self._high = chr(code)
            return ""
        if 0xDC00 <= code < 0xE000:
            if not high:
                return ""
            return self._text.feed(chr(0x10000 + ((ord(high) - 0xD800) << 10) + code - 0xDC00))
        return self._text.feed(chr(code))

    # -- the tags

    def _feeling(self) -> str:
        label, strength = self._members.get("emotion"), self._members.get("strength")
        if self._felt or not isinstance(label, str):
            return ""
        self._felt = True
        tag = emotion_tag(label, strength if isinstance(strength, str) else "")
        return f"{tag} " if tag else ""

    def _actions(self) -> str:
        entries = self._members.get("actions")
        objects = [
            (entry.get(ACTION), {key: value for key, value in entry.items() if key != ACTION})
            for entry in (entries[:_MOST_ACTIONS] if isinstance(entries, list) else ())
            if isinstance(entry, dict)
        ]
        tags = [action_tag(name, arguments) for name, arguments in objects if isinstance(name, str)]
        return "".join(f" {tag}" for tag in tags if tag)
