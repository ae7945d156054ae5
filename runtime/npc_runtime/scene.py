"""What the game says is around the player: the facts that speech, prompt and actions may rely on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that can be named in an action."""

    id: str
    name: str = ""
    """What people call it; the id when the game gives none."""
    tags: tuple[str, ...] = ()
    distance: float | None = None
    """Metres from the character."""

    @property
    def label(self) -> str:
        """The name people use for it."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Presence:
    """A character who is there."""

    id: str
    name: str = ""
    distance: float | None = None
    looking_at_player: bool = False
    can_hear: bool = True


@dataclass(frozen=True, slots=True)
class Player:
    """Who plays."""

    id: str = "player"
    name: str = "Traveller"


@dataclass(frozen=True, slots=True)
class Scene:
    """The whole scene; a game replaces it as one."""

    location: str = ""
    time: float | None = None
    """Game time in seconds."""
    mood: str = ""
    facts: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    characters: tuple[Presence, ...] = ()
