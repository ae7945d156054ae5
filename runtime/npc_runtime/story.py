"""Story: what goes on beside the player's own words: events of the game, and characters who talk among themselves.

Both wait for their turn: only one character speaks at a time, and the player goes first.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio

from npc_runtime import events
from npc_runtime.character.impulse import Incident
from npc_runtime.character.prospects import News
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
_OPENING_SECONDS = 5.0
"""How long a game waits for the memory to open; what fails then is told as it happens."""
_MOST_WORDS = 300
"""Characters of an event in words."""


@dataclass(frozen=True, slots=True)
class _Happening:
    """An event of the game, as one character will perceive it."""

    character: str
    """Its id: the character itself may be edited while the event waits."""
    incident: Incident


@dataclass(slots=True)
class _Talk:
    """Characters who talk among themselves."""

    characters: Sequence[str]
    """Their ids."""
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
        self._waiting: deque[_Happening] = deque()
        self._unnoticed: _Happening | None = None
        """What has entered the stage, and nobody knows of yet."""
        self._talk: _Talk | None = None

    def happened(self, name: str, params: Mapping[str, Scalar], witnesses: Sequence[CharacterFile]) -> None:
        """Something happened in the game.

        Args:
            name: Of the event.
            params: What the game tells about it; `text` says it in words that characters then know, otherwise a trigger
                of the scene's file may. See `News.of` for what it means to them.
            witnesses: Who perceives it.
        """
        told = params.get("text")
        trigger = self._session.library.trigger(name, self._session.scene.location)
        if not isinstance(told, str):
            told = trigger.tell if trigger is not None else ""
        words = " ".join(told.split())[:_MOST_WORDS]
        incident = Incident(name, words, News.of(name, params))
        self._waiting += [_Happening(character.id, incident) for character in witnesses[:MOST_WITNESSES]]
        if len(self._waiting) > MOST_WAITING or len(witnesses) > MOST_WITNESSES:
            self._outgoing.put(
                events.Notice(code="events_dropped", message="So much happens at once that characters miss some of it.")
            )
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
        self.go_on()

    def converse(self, characters: Sequence[CharacterFile], topic: str, turns: int | None) -> None:
        """Let characters talk among themselves until they have had their turns, or the player speaks.

        Raises:
            InputError: They are fewer than two.
        """
        ids = list(dict.fromkeys(character.id for character in characters))
        if len(ids) < 2:
            raise InputError("A talk needs two characters.", hint="name different ones", code="bad_message")
        self._talk = None  # another talk ends here
        self._stage.stop()
        self._talk = _Talk(ids, topic, turns or TURNS)
        self.go_on()

    async def open(self, slot: str | None, opened: Callable[[], Awaitable[None]] | None) -> None:
        """Begin with what the characters remember.

        Args:
            slot: The save of the game that is played, if the game says so.
            opened: Waits until what they remember can be used.
        """
        if opened is not None:
            with anyio.move_on_after(_OPENING_SECONDS):
                await opened()
        if slot is None:
            return
        if not self._session.alone:  # for them the story goes on
            message = f"Others play in this world already: the save `{slot}` is not loaded."
            hint = "send `load` to go back to it for everyone, or give `client.name` another name"
            return self._outgoing.put(events.Notice(code="save_in_play", message=message, hint=hint))
        try:
            await self._session.load(slot)
        except InputError:  # it was made without us: nobody may remember another story
            await self._session.begin()
            message = f"Nobody remembers anything of the save `{slot}`: a new story begins."
            self._outgoing.put(events.Notice(code="unknown_slot", message=message))

    async def load(self, slot: str) -> None:
        """Go back to a save of the game; whatever is being said belongs to another story.

        Raises:
            InputError: There is no such save; nothing was changed.
        """
        await self._session.load(slot)
        self.begin_anew()
        self._stage.withdraw()
        self._stage.stop()
        self._outgoing.put(events.Loaded(slot=slot))

    def leave(self) -> None:
        """The player speaks, or wants silence: characters who talk among themselves stop."""
        self._talk = None

    def begin_anew(self) -> None:
        """Another story begins: nothing of this one is waited for."""
        self._talk = self._unnoticed = None
        self._waiting.clear()

    def over(self, on: Performance) -> None:
        """A turn has left the stage; `go_on` follows unless another one takes its place."""
        if self._unnoticed is not None:  # the player came first: it is perceived afterwards
            self._waiting.appendleft(self._unnoticed)
            self._unnoticed = None
        if self._talk is not None and on.partner is not None and on.turn is not None:
            said = [one.text for one in on.turn.lived if one.source == "said"]
            self._talk.line = said[-1] if said else ""
            if not said:  # whoever has nothing to say ends a talk
                self._talk = None

    def go_on(self) -> None:
        """Let the next thing happen, if nobody speaks."""
        if not self._silent():
            return
        while self._waiting:
            happening = self._waiting.popleft()
            if character := self._known(happening.character):
                self._unnoticed = happening
                self._stage.happen(character, happening.incident, perceived=self._noticed)
                return
        talk = self._talk
        if talk is None or talk.left == 0:
            self._talk = None
            return
        there = [self._known(id) for id in talk.characters]
        speaker = there[talk.turn % len(there)]
        listener = there[(talk.turn + (1 if talk.turn == 0 else -1)) % len(there)]
        if speaker is None or listener is None:
            self._talk = None
            return
        talk.turn += 1
        talk.left -= 1
        self._stage.converse(speaker, listener, talk.line, talk.topic)

    def _noticed(self) -> None:
        self._unnoticed = None

    def _known(self, id: str) -> CharacterFile | None:
        """A character as its file is now; None when it is gone."""
        try:
            return self._session.character(id)
        except InputError:
            return None


def witnesses_of(session: Session, name: str, addressed: CharacterFile | None) -> list[CharacterFile]:
    """Who perceives an event that the game tells nobody in particular.

    Those whom a trigger of the scene's file names; otherwise those in the scene who can hear, and whoever the player
    talks to; where the game tells no scene, everyone whose goals wait for the event.
    """
    trigger = session.library.trigger(name, session.scene.location)
    if trigger is not None and trigger.to:
        return [one for one in session.library.characters() if one.id in trigger.to]
    present = [presence.id for presence in session.scene.characters if presence.can_hear]
    found = [addressed] if addressed is not None else []
    for id in present:
        try:
            found.append(session.character(id))
        except (InputError, ContentError):
            continue  # somebody whom only the game knows
    if not present:
        found += [one for one in session.library.characters() if any(goal.when.event == name for goal in one.goals)]
    return list({character.id: character for character in found}.values())
