"""Which keys of a lorebook entry are in a text: plain words, or regular expressions that cannot take long.

Patterns are run by pydantic's Rust engine: its time grows linearly with the text, whatever the pattern. It knows
neither look-around nor back-references; a pattern with them counts as invalid, and an invalid pattern matches nothing.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from math import prod

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_PATTERNS = 64
"""Patterns of one lorebook; entries beyond that match nothing."""
_MAX_SCANNED = 4000
"""Characters, from the end, in which patterns are looked for: the slowest accepted ones take some 10 ms for them."""
_MAX_PATTERN = 200
_MAX_REPEATS = 200
"""Counted repetitions of a pattern, multiplied: `(a{1,20}){1,10}` has 200. The engine builds each one."""

_SLASHED = re.compile(r"/(.*)/([a-z]{0,8})", re.DOTALL)
_COUNTED = re.compile(r"\{(\d{0,9})(?:,(\d{0,9}))?\}")
_FLAGS = {"i": "i", "m": "m", "s": "s"}
"""JavaScript's flags that change what matches; the others say how often to look."""


def any_word(keys: Iterable[str], text: str, *, case_sensitive: bool) -> bool:
    """Whether a text contains one of the keys; an empty key is in none."""
    if not case_sensitive:
        text = text.casefold()
    return any(bool(key) and (key if case_sensitive else key.casefold()) in text for key in keys)


def any_pattern(patterns: Iterable[str], text: str, *, case_sensitive: bool) -> bool:
    """Whether one of the patterns is found in a text; if one of them is invalid, none is.

    Args:
        patterns: Regular expressions, or such in slashes with JavaScript's flags, which then say whether case counts.
        text: The text.
        case_sensitive: Whether case counts for those without slashes.
    """
    compiled = [_compiled(pattern, case_sensitive) for pattern in patterns if pattern]
    if not all(compiled):
        return False
    return any(pattern.isinstance_python(text[-_MAX_SCANNED:]) for pattern in compiled if pattern)


@lru_cache(maxsize=512)
def _compiled(pattern: str, case_sensitive: bool) -> SchemaValidator | None:
    slashed = _SLASHED.fullmatch(pattern)
    flags = "" if case_sensitive else "i"
    if slashed:
        pattern, flags = slashed.group(1), "".join(_FLAGS.get(flag, "") for flag in slashed.group(2))
    repeats = [int(most or least or 1) for least, most in _COUNTED.findall(pattern)]
    if len(pattern) > _MAX_PATTERN or prod(max(count, 1) for count in repeats) > _MAX_REPEATS:
        return None
    try:
        return SchemaValidator(core_schema.str_schema(pattern=f"(?{flags}){pattern}" if flags else pattern))
    except SchemaError:
        return None
