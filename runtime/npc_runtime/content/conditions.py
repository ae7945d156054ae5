"""Conditions in authored files, such as `trust >= -0.5 and not done(banished)`: read, then asked of a situation.

    condition  = both {"or" both}
    both       = negation {"and" negation}
    negation   = "not" negation | relation
    relation   = term [("<" | "<=" | ">" | ">=" | "==" | "!=") term]
    term       = number | level | reading | "has_met" | function "(" argument ")" | "(" condition ")"

`reading` is an axis (trust, respect, familiarity, affection), `mood.pleasure`, `mood.arousal`, `mood.dominance`,
`time.hour` (0 up to 24) or `time.day` (0, 1, 2, …); `function` is `scene.has`, `done` or `knows`. A `level` is
very_low, low, middle, high or very_high and is compared with an axis or a mood: `trust >= high`.
"""

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Literal, Protocol, get_args, runtime_checkable

MAX_LENGTH = 200
"""Characters of one condition."""
MAX_DEPTH = 12
"""Brackets and `not` inside one another."""

Axis = Literal["trust", "respect", "familiarity", "affection"]
AXES: tuple[Axis, ...] = get_args(Axis)
MoodAxis = Literal["pleasure", "arousal", "dominance"]
MOOD_AXES: tuple[MoodAxis, ...] = get_args(MoodAxis)
FUNCTIONS = ("scene.has", "done", "knows")
READINGS: tuple[str, ...] = (*AXES, *(f"mood.{axis}" for axis in MOOD_AXES), "time.hour", "time.day")
"""Everything that is a number and changes."""
HAS_MET = "has_met"
LEVELS = ("very_low", "low", "middle", "high", "very_high")
"""Names of what a number from -1 to 1 is, from the bottom up."""
_SLIGHT, _GREAT = 0.2, 0.6
"""Where the levels beside the middle and the outer ones begin, on both sides of 0."""
_DAY, _HOUR = 86_400.0, 3_600.0

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


@runtime_checkable
class Circumstances(Protocol):
    """What facts may tell besides; where they do not, moods are 0, the time is unknown, and nothing is known or met."""

    def mood(self, axis: MoodAxis) -> float:
        """How the character's mood is, -1..1."""
        ...

    def game_time(self) -> float | None:
        """Game time in seconds; None when the game tells none. Comparisons with an unknown time are false."""
        ...

    def knows(self, tag: str) -> bool:
        """Whether the character knows a fact with this tag by now."""
        ...

    def has_met(self) -> bool:
        """Whether the character has talked with the player before."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a condition asks about."""

    kind: str
    """A function, `has_met`, or a reading."""
    name: str = ""
    """What is in the brackets of a function."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read."""

    text: str
    questions: frozenset[Question]
    """Everything that it asks about."""
    constants: frozenset[float]
    """Numbers that it compares with; of levels, where they begin."""
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
    parser = _Parser(text)
    holds = parser.condition()
    return Condition(text, frozenset(parser.questions), frozenset(parser.constants), holds)


def level(value: float) -> int:
    """Which of the `LEVELS` a number from -1 to 1 is, counted from 0."""
    if abs(value) < _SLIGHT:
        return 2
    outer = abs(value) >= _GREAT
    return 2 + (2 if outer else 1) * (1 if value > 0 else -1)


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
    reading: str = ""
    """Empty for a constant."""


@dataclass(frozen=True, slots=True)
class _Level:
    index: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Truth:
    value: Callable[[Facts], bool]
    offset: int


