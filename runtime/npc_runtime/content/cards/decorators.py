"""Decorators of lorebook entries: the `@@name value` lines at which Character Card V3 keeps rarer conditions."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["system", "user", "assistant"]
Value = int | str | tuple[str, ...] | bool

_LINE = re.compile(r"@@@?([a-z_]{1,64})(?:\s+(.*))?")
_NUMBERS = ("activate_only_after", "activate_only_every", "depth", "reverse_depth", "scan_depth", "is_greeting")
_FLAGS = (
    "activate",
    "dont_activate",
    "keep_activate_after_match",
    "dont_activate_after_match",
    "ignore_on_max_context",
)
_LISTS = ("additional_keys", "exclude_keys")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "role": get_args(Role),
    "position": ("after_desc", "before_desc", "personality", "scenario"),
}
_HIGHEST = 1_000_000


def parse(content: str) -> tuple[dict[str, Value], str]:
    """Take the decorators off the content of an entry.

    A line with `@@@` counts only where the line above it was not understood. Of several with one name the first counts.

    Args:
        content: As the entry has it.

    Returns:
        The values by name, of those known here: numbers, texts, lists of texts, and True for what has no value; and
        the content that is left.
    """
    found: dict[str, Value] = {}
    kept: list[str] = []
    understood = True
    for line in content.splitlines():
        if not line.startswith("@@"):
            kept.append(line)
            continue
        if line.startswith("@@@") and understood:
            continue
        decorator = _LINE.fullmatch(line.strip())
        value = _value(decorator.group(1), (decorator.group(2) or "").strip()) if decorator else None
        understood = value is not None
        if decorator and value is not None:
            found.setdefault(decorator.group(1), value)
    return found, "\n".join(kept).strip()


def without_decorators(content: str) -> str:
    """The content of an entry as programs need it that do not know decorators; unchanged if it has none."""
    return parse(content)[1] if any(line.startswith("@@") for line in content.splitlines()) else content


def _value(name: str, text: str) -> Value | None:
    if name in _NUMBERS:
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 7 else -1
        least = 1 if name == "activate_only_every" else 0
        return number if least <= number <= _HIGHEST else None
    if name in _LISTS:
        keys = tuple(part.strip() for part in text.split(",") if part.strip())
        return keys or None
    if name in _FLAGS:
        return True
    return text if text in _WORDS.get(name, ()) else None
