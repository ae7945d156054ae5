"""What an action is judged by: who acts, where, and how they stand to the player."""

from dataclasses import dataclass, field

from npc_runtime.content.conditions import MOOD_AXES, Axis, MoodAxis
from npc_runtime.events import Pad, Relation
from npc_runtime.scene import Player, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything around one moment of one character; answers the conditions of authored files."""

    scene: Scene = field(default_factory=Scene)
    player: Player = field(default_factory=Player)
    character: str = ""
    """Id of the character who acts; it is never the object of its own action."""
    relation: Relation = field(default_factory=Relation)
    """How the character stands to the player."""
    done: frozenset[str] = frozenset()
    """Ids of goals and actions that have been done."""
    moods: Pad = (0.0, 0.0, 0.0)
    """The character's mood."""
    known: frozenset[str] = frozenset()
    """Tags of the facts that the character knows by now."""
    met: bool = False
    """Whether the character has talked with the player before."""
    now: float = 0.0
    """Clock time in seconds."""

    def standing(self, axis: Axis) -> float:
        """One axis of the relation, -1..1."""
        value: float = getattr(self.relation, axis)
        return value

    def in_scene(self, name: str) -> bool:
        """Whether the place, an entity or a character here has this id or name, or an entity this tag."""
        wanted = name.strip().casefold()
        here = [self.scene.location]
        for entity in self.scene.entities:
            here += (entity.id, entity.name, *entity.tags)
        for presence in self.scene.characters:
            here += (presence.id, presence.name)
        return any(word and word.casefold() == wanted for word in here)

    def is_done(self, name: str) -> bool:
        """Whether a goal or action has been done."""
        return name in self.done

    def mood(self, axis: MoodAxis) -> float:
        """One axis of the mood, -1..1."""
        return self.moods[MOOD_AXES.index(axis)]

    def game_time(self) -> float | None:
        """Game time in seconds; None when the game tells none."""
        return self.scene.time

    def knows(self, tag: str) -> bool:
        """Whether the character knows a fact with this tag by now."""
        return tag.strip().casefold() in self.known

    def has_met(self) -> bool:
        """Whether the character has talked with the player before."""
        return self.met
