"""Keys of a TOML file: where they stand."""

import re
from collections.abc import Iterator


def position(text: str, loc: tuple[int | str, ...]) -> tuple[int, int]:
    """Line and column of a key, counted from 1; tomllib keeps no positions, so the key is looked for in its table.

    Args:
        text: A TOML file.
        loc: The table's name, and the key in it.

    Returns:
        The beginning of the file for a key that is written in a way that is not looked for.
    """
    for number, column, table, key in _keys(text):
        if (*table, *key) == loc or (*table, *key)[: len(loc)] == loc:
            return number, column
    return 1, 1


def _keys(text: str) -> Iterator[tuple[int, int, tuple[str, ...], tuple[str, ...]]]:
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[([\w.\- ]+)\]", line)
        if header:
            table = tuple(part.strip() for part in header[1].split("."))
            yield number, header.start(1) + 1, table, ()
        entry = re.match(r"\s*([\w.\-]+)\s*=", line)
        if entry:
            yield number, entry.start(1) + 1, table, tuple(entry[1].split("."))
