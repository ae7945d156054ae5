"""Function calls: gathered from the pieces of a stream, and written as action tags behind the speech."""

import json
import logging

from npc_runtime.llm.tag_writing import action_tag

_MOST_CALLS = 8
_MOST_ARGUMENTS = 4000
"""Characters of one call's arguments."""

_log = logging.getLogger(__name__)


class ToolCalls:
    """The calls of one reply."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._arguments: dict[str, str] = {}

    def add(self, key: str, name: str, arguments: str) -> None:
        """Take a piece of a call.

        Args:
            key: Which call it belongs to.
            name: Its name, as far as this piece has it.
            arguments: The next characters of its arguments, which are a JSON object.
        """
        if key not in self._names and len(self._names) >= _MOST_CALLS:
            return
        # Some services send the whole name with every piece.
        self._names[key] = self._names.get(key, "") or name
        self._arguments[key] = (self._arguments.get(key, "") + arguments)[: _MOST_ARGUMENTS + 1]

    def tags(self) -> str:
        """The calls that are complete, as text; others are left out."""
        found = []
        for key, name in self._names.items():
            tag = _tag(name, self._arguments[key])
            if not tag:
                _log.info("The model's call of %s cannot be read and is left out.", name[:60] or "a function")
            found.append(tag)
        return "".join(f" {tag}" for tag in found if tag)


def _tag(name: str, arguments: str) -> str:
    try:
        values = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return ""
    return action_tag(name, values) if isinstance(values, dict) else ""
