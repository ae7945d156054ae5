"""Conditions in authored files, such as `trust >= -0.5 and not done(banished)`: read, then asked of a situation.

    condition  = both {"or" both}
    both       = negation {"and" negation}
    negation   = "not" negation | relation
    relation   = term [("<" | "<=" | ">" | ">=" | "==" | "!=") term]
    term       = number | axis | function "(" argument ")" | "(" condition ")"

`axis` is trust, respect, familiarity or affection; `function` is `scene.has` or `done`.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Literal, Protocol, get_args

MAX_LENGTH = 200
"""Characters of one condition."""
MAX_DEPTH = 12
"""Brackets and `not` inside one another."""

Axis = Literal["trust", "respect", "familiarity", "affection"]
AXES: tuple[Axis, ...] = get_args(Axis)
FUNCTIONS = ("scene.has", "done")

_OPERATORS: dict[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[-+]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?![\w.]))
      | (?P<operator><=|>=|==|!=|<|>)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<sign>[()])
      | (?P<word>\w[\w.:-]*)
    )""",
    re.VERBOSE,
)


class ConditionError(ValueError):
    """A condition that cannot be read."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        """Which character is meant, from 0."""
        self.hint = hint


class Facts(Protocol):
    """What conditions are asked about."""

    def standing(self, axis: Axis) -> float:
        """How the character stands to the player, -1..1."""
        ...

    def in_scene(self, name: str) -> bool:
        """Whether something with this id, name or tag is here."""
        ...

    def is_done(self, name: str) -> bool:
        """Whether the goal or action with this id has been done."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read."""

    text: str
    _holds: Callable[[Facts], bool]

    def holds(self, facts: Facts) -> bool:
        """Whether it is true now."""
        return self._holds(facts)


@lru_cache(maxsize=1024)
def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        ConditionError: It is not one; `offset` says where.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"a condition has at most {MAX_LENGTH} characters", MAX_LENGTH)
    return Condition(text, _Parser(text).condition())


def all_hold(texts: tuple[str, ...], facts: Facts) -> str | None:
    """Ask several conditions; the text of the first that does not hold, or None."""
    return next((text for text in texts if not parse(text).holds(facts)), None)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class _Number:
    value: Callable[[Facts], float]
    offset: int


@dataclass(frozen=True, slots=True)
class _Truth:
    value: Callable[[Facts], bool]
    offset: int


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            offset = position + len(text[position:]) - len(text[position:].lstrip())
            sign = text[offset]
            hint = {
                "=": "compare with `==`",
                "&": "write `and`",
                "|": "write `or`",
                "!": "write `not`",
                '"': "close the quote",
                "'": "close the quote",
            }.get(sign, "")
            raise ConditionError(f"`{sign}` is not expected here", offset, hint)
        kind = str(found.lastgroup)
        tokens.append(_Token(kind, found.group(kind), found.start(kind)))
        position = found.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def condition(self) -> Callable[[Facts], bool]:
        if self._here.kind == "end":
            raise ConditionError("the condition is empty", 0, "such as `trust >= 0.2`")
        result = self._truth(self._either())
        if self._here.kind != "end":
            token = self._here
            hint = "join two conditions with `and` or `or`" if token.kind in ("operator", "word", "number") else ""
            raise ConditionError(f"`{token.text}` is not expected here", token.offset, hint)
        return result.value

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._here
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        return self._here.kind in ("word", "sign") and self._here.text == text

    def _either(self) -> _Number | _Truth:
        left = self._both()
        while self._is("or"):
            self._take()
            left = _any(self._truth(left), self._truth(self._both()))
        return left

    def _both(self) -> _Number | _Truth:
        left = self._negation()
        while self._is("and"):
            self._take()
            left = _all(self._truth(left), self._truth(self._negation()))
        return left

    def _negation(self) -> _Number | _Truth:
        if not self._is("not"):
            return self._relation()
        self._deeper()
        token = self._take()
        inner = self._truth(self._negation())
        self._depth -= 1
        return _Truth(lambda facts: not inner.value(facts), token.offset)

    def _relation(self) -> _Number | _Truth:
        left = self._term()
        if self._here.kind != "operator":
            return left
        compare = _OPERATORS[self._take().text]
        first, second = self._number(left), self._number(self._term())
        return _Truth(lambda facts: compare(first.value(facts), second.value(facts)), first.offset)

    def _term(self) -> _Number | _Truth:
        token = self._take()
        if token.kind == "number":
            constant = float(token.text)
            return _Number(lambda _: constant, token.offset)
        if token.kind == "sign" and token.text == "(":
            self._deeper()
            inner = self._either()
            self._depth -= 1
            self._close(token)
            return inner
        if token.kind == "word" and token.text not in ("and", "or", "not"):
            return self._function(token) if self._is("(") else _axis(token)
        if token.kind == "end":
            raise ConditionError("the condition ends too early", token.offset, "a value is missing here")
        raise ConditionError(f"`{token.text}` is not expected here", token.offset, "a value is missing here")

    def _function(self, token: _Token) -> _Truth:
        if token.text not in FUNCTIONS:
            raise ConditionError(f"unknown function `{token.text}`", token.offset, _suggest(token.text, FUNCTIONS))
        opening = self._take()
        argument = self._take()
        if argument.kind not in ("word", "text", "number"):
            raise ConditionError(f"`{token.text}` needs a name", argument.offset, f"such as `{token.text}(forge)`")
        self._close(opening)
        name = argument.text[1:-1] if argument.kind == "text" else argument.text
        if token.text == "done":
            return _Truth(lambda facts: facts.is_done(name), token.offset)
        return _Truth(lambda facts: facts.in_scene(name), token.offset)

    def _close(self, opening: _Token) -> None:
        token = self._take()
        if not (token.kind == "sign" and token.text == ")"):
            where = opening.offset if token.kind == "end" else token.offset
            raise ConditionError("a `)` is missing", where, "names with blanks need quotes" if token.text else "")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConditionError(f"more than {MAX_DEPTH} brackets inside one another", self._here.offset)

    def _truth(self, part: _Number | _Truth) -> _Truth:
        if isinstance(part, _Truth):
            return part
        raise ConditionError("a number alone is not a condition", part.offset, "compare it, as in `trust > 0`")

    def _number(self, part: _Number | _Truth) -> _Number:
        if isinstance(part, _Number):
            return part
        raise ConditionError("only numbers can be compared", part.offset, "join conditions with `and`")


def _axis(token: _Token) -> _Number:
    for axis in AXES:
        if token.text == axis:
            return _Number(_reader(axis), token.offset)
    hint = _suggest(token.text, (*AXES, *FUNCTIONS))
    raise ConditionError(f"unknown word `{token.text}`", token.offset, hint)


def _reader(axis: Axis) -> Callable[[Facts], float]:
    return lambda facts: facts.standing(axis)


def _all(left: _Truth, right: _Truth) -> _Truth:
    return _Truth(lambda facts: left.value(facts) and right.value(facts), left.offset)


def _any(left: _Truth, right: _Truth) -> _Truth:
    return _Truth(lambda facts: left.value(facts) or right.value(facts), left.offset)


def _suggest(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else "known: " + ", ".join(known)
