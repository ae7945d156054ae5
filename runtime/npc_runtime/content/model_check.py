"""Checks the data of a YAML file against a model and says every mistake in plain words, with its position."""

import difflib
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from npc_runtime.content.fields import FORMATS, Authored, Mistake
from npc_runtime.content.yaml_file import YamlFile
from npc_runtime.content.yaml_tree import Location, shorten
from npc_runtime.errors import Problem

M = TypeVar("M", bound=Authored)

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "mapping_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "is_instance_of": "keys with values",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
_MAX_LISTED = 20
_QUOTED = re.compile(r"'([^']*)'")


def check(model: type[M], source: YamlFile) -> tuple[M | None, tuple[Problem, ...]]:
    """Check a file against its model.

    Args:
        model: What the file should be.
        source: What it holds.

    Returns:
        The model, or None when there are mistakes; and every mistake, in file order.
    """
    if source.data is None:
        hint = "these keys are needed: " + ", ".join(_required(model)) if _required(model) else ""
        return None, (*source.problems, Problem(source.file, 0, 0, "the file is empty", hint))
    if not isinstance(source.data, Mapping):
        message = f"the file must hold `key: value` lines, not {_kind(source.data)}"
        return None, (*source.problems, source.problem((), message))
    try:
        checked = model.model_validate(source.data)
    except ValidationError as error:
        found = [p for details in error.errors(include_url=False) for p in _problems(model, source, details)]
        return None, tuple(sorted({*source.problems, *found}))
    return (None, source.problems) if source.problems else (checked, ())


def suggest(word: object, known: Sequence[str]) -> str:
    """The hint for a word that is not among the known ones; empty if there are none."""
    if not known:
        return ""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(str(word).casefold(), list(folded), n=1)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    listed = ", ".join(f"`{name}`" for name in known[:_MAX_LISTED])
    return f"known: {listed}" + (", …" if len(known) > _MAX_LISTED else "")


def _problems(model: type[BaseModel], source: YamlFile, details: Any) -> Iterator[Problem]:
    kind, context = details["type"], details.get("ctx", {})
    location, key = _existing(source, details["loc"])
    if kind == "missing":
        missing = str(details["loc"][-1])
        where = f"`{_name(location)}` needs" if location else "the file needs"
        yield source.problem(location, f"{where} the key `{missing}`", f"add `{missing}:`")
        return
    if kind == "extra_forbidden":
        hint = suggest(location[-1], _keys(model, location[:-1]))
        yield source.problem(location, f"unknown key `{shorten(str(location[-1]))}`", hint, key=True)
        return
    if kind == "mistakes":
        for mistake in context["mistakes"]:
            yield _of_validator(source, location, mistake)
        return
    if kind == "too_short" and len(details["input"]) >= context["min_length"]:
        return  # Items that have mistakes of their own are not counted as there.
    message, hint = _plain(kind, context, details["input"], _subject(location, key=key), location)
    yield source.problem(location, message, hint, key=key)


def _of_validator(source: YamlFile, location: Location, mistake: Mistake) -> Problem:
    at = (*location, *mistake.at)
    message = mistake.message
    return source.problem(at, f"{_subject(at)}: {message}" if at else message, mistake.hint, offset=mistake.offset)


def _plain(kind: str, context: Mapping[str, Any], value: object, subject: str, location: Location) -> tuple[str, str]:
    if value is None:
        return f"{subject} has no value", "give it one, or remove the line"
    if kind == "literal_error" and location == ("schema",):
        return f"this version reads files of schema 1, not {_shown(value)}", "write `schema: 1`"
    if kind == "literal_error":
        return f"{subject} cannot be {_shown(value)}", suggest(value, _QUOTED.findall(context["expected"]))
    if kind in _WANTED:
        hint = ""
        if kind == "string_type":
            hint = "put the text in quotes"
        elif kind == "tuple_type":
            hint = "write `[…]`, or one `- item` per line"
        return f"{subject} must be {_WANTED[kind]}, not {_kind(value)}", hint
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return f"{subject} must be {words} {context[limit]:g}, not {_shown(value)}", ""
    if kind == "finite_number":
        return f"{subject} must be an ordinary number", ""
    if kind == "string_pattern_mismatch":
        return f"{subject} cannot be {_shown(value)}", FORMATS.get(context["pattern"], "")
    if kind == "string_too_short":
        return f"{subject} is empty", "give it a value, or remove the line"
    if kind == "string_too_long":
        return f"{subject} is longer than {context['max_length']} characters", "shorten it"
    if kind == "too_short":
        return f"{subject} needs at least {context['min_length']} item", ""
    if kind == "too_long":
        return f"{subject} has more than {context['max_length']} items", ""
    return f"{subject} is not right", str(context.get("error", ""))


def _existing(source: YamlFile, loc: Sequence[str | int]) -> tuple[Location, bool]:
    """The part of pydantic's location that is in the file, and whether the key itself is meant."""
    path: list[str | int] = []
    for part in loc:
        if (*path, part) in source.places:
            path.append(part)
    return tuple(path), bool(loc) and loc[-1] == "[key]"


def _subject(location: Location, *, key: bool = False) -> str:
    if key:
        return "this key"
    if not location:
        return "the file"
    return f"an item of `{_name(location)}`" if isinstance(location[-1], int) else f"`{_name(location)}`"


def _name(location: Location) -> str:
    return shorten(".".join(str(part) for part in location if isinstance(part, str)), 60)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{shorten(str(value))}`" if isinstance(value, str | int | float) else _kind(value)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return f"{str(value).lower()}"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "keys with values" if value is not None else "nothing"


def _required(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if field.is_required()]


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that a model accepts at a location."""
    return [
        field.alias or name
        for found in _types(model, location)
        if isinstance(found, type) and issubclass(found, BaseModel)
        for name, field in found.model_fields.items()
    ]


def _types(annotation: Any, location: Location) -> Iterator[Any]:
    """Every type that a value at a location may have."""
    for plain in _alternatives(annotation):
        if not location:
            yield plain
            continue
        part, rest = location[0], location[1:]
        if isinstance(plain, type) and issubclass(plain, BaseModel):
            for name, field in plain.model_fields.items():
                if part == (field.alias or name):
                    yield from _types(field.annotation, rest)
            continue
        origin, arguments = get_origin(plain), get_args(plain)
        if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(part, str):
            yield from _types(arguments[1], rest)
        elif origin in (tuple, list) and isinstance(part, int):
            yield from _types(arguments[0], rest)


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _alternatives(argument)
    else:
        yield annotation
