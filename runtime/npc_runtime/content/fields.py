"""Building blocks of authored files: bounded texts, ids, durations, and how a model says what is wrong.

Every pattern is run by pydantic's Rust engine, whose matching time grows linearly with the text.
"""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from npc_runtime.content import conditions

T = TypeVar("T")

ID = r"^[a-z0-9_]{1,64}$"
FILE_ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
NAME = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\[\]<>{}\x22=|]*$"
WORD = r"^[\p{L}\p{N}_][\p{L}\p{N}_.:+-]*$"
TAG = r"^[\p{L}\p{N}_][\p{L}\p{N}_ .:+-]*$"
LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
VOICE = r"^[A-Za-z0-9][A-Za-z0-9_.+#:-]*$"

FORMATS = {
    ID: "small letters a-z, digits and `_`, at most 64",
    FILE_ID: "small letters a-z, digits, `_` and `-`, at most 64",
    LINE: "one line, without control characters",
    PROSE: "text without control characters",
    NAME: "one line without brackets, double quotes, `=` and `|`",
    WORD: "one word of letters, digits and `_ . : + -`",
    TAG: "letters, digits, blanks and `_ . : + -`",
    LANGUAGE: "a language code such as `en`",
    VOICE: "the id of a voice such as `en_US-joe-medium` or `en-gb+f2`",
}
"""What each pattern asks for, in words."""

Id = Annotated[str, Field(pattern=ID)]
"""Id of an action, an argument, a goal or an event."""
FileId = Annotated[str, Field(pattern=FILE_ID)]
"""Id of a character, a knowledge pack or a scene: the name of its file without the ending."""
Line = Annotated[str, Field(min_length=1, max_length=300, pattern=LINE)]
"""One line of text, such as something a character says."""
Prose = Annotated[str, Field(min_length=1, max_length=8000, pattern=PROSE)]
"""Text of any number of lines."""
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=NAME)]
"""What people call someone or something."""
Word = Annotated[str, Field(min_length=1, max_length=40, pattern=WORD)]
"""A value that can stand behind `=` in an action tag as it is."""
Tag = Annotated[str, Field(min_length=1, max_length=60, pattern=TAG)]
"""A tag of an entity."""
EntityId = Annotated[str, Field(min_length=1, max_length=120, pattern=LINE)]
"""Id of something in the game; the game chooses it."""
Language = Annotated[str, Field(pattern=LANGUAGE)]
Signed = Annotated[float, Field(ge=-1, le=1)]
"""A number from -1 to 1."""
Fraction = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""
Items: TypeAlias = Annotated[tuple[T, ...], Field(strict=False, max_length=5000)]
"""A list."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What a model finds wrong with a value beyond the types of its fields."""

    message: str
    hint: str = ""
    at: tuple[str | int, ...] = ()
    """Keys and indices below the value that is checked."""
    offset: int | None = None
    """Which character (from 0) of a text."""


def wrong(*mistakes: Mistake) -> PydanticCustomError:
    """The error a validator raises; the checker turns each mistake into a problem with a position."""
    text = "; ".join(mistake.message for mistake in mistakes).replace("{", "(").replace("}", ")")
    return PydanticCustomError("mistakes", "{text}", {"text": text, "mistakes": mistakes})


class Authored(BaseModel):
    """Base of every part of an authored file: frozen, unknown keys refused, no value taken for another type."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
        use_attribute_docstrings=True,
    )


class AuthoredFile(Authored):
    """Base of a whole file."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    """The version of the file's format."""


_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(s|m|h)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 1e7


def seconds(value: object) -> float:
    """Read a duration.

    Args:
        value: A number of seconds, or a text such as `30s`, `2m` or `1.5h`.

    Returns:
        Seconds, 0 or more.

    Raises:
        PydanticCustomError: It is not a duration.
    """
    result = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        result = float(value)
    elif isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        result = float(found.group(1)) * _SECONDS[found.group(2)]
    if not 0 <= result <= _LONGEST:
        raise wrong(Mistake("this is not a duration", "write `30s`, `2m`, `1h` or a number of seconds"))
    return result


Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=float | str)]
"""Seconds, written as a number or as `30s`, `2m`, `1h`."""


def _condition(text: str) -> str:
    try:
        conditions.parse(text)
    except conditions.ConditionError as error:
        raise wrong(Mistake(error.message, error.hint, offset=error.offset)) from error
    return text


ConditionText = Annotated[str, Field(max_length=conditions.MAX_LENGTH), AfterValidator(_condition)]
"""A condition such as `trust >= -0.5`; see `conditions`."""


def _many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


OneOrMany: TypeAlias = Annotated[Items[T], BeforeValidator(_many)]
"""A list, or a single text in its place."""
