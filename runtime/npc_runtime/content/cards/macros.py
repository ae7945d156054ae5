"""Macros of card texts, such as `{{char}}` and `{{random:a,b}}`: the curly braced syntaxes of Character Card V3.

A content file has no place for text that changes from turn to turn, so that what is random is drawn once; the same text
always draws the same.
"""

import random
import re
from dataclasses import dataclass

_INNER = re.compile(r"\{\{((?:[^{}]|\{(?!\{)|\}(?!\}))*)\}\}")
"""A macro that holds no other; it ends before the next `{{`, so that the time grows linearly."""
_ANGLE = re.compile(r"<(char|bot|user)>", re.IGNORECASE)
_COMMA = re.compile(r"(?<!\\),")
_MOST_NESTED = 8
_MOST_SIDES = 1_000_000


@dataclass(frozen=True, slots=True)
class Cast:
    """Who a text speaks of."""

    character: str
    """What stands for `{{char}}`; must hold no braces."""
    player: str
    """What stands for `{{user}}`; must hold no braces."""


def resolve(text: str, cast: Cast, *, hidden: bool = False) -> str:
    """Replace macros by their values; those that nobody knows become nothing.

    Args:
        text: The text.
        cast: Who it speaks of.
        hidden: Whether the value of `{{hidden_key:…}}` stays, as it does where texts are only searched for keys.
    """
    dice = random.Random(text)
    text = _ANGLE.sub(lambda found: cast.player if found.group(1).lower() == "user" else cast.character, text)
    for _ in range(_MOST_NESTED):
        replaced = _INNER.sub(lambda found: _value(found.group(1).strip(), cast, dice, hidden=hidden), text)
        if replaced == text:
            break
        text = replaced
    return text


def unknown(text: str) -> tuple[str, ...]:
    """Names of macros in a text that are not known here, each once."""
    names = (_parts(found.group(1).strip())[0] for found in _INNER.finditer(text))
    return tuple(dict.fromkeys(name for name in names if name not in _KNOWN))


_KNOWN = frozenset({"char", "user", "random", "pick", "roll", "//", "comment", "hidden_key", "reverse", "original", ""})


def _value(inner: str, cast: Cast, dice: random.Random, *, hidden: bool) -> str:
    name, argument = _parts(inner)
    if name == "char":
        return cast.character
    if name == "user":
        return cast.player
    if name in ("random", "pick"):
        return dice.choice(_choices(argument))
    if name == "roll":
        digits = argument.strip().lower().removeprefix("d")
        sides = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 7 else 0
        return str(dice.randint(1, sides)) if 1 <= sides <= _MOST_SIDES else ""
    if name == "reverse":
        return argument[::-1]
    return argument.strip() if name == "hidden_key" and hidden else ""


def _parts(inner: str) -> tuple[str, str]:
    """Name of a macro in small letters, and what follows."""
    if inner.startswith("//"):
        return "//", inner[2:]
    name, _, argument = inner.partition(":")
    return name.strip().lower(), argument.removeprefix(":")


def _choices(argument: str) -> list[str]:
    parts = argument.split("::") if "::" in argument else _COMMA.split(argument)
    return [part.replace("\\,", ",").strip() for part in parts]
