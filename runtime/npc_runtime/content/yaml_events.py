"""Parser events of a YAML text: from libyaml, which is thirty times as fast, or from the parser written in Python.

Whatever libyaml accepts counts. The Python parser is asked about everything else: it says more plainly what is wrong.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml.events
from ruamel.yaml import YAML, events

try:
    from yaml.cyaml import CParser
except ImportError:  # a PyYAML that was built without libyaml
    CParser = None

_READ_OTHERWISE = re.compile("[\t\r\x85\u2028\u2029]|^%", re.MULTILINE)
"""What YAML 1.1, which libyaml reads, takes otherwise than YAML 1.2: tabs, rare line breaks, directives."""
_CRLF = re.compile("\r\n")

NativeError = yaml.YAMLError
"""What libyaml raises when the syntax is wrong."""

ALIAS = events.AliasEvent, yaml.events.AliasEvent
DOCUMENT_START = events.DocumentStartEvent, yaml.events.DocumentStartEvent
MAPPING_START = events.MappingStartEvent, yaml.events.MappingStartEvent
MAPPING_END = events.MappingEndEvent, yaml.events.MappingEndEvent
SCALAR = events.ScalarEvent, yaml.events.ScalarEvent
SEQUENCE_START = events.SequenceStartEvent, yaml.events.SequenceStartEvent
SEQUENCE_END = events.SequenceEndEvent, yaml.events.SequenceEndEvent
STREAM_START = events.StreamStartEvent, yaml.events.StreamStartEvent
STREAM_END = events.StreamEndEvent, yaml.events.StreamEndEvent


def native(text: str) -> Any | None:
    """A libyaml parser over a text, to be asked for one event after another by `get_event`, and disposed of.

    Returns:
        None if there is no libyaml here, or the text is one that it may read otherwise.
    """
    if CParser is None:
        return None
    text = _CRLF.sub("\n", text)
    return None if _READ_OTHERWISE.search(text) else CParser(text)


def native_events(parser: Any) -> Iterator[Any]:
    """The events of a libyaml parser; it is disposed of at the end.

    Raises:
        NativeError: The syntax is wrong.
    """
    try:
        while (event := parser.get_event()) is not None:
            yield event
    finally:
        parser.dispose()


def python_events(text: str) -> Iterator[Any]:
    """The events of the parser written in Python.

    Raises:
        ruamel.yaml.error.MarkedYAMLError: The syntax is wrong.
    """
    found: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
    return found