_Term = _Number | _Level | _Truth


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
        self.questions: set[Question] = set()
        self.constants: set[float] = set()

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

    def _either(self) -> _Term:
        left = self._both()
        while self._is("or"):
            self._take()
            left = _any(self._truth(left), self._truth(self._both()))
        return left

    def _both(self) -> _Term:
        left = self._negation()
        while self._is("and"):
            self._take()
            left = _all(self._truth(left), self._truth(self._negation()))
        return left

    def _negation(self) -> _Term:
        if not self._is("not"):
            return self._relation()
        self._deeper()
        token = self._take()
        inner = self._truth(self._negation())
        self._depth -= 1
        return _Truth(lambda facts: not inner.value(facts), token.offset)

    def _relation(self) -> _Term:
        left = self._term()
        if self._here.kind != "operator":
            return left
        compare = _OPERATORS[self._take().text]
        right = self._term()
        if isinstance(left, _Level) or isinstance(right, _Level):
            first, second = self._leveled(left), self._leveled(right)
        else:
            first, second = self._number(left), self._number(right)
        return _Truth(lambda facts: _compared(compare, first.value(facts), second.value(facts)), left.offset)

    def _term(self) -> _Term:
        token = self._take()
        if token.kind == "number":
            constant = float(token.text)
            self.constants.add(constant)
            return _Number(lambda _: constant, token.offset)
        if token.kind == "sign" and token.text == "(":
            self._deeper()
            inner = self._either()
            self._depth -= 1
            self._close(token)
            return inner
        if token.kind == "word" and token.text not in ("and", "or", "not"):
            return self._function(token) if self._is("(") else self._word(token)
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
        self.questions.add(Question(token.text, name))
        if token.text == "done":
            return _Truth(lambda facts: facts.is_done(name), token.offset)
        if token.text == "knows":
            return _Truth(lambda facts: isinstance(facts, Circumstances) and facts.knows(name), token.offset)
        return _Truth(lambda facts: facts.in_scene(name), token.offset)

    def _word(self, token: _Token) -> _Term:
        word = token.text
        if word in LEVELS:
            self.constants.update((-_GREAT, -_SLIGHT, _SLIGHT, _GREAT))
            return _Level(LEVELS.index(word), token.offset)
        if word != HAS_MET and word not in READINGS:
            known = (*READINGS, HAS_MET, *FUNCTIONS)
            raise ConditionError(f"unknown word `{word}`", token.offset, _suggest(word, known))
        self.questions.add(Question(word))
        if word == HAS_MET:
            return _Truth(lambda facts: isinstance(facts, Circumstances) and facts.has_met(), token.offset)
        return _Number(_reader(word), token.offset, word)

    def _close(self, opening: _Token) -> None:
        token = self._take()
        if not (token.kind == "sign" and token.text == ")"):
            where = opening.offset if token.kind == "end" else token.offset
            raise ConditionError("a `)` is missing", where, "names with blanks need quotes" if token.text else "")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConditionError(f"more than {MAX_DEPTH} brackets inside one another", self._here.offset)

    def _leveled(self, part: _Term) -> _Number:
        if isinstance(part, _Level):
            index = float(part.index)
            return _Number(lambda _: index, part.offset)
        if isinstance(part, _Number) and part.reading and not part.reading.startswith("time."):
            value = part.value
            return _Number(lambda facts: float(level(value(facts))), part.offset)
        raise ConditionError("a level is compared with an axis or a mood", part.offset, "such as `trust >= high`")

    def _truth(self, part: _Term) -> _Truth:
        if isinstance(part, _Truth):
            return part
        if isinstance(part, _Level):
            hint = f"compare it, as in `trust >= {LEVELS[part.index]}`"
            raise ConditionError("a level alone is not a condition", part.offset, hint)
        raise ConditionError("a number alone is not a condition", part.offset, "compare it, as in `trust > 0`")

    def _number(self, part: _Term) -> _Number:
        if isinstance(part, _Number):
            return part
        raise ConditionError("only numbers can be compared", part.offset, "join conditions with `and`")


def _reader(reading: str) -> Callable[[Facts], float]:
    for axis in AXES:
        if reading == axis:
            return _axis_reader(axis)
    for feeling in MOOD_AXES:
        if reading == f"mood.{feeling}":
            return _mood_reader(feeling)
    return _time_reader(lambda time: time % _DAY / _HOUR if reading == "time.hour" else time // _DAY)


def _axis_reader(axis: Axis) -> Callable[[Facts], float]:
    return lambda facts: facts.standing(axis)


def _mood_reader(axis: MoodAxis) -> Callable[[Facts], float]:
    return lambda facts: facts.mood(axis) if isinstance(facts, Circumstances) else 0.0


def _time_reader(read: Callable[[float], float]) -> Callable[[Facts], float]:
    def value(facts: Facts) -> float:
        time = facts.game_time() if isinstance(facts, Circumstances) else None
        return math.nan if time is None else read(time)

    return value


def _compared(compare: Callable[[float, float], bool], one: float, other: float) -> bool:
    return not (math.isnan(one) or math.isnan(other)) and compare(one, other)


def _all(left: _Truth, right: _Truth) -> _Truth:
    return _Truth(lambda facts: left.value(facts) and right.value(facts), left.offset)


def _any(left: _Truth, right: _Truth) -> _Truth:
    return _Truth(lambda facts: left.value(facts) or right.value(facts), left.offset)


def _suggest(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else "known: " + ", ".join(known)
