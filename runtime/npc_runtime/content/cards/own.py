"""What cards carry of ours: the keys below `extensions.npc_runtime` of a card and of the entries of its lorebook."""

from typing import Any

from npc_runtime.content.cards.card_json import Object, object_of

KEY = "npc_runtime"
"""Below `extensions`."""
SCHEMA = 1


def extension(owner: Object) -> Object:
    """Ours of a card's `data` or of an entry; empty if there is nothing."""
    return object_of(object_of(owner, "extensions"), KEY)


def extend(owner: Object, values: dict[str, Any]) -> None:
    """Put our values into a card's `data` or an entry, in place; without any, ours goes."""
    extensions = owner.get("extensions")
    if not isinstance(extensions, dict):
        extensions = owner["extensions"] = {}
    if values:
        extensions[KEY] = values
    else:
        extensions.pop(KEY, None)


def fact_entry(text: str, order: int) -> Object:
    """A lorebook entry for something that a character always knows."""
    return {
        "keys": [],
        "content": text,
        "extensions": {KEY: {"fact": True}},
        "enabled": True,
        "insertion_order": order,
        "use_regex": False,
        "constant": True,
    }
