"""Actions: what a character may do in the game, as packs define them (`actions/*.yaml`) and as they are offered."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, PlainValidator, model_validator

from npc_runtime.content.fields import (
    Authored,
    AuthoredFile,
    ConditionText,
    Duration,
    Id,
    Items,
    Line,
    Mistake,
    OneOrMany,
    Tag,
    Word,
    wrong,
)

ArgumentType = Literal["string", "integer", "number", "boolean", "enum", "entity", "character", "location", "player"]
Target = Literal["none", "player", "character", "entity", "location"]
Permission = Literal["auto", "ask", "never"]
Scalar = str | int | float | bool

TARGET = "target"
"""The key of an action's target inside an action tag."""
MAX_TEXT = 200
"""Characters of a string argument whose definition gives no `max_length`."""
MAX_SPOKEN = 32
"""Other ways to say one value."""
BOOLEANS = ("true", "false")
MAX_NUMBER = 1e9
"""Size of a number whose definition gives no `min` or `max`."""

_KEYS_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "string": ("max_length",),
    "integer": ("min", "max"),
    "number": ("min", "max"),
    "enum": ("values", "spoken"),
    "boolean": ("spoken",),
    "entity": ("tags",),
}
_NO_DEFAULT = ("entity", "character", "location", "player")
_LIMITED_KEYS = ("values", "min", "max", "max_length", "tags", "spoken")


def _scalar(value: object) -> Scalar:
    if isinstance(value, str | int | float):
        return value
    raise wrong(Mistake("this must be a word, a number, true or false"))


