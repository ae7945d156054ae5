"""JSON that others wrote, read within bounds: size, depth and number of values are known before any is made."""

import json
import math
import re
from typing import Any, NoReturn, TypeAlias

from npc_runtime.errors import InputError

MAX_BYTES = 16_000_000
"""Size of one JSON text."""
MAX_DEPTH = 64
"""Objects and lists inside one another."""
MAX_VALUES = 400_000
"""Values of one JSON text."""

Object: TypeAlias = dict[str, Any]
"""A JSON object."""

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_DAMAGED = "get the card again from where it came from"


class _Unusable(ValueError):
    """Valid for Python, but no JSON."""


def read_object(raw: bytes, what: str) -> Object:
    """Read a JSON object.

    Args:
        raw: UTF-8, with or without a byte-order mark.
        what: What it is, as the subject of a message.

    Raises:
        InputError: It is not UTF-8, not JSON, no object, or beyond the bounds.
    """
    if len(raw) > MAX_BYTES:
        hint = "a card is text; large pictures belong into a .charx file"
        raise InputError(f"{what} is larger than {MAX_BYTES // 1_000_000} MB.", hint=hint)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{what} is not UTF-8 text (byte {error.start} cannot be read)."
        raise InputError(message, hint="save it as UTF-8") from error
    _measure(text, what)
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_float)
    except (ValueError, RecursionError) as error:
        at = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{what} is not valid JSON{at}.", hint=_DAMAGED) from error
    if not isinstance(value, dict):
        raise InputError(f"{what} is not a JSON object.", hint="a card begins with `{`")
    return value if _SURROGATE.search(text) is None and "\\u" not in text else _mended(value)


def write(value: Object) -> bytes:
    """JSON as people can read it, UTF-8."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def write_compact(value: Object) -> bytes:
    """JSON for machines, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def text_of(value: object, key: str) -> str:
    """The text under a key; empty if the value is no object, or has something else there."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def texts_of(value: object, key: str) -> tuple[str, ...]:
    """The texts in the list under a key; a single text counts as a list of one."""
    found = value.get(key) if isinstance(value, dict) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(item for item in listed if isinstance(item, str))


def object_of(value: object, key: str) -> Object:
    """The object under a key; an empty one if there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def objects_of(value: object, key: str) -> list[Object]:
    """The objects in the list under a key."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def number_of(value: object, key: str) -> float | None:
    """The number under a key."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _measure(text: str, what: str) -> None:
    depth = values = 0
    for found in _TOKEN.finditer(text):
        sign = found.group()
        if sign in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(f"{what} has more than {MAX_DEPTH} levels of lists and objects.", hint=_DAMAGED)
        elif sign in ("]", "}"):
            depth -= 1
        if sign in ("[", "{", ","):
            values += 1
            if values > MAX_VALUES:
                raise InputError(f"{what} has more than {MAX_VALUES} values.", hint=_DAMAGED)


def _no_number(word: str) -> NoReturn:
    raise _Unusable(word)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Unusable(digits)
    return value


def _mended(value: Any) -> Any:
    """The same without halves of surrogate pairs, which programs leave that cut a text in the middle of an emoji."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _mended(item) for key, item in value.items()}
    return value
