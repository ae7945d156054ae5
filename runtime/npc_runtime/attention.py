"""Attention: whom the player talks to, as far as the game and the player's words tell."""

from npc_runtime.clock import Clock
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import InputError
from npc_runtime.session import Session

AGAIN_SECONDS = 120.0
"""Who was talked to within this time is not greeted again."""


class Attention:
    """Whom the player talks to.

    Args:
        session: Knows the characters, and who is there.
        clock: Time.
    """

    def __init__(self, session: Session, clock: Clock) -> None:
        self.turned_to: CharacterFile | None = None
        """To whom the player has turned."""
        self.last: str | None = None
        """Id of who spoke last."""
        self._roams = False
        """Whether the player speaks without having turned to anybody."""
        self._session = session
        self._clock = clock
        self._talked: dict[str, float] = {}
        """When somebody last talked."""

    @property
    def facing(self) -> CharacterFile | None:
        """To whom the player speaks who says no name: to whom they turned, or whom the scene points to."""
        if self.turned_to is None and self._roams:
            return self._session.addressed("", None, self.last)
        return self.turned_to

    def whom(self) -> CharacterFile:
        """The same, who must be there.

        Raises:
            InputError: Nobody is.
        """
        facing = self.facing
        if facing is None:
            hint = "send talk.start first, or tell who is there with `scene`"
            raise InputError("Nobody is being talked to.", hint=hint, code="wrong_order")
        return facing

    def listen(self) -> None:
        """The player begins to speak aloud, be it to nobody in particular.

        Raises:
            InputError: Nobody can be meant.
        """
        self._roams = self.turned_to is None
        self.whom()

    def turn_to(self, character: CharacterFile) -> None:
        """The player turns to a character."""
        self.turned_to, self._roams = character, False

    def meant_by(self, text: str, to: str | None) -> CharacterFile:
        """Whom the player means.

        Args:
            text: What the player says.
            to: Id, name or alias of whom the game names.

        Raises:
            InputError: Nobody can be meant, or there is no such character.
        """
        if to is not None:
            return self._session.character(to)
        meant = self._session.addressed(text, self.turned_to, self.last)
        if meant is None:
            hint = "send talk.start first, say `to`, or tell who is there with `scene`"
            raise InputError("Nobody is being talked to.", hint=hint, code="wrong_order")
        return meant

    def redirected(self, character: CharacterFile, text: str) -> CharacterFile:
        """Whom the player means who has turned to a character and says this."""
        return self._session.addressed(text, character, self.last) or character

    def is_strange(self, character: CharacterFile) -> bool:
        """Whether a character has not been talked to lately; from now on it has."""
        now = self._clock.now()
        strange = now - self._talked.get(character.id, -AGAIN_SECONDS) >= AGAIN_SECONDS
        if strange:
            self._talked[character.id] = now
        return strange

    def spoke(self, character: CharacterFile) -> None:
        """A character has spoken to the player."""
        self._talked[character.id] = self._clock.now()
        self.last = character.id

    def leave(self) -> None:
        """The player turns away, and speaks to nobody."""
        self.turned_to = self.last = None
        self._roams = False