class Argument(Authored):
    """One argument of an action."""

    type: ArgumentType
    values: Items[Word] = Field(default=(), max_length=64)
    """The words of an enum."""
    min: float | None = Field(default=None, ge=-MAX_NUMBER, le=MAX_NUMBER)
    """Smallest integer or number."""
    max: float | None = Field(default=None, ge=-MAX_NUMBER, le=MAX_NUMBER)
    """Largest integer or number."""
    max_length: int | None = Field(default=None, ge=1, le=1000)
    """Most characters of a string."""
    tags: Items[Tag] = Field(default=(), max_length=64)
    """An entity must carry at least one of these."""
    default: Annotated[Scalar | None, PlainValidator(_scalar, json_schema_input_type=Scalar)] = None
    """What counts when the argument is left out."""
    required: bool | None = None
    """Whether it must be given; by default when it has no `default`."""
    description: Line | None = None
    """What it is, as a few words ("price in crowns") or as the question with which the character asks for it.

    Its words also tell which number of the player's is meant."""
    spoken: Mapping[Word, OneOrMany[Line]] = Field(default_factory=dict, max_length=64)
    """Value of an enum or boolean → other ways to say it; the first is what the character calls it."""

    @property
    def needed(self) -> bool:
        """Whether an action without it is refused."""
        return self.default is None and self.required is not False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        mistakes = [*self._keys(), *self._limits(), *self._spoken()]
        if not mistakes:
            mistakes = self._default()
        if mistakes:
            raise wrong(*mistakes)
        return self

    def _keys(self) -> list[Mistake]:
        allowed = _KEYS_OF_TYPE.get(self.type, ())
        return [
            Mistake(f"an argument of type {self.type} has no `{key}`", "remove it, or change the type", (key,))
            for key in _LIMITED_KEYS
            if key in self.model_fields_set and key not in allowed
        ]

    def _limits(self) -> list[Mistake]:
        mistakes = []
        if self.min is not None and self.max is not None and self.min > self.max:
            mistakes.append(Mistake(f"is more than max, which is {self.max:g}", "swap them", ("min",)))
        if self.type == "integer":
            for key, limit in (("min", self.min), ("max", self.max)):
                if limit is not None and not limit.is_integer():
                    mistakes.append(Mistake("must be a whole number, as the type is integer", "", (key,)))
        if self.type == "enum":
            if not self.values:
                mistakes.append(Mistake("an enum needs `values`", "such as `values: [now, tomorrow]`"))
            seen: dict[str, int] = {}
            for index, value in enumerate(self.values):
                if seen.setdefault(value.casefold(), index) != index:
                    mistakes.append(Mistake(f"`{value}` is there twice", "", ("values", index)))
        return mistakes

    def _spoken(self) -> list[Mistake]:
        """Values that `spoken` names and the argument does not have."""
        values = BOOLEANS if self.type == "boolean" else self.values
        mistakes = []
        for value, ways in self.spoken.items() if self.type in ("enum", "boolean") else ():
            if value not in values:
                near = difflib.get_close_matches(value, values, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"it may be {', '.join(values[:8])}"
                mistakes.append(Mistake(f"`{value}` is not a value of this argument", hint, ("spoken", value)))
            elif len(ways) > MAX_SPOKEN:
                mistakes.append(Mistake(f"more than {MAX_SPOKEN} ways to say it", "shorten it", ("spoken", value)))
        return mistakes

    def _default(self) -> list[Mistake]:
        value = self.default
        if value is None:
            return []
        if self.type in _NO_DEFAULT:
            message = f"an argument of type {self.type} has no default, as the scene changes"
            return [Mistake(message, "write `required: false` instead", ("default",))]
        if self.required:
            return [Mistake("an argument with a default is never required", "remove one of the two", ("required",))]
        fault = self._misfit(value)
        return [Mistake(fault, "", ("default",))] if fault else []

    def _misfit(self, value: Scalar) -> str:
        if self.type == "enum":
            return "" if value in self.values else "must be one of `values`"
        if self.type == "boolean":
            return "" if isinstance(value, bool) else "must be true or false"
        if self.type == "string":
            if not isinstance(value, str):
                return "must be text in quotes"
            return "" if len(value) <= (self.max_length or MAX_TEXT) else "is longer than `max_length`"
        if isinstance(value, bool | str) or (self.type == "integer" and not float(value).is_integer()):
            return "must be a whole number" if self.type == "integer" else "must be a number"
        low = -MAX_NUMBER if self.min is None else self.min
        high = MAX_NUMBER if self.max is None else self.max
        return "" if low <= value <= high else "is outside min and max"


_Placeholder = Literal["result", "message", "player", "target"]
"""What the lines of an outcome may name beside the action's arguments."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
ANSWER_SECONDS = 10.0
"""How long the game has to say how an action went whose definition gives no `timeout`."""


class OutcomeLines(Authored):
    """What the character says when the game has told how an action went, word for word.

    `{result}` is what the game found out, `{message}` what it said about it, `{player}` and `{target}` are names, and
    `{item}` is the argument of that name. A line whose placeholder has nothing to stand for is not said. Without a line
    a small model's character says a usual one, and a larger model is asked to tell.
    """

    done: OneOrMany[Line] = Field(default=(), max_length=16)
    """The game did it, or consented to it where no result is asked for."""
    failed: OneOrMany[Line] = Field(default=(), max_length=16)
    refused: OneOrMany[Line] = Field(default=(), max_length=16)
    """The game did not allow it; or a goal wants it, and the rules of the action do not allow it now."""
    timed_out: OneOrMany[Line] = Field(default=(), max_length=16)
    """The game did not answer in time; those of `failed` unless given."""


class ActionSpec(Authored):
    """What stands below an action's name."""

    description: Line
    """When and why the character does this; the model reads it."""
    target: Target = "none"
    """Whom or what it is done to."""
    args: Mapping[Id, Argument] = Field(default_factory=dict, max_length=16)
    require: Items[ConditionText] = Field(default=(), max_length=16)
    """Conditions that must all hold."""
    cooldown: Duration = 0.0
    """Seconds before the character does it again."""
    needs_result: bool = False
    """Whether the game answers how it went; what the character says and does next waits for that, up to 15 seconds, and
    is about what really happened."""
    timeout: Duration = ANSWER_SECONDS
    """Seconds that the game has to answer; only with `needs_result`."""
    say: OutcomeLines = OutcomeLines()
    """What the character says about how it went."""
    permission: Permission = "auto"
    """`ask`: the game is asked first, and gets the action when it has consented; `never`: switched off."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.target != "none" and TARGET in self.args:
            message = "an action that has a target cannot have an argument of that name"
            raise wrong(Mistake(message, "rename the argument", ("args", TARGET)))
        if mistakes := [*self._wrong_placeholders(), *self._useless()]:
            raise wrong(*mistakes)
        return self

    def _wrong_placeholders(self) -> Iterator[Mistake]:
        known = (*get_args(_Placeholder), *self.args)
        for outcome, lines in dict(self.say).items():
            for number, line in enumerate(lines):
                for found in _PLACEHOLDER.finditer(line):
                    at = ("say", outcome, number)
                    if known.count(found[1]) > 1:
                        yield Mistake(f"{found[0]} may mean the argument, or what it always means", "rename it", at)
                    elif found[1] not in known:
                        yield Mistake(f"nothing is called {found[0]}", f"there are {', '.join(known)}", at)

    def _useless(self) -> Iterator[Mistake]:
        """What has no effect, as nothing waits for the game."""
        hint = "write `needs_result: true`"
        if self.timeout <= 0:
            yield Mistake("must be more than 0", "such as `10s`", ("timeout",))
        elif self.timeout != ANSWER_SECONDS and not self.needs_result:
            yield Mistake("nothing waits for the game", hint, ("timeout",))
        if not self.needs_result and self.permission != "ask":
            for outcome in ("done", "failed", "timed_out"):
                if getattr(self.say, outcome):
                    yield Mistake("this is never said: nothing waits for the game", hint, ("say", outcome))


class ActionDefinition(ActionSpec):
    """An action with its name."""

    name: Id


class ActionPack(AuthoredFile):
    """`actions/*.yaml`."""

    actions: Mapping[Id, ActionSpec] = Field(max_length=200)

    def definitions(self) -> tuple[ActionDefinition, ...]:
        """The actions, in file order."""
        return tuple(ActionDefinition(name=name, **dict(spec)) for name, spec in self.actions.items())


@dataclass(frozen=True, slots=True)
class ArgumentOption:
    """What may be written for one argument of an action now."""

    name: str
    kind: Literal["choice", "integer", "number", "text"]
    choices: tuple[str, ...] = ()
    """For a choice: the exact words that may stand behind `=`; never empty, no blanks or brackets."""
    minimum: float | None = None
    """For an integer or a number; both limits are always given there."""
    maximum: float | None = None
    max_length: int | None = None
    """For a text: characters."""
    required: bool = True
    default: str | None = None
    """What counts when it is left out, as it would be written."""


@dataclass(frozen=True, slots=True)
class ActionOption:
    """An action that is possible now."""

    name: str
    description: str
    args: tuple[ArgumentOption, ...] = ()
    """In the order in which the tag carries them."""

    @property
    def settled(self) -> Mapping[str, str]:
        """Arguments that can only have one value now: nobody has to write them."""
        return {arg.name: arg.choices[0] for arg in self.args if arg.required and len(arg.choices) == 1}
