"""The data of a YAML document together with the position of every key and value.

Built straight from parser events, so that what could hurt (aliases, tags, depth, sheer number) is refused before
anything is constructed from it.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from npc_runtime.content import yaml_events, yaml_scalars
from npc_runtime.content.yaml_events import (
    ALIAS,
    DOCUMENT_START,
    MAPPING_END,
    MAPPING_START,
    SCALAR,
    SEQUENCE_END,
    SEQUENCE_START,
    STREAM_END,
    STREAM_START,
)

MAX_DEPTH = 16
"""Mappings and lists inside one another; the deepest authored structure needs 7."""
MAX_NODES = 50_000
"""Keys and values of one file."""
_MAX_REFUSED = 20
_REPEATED = -1
"""Where the value of a key that is written twice is kept: no list has this index, so nothing ever looks there."""

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Location: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the top of the document down to a value; `()` is the document."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A position; both numbers count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value and its key are written."""

    value: Mark
    key: Mark | None = None
    """None for an item of a list and for the whole document."""
    text: Mark | None = None
    """Where the characters of a text begin that is written on one line without escapes; None otherwise."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in the document that is not accepted."""

    mark: Mark
    message: str
    hint: str = ""


class Refused(Exception):
    """The document cannot be read as a whole."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


@dataclass(slots=True)
class Tree:
    """A document: its data, and the place of every value."""

    data: Value = None
    places: dict[Location, Place] = field(default_factory=dict)
    repeated: list[Refusal] = field(default_factory=list)
    """Keys that are written twice; the first one counts."""


def compose(text: str) -> Tree:
    """Read one YAML document.

    Args:
        text: The document.

    Raises:
        Refused: It uses anchors, aliases, tags or directives, is too deep or too large, or is not one document.
        ruamel.yaml.error.MarkedYAMLError: Its syntax is wrong.
    """
    parser = yaml_events.native(text)
    if parser is not None:
        with suppress(yaml_events.NativeError):
            return _Composer(yaml_events.native_events(parser)).document()
    return _Composer(yaml_events.python_events(text)).document()


class _Composer:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._tree = Tree()
        self._nodes = 0
        self._refused: list[Refusal] = []

    def document(self) -> Tree:
        for event in self._events:
            if isinstance(event, STREAM_START):
                continue
            if isinstance(event, STREAM_END):
                break
            if isinstance(event, DOCUMENT_START):
                if self._nodes:
                    hint = "put each in a file of its own and remove the `---` line"
                    raise Refused(Refusal(_mark(event), "a second document begins here", hint))
                if event.version or event.tags:
                    raise Refused(Refusal(Mark(1, 1), "YAML directives are not accepted", "remove the `%` line"))
            elif isinstance(event, (*ALIAS, *SCALAR, *MAPPING_START, *SEQUENCE_START)):
                self._tree.data = self._value(event, (), None, 1)
        if self._refused:
            raise Refused(*self._refused, *self._tree.repeated)
        return self._tree

    def _value(self, event: Any, location: Location, key: Mark | None, depth: int) -> Value:
        self._count(event)
        self._refuse_references(event)
        inner = self._inner(event) if isinstance(event, SCALAR) else None
        self._tree.places.setdefault(location, Place(_mark(event), key, inner))
        if isinstance(event, SCALAR):
            return yaml_scalars.resolve(event.value) if not event.style else str(event.value)
        if isinstance(event, ALIAS):
            return None
        if depth > MAX_DEPTH:
            message = f"more than {MAX_DEPTH} levels of lists and mappings"
            raise Refused(Refusal(_mark(event), message, "no content file needs that many"))
        if isinstance(event, SEQUENCE_START):
            return self._sequence(location, depth)
        return self._mapping(location, depth)

    def _sequence(self, location: Location, depth: int) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(self._events), SEQUENCE_END):
            items.append(self._value(event, (*location, len(items)), None, depth + 1))
        return items

    def _mapping(self, location: Location, depth: int) -> dict[str, Value]:
        mapping: dict[str, Value] = {}
        while not isinstance(event := next(self._events), MAPPING_END):
            mark = _mark(event)
            self._count(event)
            self._refuse_references(event)
            if isinstance(event, ALIAS):
                name = ""
            elif not isinstance(event, SCALAR):
                raise Refused(Refusal(mark, "a list or mapping is used as a key", "a key is a single word"))
            else:
                name = str(event.value)
            if name in mapping:
                first = self._tree.places[(*location, name)].key
                hint = f"the first one is in line {first.line}; keep one of them" if first else ""
                self._tree.repeated.append(Refusal(mark, f"the key `{shorten(name)}` is written twice", hint))
                self._value(next(self._events), (*location, _REPEATED), mark, depth + 1)
                continue
            mapping[name] = self._value(next(self._events), (*location, name), mark, depth + 1)
        return mapping

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES} keys and values in one file"
            raise Refused(Refusal(_mark(event), message, "split the file"))

    def _refuse_references(self, event: Any) -> None:
        if isinstance(event, ALIAS):
            message, hint = f"the alias `*{shorten(event.anchor)}` is not accepted", "write the value out in full"
        elif event.anchor:
            message, hint = f"the anchor `&{shorten(event.anchor)}` is not accepted", "remove it"
        elif event.tag is not None:
            message, hint = (
                "YAML tags (words that begin with `!`) are not accepted",
                "remove it, or put the text in quotes",
            )
        else:
            return
        self._refused.append(Refusal(_mark(event), message, hint))
        if len(self._refused) == _MAX_REFUSED:
            raise Refused(*self._refused)

    def _inner(self, event: Any) -> Mark | None:
        start, end = event.start_mark, event.end_mark
        quotes = 1 if event.style in ("'", '"') else 0
        if start.line != end.line or event.style in ("|", ">"):
            return None
        if end.column - start.column != len(event.value) + 2 * quotes:
            return None
        return Mark(start.line + 1, start.column + 1 + quotes)


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def shorten(text: str, limit: int = 40) -> str:
    """Cut a text that goes into a message."""
    text = "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"
