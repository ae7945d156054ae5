"""What characters may know: `knowledge/*.yaml`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from npc_runtime.content.fields import (
    Authored,
    AuthoredFile,
    ConditionText,
    Fraction,
    Id,
    Items,
    Line,
    Mistake,
    OneOrMany,
    Prose,
    Tag,
    wrong,
)

Era = Literal["medieval", "early_modern", "industrial", "modern", "future"]
"""How far a world has come. `medieval` is what most fantasy is, and stands for everything before gunpowder."""
MAX_KEYS = 64
"""Keys of one fact."""
USUAL_PRIORITY = 0.5


class WorldSpec(Authored):
    """The world in which the characters live who have this pack; strict filters go by it."""

    era: Era | None = None
    """Follows from the words of the content unless given."""
    earth: bool | None = None
    """Whether the countries and cities of our Earth exist; follows from the words of the content unless given."""
    has: OneOrMany[Line] = ()
    """What exists in spite of the era, in words as players say them, such as `robots` or `telephone`."""


class Fact(Authored):
    """One thing that can be known."""

    text: Prose
    tags: OneOrMany[Tag] = ()
    """Words by which it is found, too."""
    keys: OneOrMany[Line] = Field(default=(), max_length=MAX_KEYS)
    """Words or phrases that bring it to mind for certain, as the keys of a lorebook do."""
    always: bool = False
    """Whether it is in mind whatever is being said; such facts have at most half of the room."""
    priority: Fraction = USUAL_PRIORITY
    """Which comes first of facts that matter as much: the higher one."""
    known_by: OneOrMany[Tag] = ()
    """Characters, by id, name or alias, or groups of characters; everyone who has the pack if it is empty."""
    secret: bool = False
    """Whether those who know it keep it to themselves."""
    tell_when: OneOrMany[ConditionText] = ()
    """Conditions that must all hold before a secret is told; without any it never is."""
    after: Id | None = None
    """The `game.event` from which on it is known; from the beginning unless given."""

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if self.tell_when and not self.secret:
            raise wrong(Mistake("`tell_when` is for secrets", "add `secret: true`", ("tell_when",)))
        return self


class KnowledgeFile(AuthoredFile):
    """`knowledge/*.yaml`."""

    facts: Items[Fact] = Field(min_length=1)
    world: WorldSpec | None = None
