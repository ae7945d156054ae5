"""Conversations that authors check: `tests/*.yaml`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, PlainValidator
from pydantic import Tag as Alternative

from npc_runtime.content.action import Scalar
from npc_runtime.content.conditions import Axis
from npc_runtime.content.fields import (
    Authored,
    AuthoredFile,
    FileId,
    Id,
    Items,
    Line,
    Mistake,
    OneOrMany,
    Prose,
    wrong,
)
from npc_runtime.content.scene_file import SceneSpec
from npc_runtime.events import EmotionLabel

NO_ACTION = "none"
"""The name of the action that is expected when nothing is to be done."""
COMPARISON = r"^\s*(<|<=|>|>=|==)\s*-?[0-9]{1,3}(\.[0-9]{1,6})?\s*$"
RELATION = r"^(increases|decreases|unchanged|\s*(<|<=|>|>=|==)\s*-?[0-9]{1,3}(\.[0-9]{1,6})?\s*)$"

Comparison = Annotated[str, Field(pattern=COMPARISON)]
"""Such as `< 0`."""
Change = Annotated[str, Field(pattern=RELATION)]
"""`increases`, `decreases`, `unchanged`, or a comparison."""


def _argument(value: object) -> Scalar:
    if isinstance(value, str | int | float):
        return value
    raise wrong(Mistake("this must be a word, a number, true or false"))


class MoodExpectation(Authored):
    """What the mood is after a turn."""

    pleasure: Comparison | None = None
    arousal: Comparison | None = None
    dominance: Comparison | None = None


class Expectation(Authored):
    """What a turn must bring."""

    action: Id | None = None
    """The action that is done; `none` for no action at all."""
    args: Mapping[Id, Annotated[Scalar, PlainValidator(_argument, json_schema_input_type=Scalar)]] = Field(
        default_factory=dict
    )
    """Arguments of that action; others are free."""
    emotion_in: OneOrMany[EmotionLabel] = ()
    said: OneOrMany[Line] = ()
    """Texts that the reply contains, in any case of letters."""
    not_said: OneOrMany[Line] = ()
    max_sentences: int | None = Field(default=None, ge=1, le=50)
    mood: MoodExpectation | None = None
    relation: Mapping[Axis, Change] = Field(default_factory=dict)


class ConversationTurn(Authored):
    """What the player says, and what must come of it."""

    player: Prose
    expect: Expectation = Expectation()


def _alternative(value: Any) -> str:
    return "id" if isinstance(value, str) else "scene"


class ConversationTest(AuthoredFile):
    """`tests/*.yaml`."""

    character: FileId
    scene: (
        Annotated[
            Annotated[FileId, Alternative("id")] | Annotated[SceneSpec, Alternative("scene")],
            Discriminator(_alternative),
        ]
        | None
    ) = None
    """A scene, or the id of a file in `scenes/`."""
    turns: Items[ConversationTurn] = Field(min_length=1)
