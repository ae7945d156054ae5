"""Story: what goes on beside the player's own words: events of the game, and characters who talk among themselves.

Both wait for their turn: only one character speaks at a time, and the player goes first.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from npc_runtime import events
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import ContentError, InputError
from npc_runtime.events import Scalar
from npc_runtime.outgoing import Outgoing
from npc_runtime.performance import Performance
from npc_runtime.session import Session
from npc_runtime.stage import Stage

MOST_WAITING = 32
"""Events, times characters who perceive them, that may wait; the oldest give way."""
MOST_WITNESSES = 16
"""Characters who perceive one event."""
TURNS = 6
"""Turns of a talk among characters, unless the game says otherwise."""
_MOST_WORDS = 300
"""Characters of an event in words."""


@dataclass(slots=True)
class _Talk:
    """Characters who talk among themselves."""

    characters: Sequence[CharacterFile]
    topic: str
    left: int
    """Turns that may follow."""
    turn: int = 0
    line: str = ""
    """What was said last."""


class Story:
    """What happens in one session.

    Args:
        session: What the player and the characters share.
        stage: Where turns happen.
        outgoing: Where everything for the game leaves.
        silent: Whether nobody is speaking to a character now, not even the player.
    """

    def __init__(self, session: Session, stage: Stage, outgoing: Outgoing, *, silent: Callable[[], bool]) -> None:
        self._session = session
        self._stage = stage
        self._outgoing = outgoing
        self._silent = silent
        self._waiting: deque[tuple[CharacterFile, str, str]] = deque(maxlen=MOST_WAITING)
        self._talk: _Talk | None = None

    def happened(self, name: str, params: Mapping[str, Scalar], witnesses: Sequence[CharacterFile]) -> None:
        """Something happened in the game.

        Args:
            name: Of the event.
            params: What the game tells about it; `text` says it in words that characters then know.
            witnesses: Who perceives it.
        """
        told = params.get("text")
        words = " ".join(told.split())[:_MOST_WORDS] if isinstance(told, str) else ""
        if len(self._waiting) + len(witnesses) > MOST_WAITING:
            self._outgoing.put(
                events.Notice(code="events_dropped", message="So much happens at once that characters miss some of it.")
            )
        self._waiting += [(character, name, words) for character in witnesses[:MOST_WITNESSES]]
        self.go_on()

    def converse(self, characters: Sequence[CharacterFile], topic: str, turns: int | None) -> None:
        """Let characters talk among themselves until they have had their turns, or the player speaks.

        Raises:
            InputError: They are fewer than two.
        """
        if len({character.id for character in characters}) < 2:
            raise InputError("A talk needs two characters.", hint="name different ones", code="bad_message")
        self._stage.stop()
        self._talk = _Talk(characters, topic, turns or TURNS)
        self.go_on()

    def leave(self) -> None:
        """The player speaks, or wants silence: characters who talk among themselves stop."""
        self._talk = None

    def begin_anew(self) -> None:
        """Another story begins: nothing of this one is waited for."""
        self._talk = None
        self._waiting.clear()

    def over(self, on: Performance) -> None:
        """A turn has left the stage."""
        if self._talk is not None and on.partner is not None and on.turn is not None:
            said = [one.text for one in on.turn.lived if one.source == "said"]
            self._talk.line = said[-1] if said else ""
            if not said:  # whoever has nothing to say ends a talk
                self._talk = None
        self.go_on()

    def go_on(self) -> None:
        """Let the next thing happen, if nobody speaks."""
        if not self._silent():
            return
        if self._waiting:
            self._stage.happen(*self._waiting.popleft())
        elif self._talk is not None and self._talk.left > 0:
            talk = self._talk
            speaker = talk.characters[talk.turn % len(talk.characters)]
            listener = talk.characters[(talk.turn + (1 if talk.turn == 0 else -1)) % len(talk.characters)]
            talk.turn += 1
            talk.left -= 1
            self._stage.converse(speaker, listener, talk.line, talk.topic)
        else:
            self._talk = None


def witnesses_of(session: Session, name: str, addressed: CharacterFile | None) -> list[CharacterFile]:
    """Who perceives an event that the game tells nobody in particular.

    Those in the scene who can hear, and whoever the player talks to; where the game tells no scene, everyone whose
    goals wait for the event.
    """
    present = [presence.id for presence in session.scene.characters if presence.can_hear]
    found = [addressed] if addressed is not None else []
    for id in present:
        try:
            found.append(session.character(id))
        except (InputError, ContentError):
            continue  # somebody whom only the game knows
    if not present:
        found += [one for one in session.characters() if any(goal.when.event == name for goal in one.goals)]
    return list({character.id: character for character in found}.values())
