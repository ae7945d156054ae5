"""A scene as an author writes it: `scenes/*.yaml`, and the scene of a conversation test."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from npc_runtime.content.fields import Authored, AuthoredFile, EntityId, Id, Items, Line, Name, OneOrMany, Prose, Tag
from npc_runtime.scene import Entity, Presence, Scene

Distance = Annotated[float, Field(ge=0, le=1e6)]
"""Metres."""


class EntitySpec(Authored):
    """A thing that can be named in an action."""

    id: EntityId
    name: Name = ""
    tags: OneOrMany[Tag] = ()
    distance: Distance | None = None


class PresenceSpec(Authored):
    """A character who is there."""

    id: EntityId
    name: Name = ""
    distance: Distance | None = None
    looking_at_player: bool = False
    can_hear: bool = True


def _presence(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


class SceneTrigger(Authored):
    """Something that happens in the scene when its moment comes."""

    event: Id
    """The `game.event` that starts it."""
    tell: Prose
    """What the characters learn."""
    to: OneOrMany[EntityId] = ()
    """Who learns it; everyone who is there if it is empty."""


class SceneSpec(Authored):
    """A place and who and what is there."""

    place: Name = ""
    mood: Line = ""
    time: float | None = Field(default=None, ge=0, le=1e12)
    """Game time in seconds."""
    facts: Items[Line] = ()
    entities: Items[EntitySpec] = ()
    characters: Items[
        Annotated[PresenceSpec, BeforeValidator(_presence, json_schema_input_type=EntityId | PresenceSpec)]
    ] = ()
    triggers: Items[SceneTrigger] = ()

    def scene(self) -> Scene:
        """The scene as a game would send it."""
        return Scene(
            location=self.place,
            time=self.time,
            mood=self.mood,
            facts=self.facts,
            entities=tuple(Entity(e.id, e.name, e.tags, e.distance) for e in self.entities),
            characters=tuple(
                Presence(c.id, c.name, c.distance, c.looking_at_player, c.can_hear) for c in self.characters
            ),
        )


class SceneFile(AuthoredFile, SceneSpec):
    """`scenes/*.yaml`."""
