"""A YAML file as people write it: its data, and where each part of it stands."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from npc_runtime.content import yaml_quick, yaml_syntax
from npc_runtime.content.yaml_quick import NotOrdinary
from npc_runtime.content.yaml_tree import Location, Mark, Place, Refused, Tree, Value, compose
from npc_runtime.errors import ContentError, Problem

MAX_BYTES = 1_000_000
"""Size of one file."""
MAX_LINE = 20_000
"""Characters of one line; the parser's time grows with the square of some of them."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")


@dataclass(frozen=True)
class YamlFile:
    """What a file holds; `problems` are mistakes that do not keep the rest from being checked."""

    file: str
    """The path, as messages show it."""
    data: Value
    text: str = field(repr=False)
    problems: tuple[Problem, ...] = ()

    @cached_property
    def places(self) -> dict[Location, Place]:
        """Where each part stands: found when it is first asked for, as a file without mistakes never needs it."""
        return compose(self.text).places

    def place(self, location: Sequence[str | int]) -> Place:
        """Where a value stands; the nearest parent that exists if it is not there itself."""
        parts = tuple(location)
        while parts and parts not in self.places:
            parts = parts[:-1]
        return self.places.get(parts, Place(Mark(1, 1)))

    def problem(
        self,
        location: Sequence[str | int],
        message: str,
        hint: str = "",
        *,
        key: bool = False,
        offset: int | None = None,
    ) -> Problem:
        """Make a problem that points at a value.

        Args:
            location: Keys and indices from the top.
            message: What is wrong.
            hint: What to do.
            key: Point at the key instead of the value.
            offset: Point at this character (from 0) of a text, where the file shows the text as it is.
        """
        place = self.place(location)
        mark = place.key if key and place.key else place.value
        if offset is not None and place.text is not None:
            mark = Mark(place.text.line, place.text.column + offset)
        return Problem(self.file, mark.line, mark.column, message, hint)


def load(path: Path) -> YamlFile:
    """Read a YAML file.

    Args:
        path: The file; UTF-8, with or without a byte-order mark.

    Raises:
        ContentError: It cannot be read as one bounded YAML 1.2 document without anchors, aliases and tags.
    """
    return parse(_read(path), str(path))


def parse(text: str, file: str = "<text>") -> YamlFile:
    """Read YAML from a text; `file` is the name that messages show.

    Raises:
        ContentError: As `load`.
    """
    if found := _FORBIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1
        message = f"the character U+{ord(found.group()):04X} is not allowed here"
        raise ContentError([Problem(file, line, column, message, "delete it; it may be invisible in your editor")])
    for number, content in enumerate(text.split("\n"), start=1):
        if len(content) > MAX_LINE:
            message = f"the line is longer than {MAX_LINE} characters"
            raise ContentError([Problem(file, number, MAX_LINE + 1, message, "break it into several")])
    with suppress(NotOrdinary):
        return YamlFile(file, yaml_quick.read(text), text)
    try:
        tree: Tree = compose(text)
    except Refused as refused:
        problems = [Problem(file, r.mark.line, r.mark.column, r.message, r.hint) for r in refused.refusals]
        raise ContentError(problems) from refused
    except MarkedYAMLError as error:
        found_error = yaml_syntax.explain(error, text)
        mark = found_error.mark
        raise ContentError([Problem(file, mark.line, mark.column, found_error.message, found_error.hint)]) from error
    except (YAMLError, ValueError) as error:
        raise ContentError([Problem(file, 0, 0, "this is not valid YAML", str(error).split("\n")[0])]) from error
    repeated = tuple(Problem(file, r.mark.line, r.mark.column, r.message, r.hint) for r in tree.repeated)
    return YamlFile(file, tree.data, text, repeated)


def _read(path: Path) -> str:
    file = str(path)
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size  # room for the largest file takes longer to get than most to read
            raw = stream.read(min(size, MAX_BYTES) + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ContentError([Problem(file, 0, 0, f"the file cannot be read: {reason}")]) from error
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
        raise ContentError([Problem(file, 0, 0, message, "split it; a content file is text only")])
    if raw.startswith(_UTF16):
        raise ContentError([Problem(file, 0, 0, "the file is saved as UTF-16", "save it as UTF-8")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise ContentError([Problem(file, line, column, "the file is not UTF-8", "save it as UTF-8")]) from error
