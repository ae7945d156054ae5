"""The data of an ordinary YAML document alone, without positions: what a good file needs, at a fraction of the time."""

from collections.abc import Callable
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from npc_runtime.content import yaml_events
from npc_runtime.content.yaml_scalars import resolve
from npc_runtime.content.yaml_tree import MAX_DEPTH, MAX_NODES, Value


class NotOrdinary(Exception):
    """Something in the document has to be looked at with care: a mistake, or what may hurt."""


def read(text: str) -> Value:
    """Read a document in which nothing is wrong.

    Args:
        text: The document.

    Returns:
        The very data that `yaml_tree.compose` makes of it.

    Raises:
        NotOrdinary: `compose` has to read it, and may refuse it.
    """
    parser = yaml_events.native(text)
    if parser is None:
        raise NotOrdinary
    try:
        return _Reader(parser.get_event).document()
    except yaml_events.NativeError as error:
        raise NotOrdinary from error
    finally:
        parser.dispose()


class _Reader:
    def __init__(self, following: Callable[[], Any]) -> None:
        self._following = following
        self._nodes = 0

    def document(self) -> Value:
        self._following()
        start = self._following()
        if type(start) is not DocumentStartEvent or start.version or start.tags:
            raise NotOrdinary
        value = self._value(self._following(), 1)
        if type(self._following()) is not DocumentEndEvent or type(self._following()) is not StreamEndEvent:
            raise NotOrdinary
        return value

    def _value(self, event: Any, depth: int) -> Value:
        kind = type(event)
        if kind is AliasEvent or event.anchor or event.tag is not None:
            raise NotOrdinary
        self._count()
        if kind is ScalarEvent:
            return str(event.value) if event.style else resolve(event.value)
        if depth > MAX_DEPTH:
            raise NotOrdinary
        following = self._following
        if kind is SequenceStartEvent:
            items: list[Value] = []
            while type(event := following()) is not SequenceEndEvent:
                items.append(self._value(event, depth + 1))
            return items
        mapping: dict[str, Value] = {}
        while type(event := following()) is not MappingEndEvent:
            if type(event) is not ScalarEvent or event.anchor or event.tag is not None or event.value in mapping:
                raise NotOrdinary
            self._count()
            mapping[event.value] = self._value(following(), depth + 1)
        return mapping

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise NotOrdinary
