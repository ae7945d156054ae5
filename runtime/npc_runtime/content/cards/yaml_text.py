"""YAML as an author would write it, for values that come from elsewhere: nothing in them can be taken for syntax.

A text stands plain only where it cannot be read as anything else; it is folded or kept line by line where it is long,
and otherwise in double quotes, in the form of JSON, which is YAML too.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from npc_runtime.content import yaml_scalars

WIDTH = 116
"""Columns of a line."""
_INDENT = "  "
_PLAIN = re.compile(r"[^\W\d_][\w .'’()/?-]*(?:, [\w.'’()/?-][\w .'’()/?-]*)*[.!?]?")
"""Text that no reader takes for anything else: it begins with a letter and holds no sign of YAML."""
_BREAKS_FOLDING = re.compile(r"[^\S\n ]|  |[\x00-\x1f]")
"""Blanks that folding would change."""

_ENDS = frozenset(".!?…。！？")
_UNSEEN = re.compile("[\x7f-\xa0\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
"""Signs that a reader of YAML, or of the text, would take for a line break or not see."""


def entry(key: str, value: Any, depth: int = 0) -> list[str]:
    """The lines of one key with its value.

    Args:
        key: The key; an identifier.
        value: Text, a number, true or false, nothing, or a list or mapping of such.
        depth: How far it is indented; what stands at the top of a file is never squeezed into one line.
    """
    margin = _INDENT * depth
    if isinstance(value, str):
        return _text(f"{margin}{key}:", value, depth)
    flow = None if depth == 0 and value and isinstance(value, Mapping) else _flow(value)
    if flow is not None and len(margin) + len(key) + 2 + len(flow) <= WIDTH:
        return [f"{margin}{key}: {flow}"]
    lines = [f"{margin}{key}:"]
    if isinstance(value, Mapping):
        return lines + [line for inner, item in value.items() for line in entry(str(inner), item, depth + 1)]
    return lines + [line for item in value for line in _item(item, depth + 1)]


def comment(text: str) -> list[str]:
    """The lines of a comment."""
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]


def _item(value: Any, depth: int) -> list[str]:
    margin = _INDENT * depth
    if isinstance(value, str):
        return _text(f"{margin}-", value, depth)
    single = not isinstance(value, Mapping) or (len(value) <= 1 and all(isinstance(v, Mapping) for v in value.values()))
    if (flow := _flow(value) if single else None) is not None:
        return [f"{margin}- {flow}"]
    lines = [line for key, inner in value.items() for line in entry(str(key), inner, depth + 1)]
    return [f"{margin}- {lines[0].lstrip()}", *lines[1:]]


def _text(start: str, text: str, depth: int) -> list[str]:
    """A text behind a key or a dash."""
    inner = _INDENT * (depth + 1)
    short = f"{start} {_scalar(text)}"
    if len(short) <= WIDTH and "\n" not in text:
        return [short]
    rows = text.split("\n")
    if any(_BREAKS_FOLDING.search(row) or row != row.strip() for row in rows) or not rows[0] or not rows[-1]:
        return [f"{start} {_quoted(text)}"]
    if len(rows) == 1:
        wrapped = textwrap.wrap(text, WIDTH - len(inner), break_long_words=False, break_on_hyphens=False)
        return [f"{start} >-", *(inner + row for row in wrapped)]
    return [f"{start} |-", *((inner + row).rstrip() for row in rows)]


def _flow(value: Any) -> str | None:
    """A value on one line; None if it holds lists of mappings, or text that reads better on lines of its own."""
    if isinstance(value, str):
        return None if "\n" in value else _scalar(value, flow=True)
    if isinstance(value, Mapping):
        parts = [(str(key), _flow(item)) for key, item in value.items()]
        return (
            None if any(part is None for _, part in parts) else _braced("{}", [f"{key}: {part}" for key, part in parts])
        )
    if isinstance(value, Sequence):
        sentences = any(isinstance(item, Mapping) or (isinstance(item, str) and item[-1:] in _ENDS) for item in value)
        flows = [_flow(item) for item in value]
        return None if sentences or None in flows else _braced("[]", [flow for flow in flows if flow])
    return json.dumps(value)


def _braced(signs: str, parts: Iterable[str]) -> str:
    return signs[0] + ", ".join(parts) + signs[1]


def _scalar(text: str, *, flow: bool = False) -> str:
    plain = _PLAIN.fullmatch(text) and not (flow and "," in text) and yaml_scalars.resolve(text) == text
    return text if plain and not text.endswith(" ") else _quoted(text)


def _quoted(text: str) -> str:
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))
