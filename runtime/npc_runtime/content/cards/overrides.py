"""What a character is beyond its card: the differences that travel in the card's extensions."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from npc_runtime.content.cards.card_json import Object
from npc_runtime.content.character import CharacterFile

_MOST_TRIES = 8


def plain(character: CharacterFile) -> Object:
    """A character as JSON, with every key that has a default."""
    values = character.model_dump(mode="json", by_alias=True)
    # A step or trigger may have only one of its keys, so that those that were not given stay away.
    values["goals"] = [goal.model_dump(mode="json", by_alias=True, exclude_unset=True) for goal in character.goals]
    return values


def difference(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> Object:
    """What must be put over `given` to make it `wanted`; lists count as a whole."""
    changes: Object = {}
    for key, value in wanted.items():
        other = given.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if inner := difference(value, other):
                changes[key] = inner
        elif key not in given or value != other:
            changes[key] = value
    return changes


def with_overrides(derived: CharacterFile, changes: Object) -> tuple[CharacterFile, tuple[str, ...]]:
    """A character as its card has it, with what the card's extensions say of it.

    Args:
        derived: From the fields of the card.
        changes: From the extensions; untrusted.

    Returns:
        The character, and which changes were left out because they do not fit.
    """
    given, left_out = _given(derived), list[str]()
    for _ in range(_MOST_TRIES):
        try:
            return CharacterFile.model_validate(_merged(given, changes)), tuple(left_out)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_context=False, include_input=False):
                name, changes = _without(changes, details["loc"])
                if name and name not in left_out:
                    left_out.append(name)
    return derived, ("everything",)


def _given(character: CharacterFile) -> Object:
    values = character.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {**values, "goals": plain(character)["goals"]}


def _merged(given: Object, changes: Object) -> Object:
    """Values with changes over them; an empty text takes a value away, as no field may be given one."""
    merged = dict(given)
    for key, value in changes.items():
        if value == "":
            merged.pop(key, None)
        elif isinstance(value, dict):
            inner = given.get(key)
            merged[key] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _without(changes: Object, location: tuple[int | str, ...]) -> tuple[str, Object]:
    """Changes without the one that a location lies in, and its name; an empty one if it is not there any more."""
    key = location[0] if location else None
    if not isinstance(key, str) or key not in changes:
        return "", changes
    rest = {other: value for other, value in changes.items() if other != key}
    inner = changes[key]
    if isinstance(inner, dict) and len(location) > 1 and location[1] in inner:
        name, left = _without(inner, location[1:])
        return f"{key}.{name}", {**rest, key: left} if left else rest
    return key, rest
