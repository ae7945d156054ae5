"""What came of one turn of a conversation, as its author looks at it."""

from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime import events


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a character said, did and felt in one turn."""

    player: str
    """What the player said."""
    said: str
    actions: tuple[events.Action, ...]
    emotions: tuple[events.Emotion, ...]
    """What was felt, in order; the last one has the mood and the relation that hold afterwards."""
    before: events.Relation
    """How the character stood to the player when the turn began."""
    failure: str = ""
    """Why there was no answer; empty if there was one."""

    @property
    def mood(self) -> events.Mood | None:
        """The mood after the turn; None if nothing was felt."""
        return self.emotions[-1].mood if self.emotions else None

    @property
    def after(self) -> events.Relation:
        """How the character stands to the player after the turn."""
        return self.emotions[-1].relation if self.emotions else self.before


def outcome(player: str, character: str, told: Sequence[events.Event], before: events.Relation) -> Outcome:
    """Sum up what a game was told in one turn.

    Args:
        player: What the player said.
        character: Id of the character who was spoken to.
        told: The events, in order.
        before: How the character stood to the player when the turn began.
    """
    errors = [event for event in told if isinstance(event, events.Error)]
    return Outcome(
        player,
        " ".join(event.text for event in told if isinstance(event, events.Say)),
        tuple(event for event in told if isinstance(event, events.Action)),
        tuple(event for event in told if isinstance(event, events.Emotion) and event.character == character),
        before,
        " ".join(error.message for error in errors),
    )
