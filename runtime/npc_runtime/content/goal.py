"""Goals of a character: when something is said or happens, and what the character then does."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from npc_runtime.content.action import Scalar
from npc_runtime.content.fields import (
    Authored,
    ConditionText,
    Duration,
    Fraction,
    Id,
    Items,
    Line,
    Mistake,
    OneOrMany,
    Prose,
    Signed,
    wrong,
)
from npc_runtime.events import EmotionLabel

MAX_EXAMPLES = 64
"""Examples or keywords of one goal."""
MAX_PARAMETERS = 32
_MAX_TEXT = 300


def _parameter(value: object) -> Scalar:
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        raise wrong(Mistake(f"is longer than {_MAX_TEXT} characters", "shorten it"))
    if isinstance(value, str | int | float):
        return value
    raise wrong(Mistake("this must be a word, a number, true or false"))


def _exactly_one(model: Authored, keys: tuple[str, ...]) -> None:
    given = [key for key in keys if key in model.model_fields_set]
    if len(given) != 1:
        listed = ", ".join(f"`{key}`" for key in keys)
        found = "none is there" if not given else "write each in an entry of its own"
        raise wrong(Mistake(f"needs exactly one of {listed}", found, at=(given[1],) if given else ()))


class Trigger(Authored):
    """When a goal starts; exactly one of the three."""

    intent: OneOrMany[Line] = Field(default=(), max_length=MAX_EXAMPLES)
    """Examples of what the player may mean."""
    event: Id | None = None
    """A `game.event` by name."""
    keyword: OneOrMany[Line] = Field(default=(), max_length=MAX_EXAMPLES)
    """Words the player says."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, ("intent", "event", "keyword"))
        return self


class Feeling(Authored):
    """An emotion to show."""

    label: EmotionLabel
    intensity: Fraction = 0.5


class RelationChange(Authored):
    """How much each axis moves."""

    trust: Signed = 0.0
    respect: Signed = 0.0
    familiarity: Signed = 0.0
    affection: Signed = 0.0


class GoalEvent(Authored):
    """Something the game is told."""

    name: Id
    params: Mapping[Id, Annotated[Scalar, PlainValidator(_parameter, json_schema_input_type=Scalar)]] = Field(
        default_factory=dict, max_length=MAX_PARAMETERS
    )


def _event(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class Step(Authored):
    """One thing that a goal does; exactly one of the seven."""

    emotion: Feeling | None = None
    instruct: Prose | None = None
    """What the model is told."""
    say: Line | None = None
    """A line that is spoken as it is."""
    action: Id | None = None
    relate: RelationChange | None = None
    event: Annotated[GoalEvent, BeforeValidator(_event, json_schema_input_type=Id | GoalEvent)] | None = None
    """An event for the game; goals of this character that wait for it start too."""
    done: Id | None = None
    """Something that counts as done from now on, such as another goal or a stage of a quest."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, ("emotion", "instruct", "say", "action", "relate", "event", "done"))
        return self


class Goal(Authored):
    """Something the character does when its moment comes."""

    id: Id
    when: Trigger
    require: Items[ConditionText] = ()
    """Conditions that must all hold."""
    do: Items[Step] = Field(default=(), min_length=1)
    repeatable: bool = False
    cooldown: Duration = 0.0


def repeated_ids(goals: tuple[Goal, ...]) -> list[Mistake]:
    """Goals whose id another one has already."""
    seen: dict[str, int] = {}
    mistakes = []
    for index, goal in enumerate(goals):
        if seen.setdefault(goal.id, index) != index:
            mistakes.append(Mistake(f"the goal `{goal.id}` is there twice", "give it another id", (index, "id")))
    return mistakes
