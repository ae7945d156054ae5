"""What a plain YAML word means: the core schema of YAML 1.2.2, section 10.3.2.

Only these forms are anything but text. `no`, `off`, `yes`, dates and times stay words.
"""

import re

Scalar = str | int | float | bool | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)", re.ASCII)
_NAN = frozenset({".nan", ".NaN", ".NAN"})
_LONGEST_NUMBER = 40
"""Digits beyond this serve no author, and Python refuses to convert thousands of them."""


def resolve(word: str) -> Scalar:
    """Turn a plain (unquoted) scalar into its value.

    Args:
        word: The text as the parser delivers it, without outer blanks.

    Returns:
        None, a bool, an int, a float, or the word itself.
    """
    if word in _NULL:
        return None
    if word in _BOOL:
        return _BOOL[word]
    if word in _NAN:
        return float("nan")
    if len(word) > _LONGEST_NUMBER:
        return word
    if _INT.fullmatch(word):
        return int(word, 0) if word.startswith(("0o", "0x")) else int(word)
    if _FLOAT.fullmatch(word):
        return float(word)
    if _INFINITE.fullmatch(word):
        return float("-inf" if word.startswith("-") else "inf")
    return word
