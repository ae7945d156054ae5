"""What a game wrote, as a message; and what is wrong with it, in the words of someone who writes mods."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from npc_runtime.errors import InputError
from npc_runtime.server import protocol
from npc_runtime.server.protocol import ClientMessage

_SHOWN = 60
"""Characters of the game's own text that an error repeats."""


@dataclass(frozen=True, slots=True)
class Read:
    """One message that was understood."""

    message: ClientMessage
    unknown: tuple[str, ...]
    """Keys that nobody knows, as dotted paths that start with the message's type."""


def parse(text: str | bytes) -> object:
    """The value that JSON text stands for.

    Raises:
        InputError: It is not UTF-8 or not JSON.
    """
    try:
        raw = text.encode() if isinstance(text, str) else text
        raw.decode()
    except UnicodeError:
        raise InputError("The message is not UTF-8 text.", hint="send JSON encoded as UTF-8", code="bad_json") from None
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise InputError(f"The message is not JSON: {error}.", hint="send one JSON object", code="bad_json") from None


def read(value: object) -> Read:
    """The message that a JSON value stands for.

    Raises:
        InputError: There is no such message, or its fields do not fit.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"A message is a JSON object, not {_kind(value)}.", hint=_EXAMPLE, code="bad_message")
    kind = value.get("type")
    if not isinstance(kind, str):
        raise InputError("The message has no `type`.", hint=_EXAMPLE, code="bad_message")
    if kind not in _types():
        close = difflib.get_close_matches(kind, _types(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "there are " + ", ".join(_types())
        raise InputError(f"There is no message of type {_shown(kind)}.", hint=hint, code="unknown_type")
    if kind == "hello" and value.get("protocol", protocol.VERSION) != protocol.VERSION:
        raise InputError(
            f"The game speaks protocol {_shown(value['protocol'])}, this runtime speaks {protocol.VERSION}.",
            hint="update whichever of the two is older",
            code="protocol_version",
        )
    message = validated(protocol.client_messages().validate_python, value, kind)
    return Read(message, tuple(dict.fromkeys(unknown_keys(value, message, kind))))


def validated(validate: Any, value: object, what: str) -> Any:
    """Run a pydantic validation.

    Args:
        validate: Takes the value and returns the model.
        value: What was sent.
        what: What it was sent as, for the error.

    Raises:
        InputError: It does not fit.
    """
    try:
        return validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    path = ".".join(str(part) for part in first["loc"] if part != what) or "the whole"
    if first["type"] == "missing":
        message = f"{what} lacks `{path}`."
    else:
        wanted = str(first["msg"]).replace("Input should", "should").replace("String should", "should")
        message = f"{what}: `{path}` {wanted}, not {_shown(first['input'])}."
    more = f"{len(problems) - 1} more of its fields do not fit either; " if len(problems) > 1 else ""
    raise InputError(message, hint=more + "`GET /v1/schema` describes every message", code="bad_message")


def unknown_keys(value: object, model: object, path: str) -> Iterator[str]:
    """Keys of a JSON value that its model does not have, as dotted paths.

    Args:
        value: What was sent.
        model: The model that was made of it, or a list of models.
        path: Where it is.
    """
    if isinstance(model, BaseModel) and isinstance(value, Mapping):
        for key, below in value.items():
            if key not in type(model).model_fields:
                yield f"{path}.{str(key)[:_SHOWN]}"
            else:
                yield from unknown_keys(below, getattr(model, key), f"{path}.{key}")
    elif isinstance(model, tuple) and isinstance(value, list):
        for item, below in zip(model, value, strict=False):
            if isinstance(item, BaseModel):
                yield from unknown_keys(below, item, path)


@lru_cache(maxsize=1)
def _types() -> tuple[str, ...]:
    models = get_args(get_args(ClientMessage)[0])
    return tuple(str(get_args(model.model_fields["type"].annotation)[0]) for model in models)


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", type(None): "null", bool: "true or false"}.get(type(value), "a number")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


_EXAMPLE = 'for example {"type": "player.text", "text": "Hello"}'
