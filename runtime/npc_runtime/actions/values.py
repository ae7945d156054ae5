"""Turns the text that a model wrote for an argument into a value of the declared type, or says why it cannot be."""

import math
import re
from collections.abc import Sequence

from npc_runtime.actions.candidates import Candidate, resolve
from npc_runtime.content.action import MAX_NUMBER, MAX_TEXT, Argument, Scalar

_INTEGER = re.compile(r"[-+]?[0-9]{1,15}(\.0{1,6})?", re.ASCII)
_NUMBER = re.compile(r"[-+]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})", re.ASCII)
_BOOLEAN = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_PUNCTUATION = ".,;:!?…"
_QUOTES = {('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("`", "`")}


class Misfit(Exception):
    """A value that cannot be used."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def clean(written: str) -> str:
    """Take blanks and one pair of quotes off a value."""
    text = written.strip()
    if len(text) >= 2 and (text[0], text[-1]) in _QUOTES:
        text = text[1:-1].strip()
    return text


def value_of(argument: Argument, written: str) -> Scalar:
    """The value of an argument that refers to nothing in the scene.

    Args:
        argument: Its definition.
        written: What the model wrote, cleaned and not empty.

    Raises:
        Misfit: It is of the wrong type or outside its limits.
    """
    if argument.type == "string":
        return _text(argument, written)
    word = written.rstrip(_PUNCTUATION).strip() or written
    if argument.type == "enum":
        for text in (written, word):
            for value in argument.values:
                if value.casefold() == text.casefold():
                    return value
        raise Misfit("bad_argument", f"must be one of {', '.join(argument.values)}")
    if argument.type == "boolean":
        if word.casefold() not in _BOOLEAN:
            raise Misfit("bad_argument", "must be true or false")
        return _BOOLEAN[word.casefold()]
    return _number(argument, word)


def meant(written: str, among: Sequence[Candidate], kind: str) -> str:
    """The id of what a word refers to.

    Args:
        written: What the model wrote, cleaned.
        among: What may be meant.
        kind: What it should be, for the reason.

    Raises:
        Misfit: It means nothing here, or several things.
    """
    found = resolve(written, among)
    if not found:
        known = ", ".join(candidate.token for candidate in among[:8]) or "nothing"
        raise Misfit("not_here", f"there is no such {kind} here; possible now: {known}")
    if len(found) > 1:
        raise Misfit("ambiguous", f"may mean {' or '.join(candidate.token for candidate in found[:8])}")
    return found[0].id


def _text(argument: Argument, written: str) -> str:
    text = "".join(sign for sign in " ".join(written.split()) if sign.isprintable())
    limit = argument.max_length or MAX_TEXT
    if not text:
        raise Misfit("bad_argument", "has no readable text")
    if len(text) > limit:
        raise Misfit("bad_argument", f"is longer than {limit} characters")
    return text


def _number(argument: Argument, word: str) -> int | float:
    whole = argument.type == "integer"
    if not (_INTEGER if whole else _NUMBER).fullmatch(word):
        raise Misfit("bad_argument", f"must be {'a whole number' if whole else 'a number'}")
    value = float(word)
    low = -MAX_NUMBER if argument.min is None else argument.min
    high = MAX_NUMBER if argument.max is None else argument.max
    if not (math.isfinite(value) and low <= value <= high):
        raise Misfit("bad_argument", f"must be from {low:g} to {high:g}")
    return int(value) if whole else value
