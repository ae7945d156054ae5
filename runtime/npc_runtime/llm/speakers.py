"""Speaker labels: knows `Name:` at the start of a line from words before a colon."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

_OWN = ("assistant", "npc", "ai")
_PLAYER = ("user", "player", "human", "system")


class Role(Enum):
    """Whose line a label opens."""

    OWN = auto()
    ALLOWED = auto()
    """Another character who may speak in this reply."""
    FOREIGN = auto()
    """The player, or a character who may not."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label that was found."""

    role: Role
    name: str


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


class LabelReader:
    """Watches the start of a line for a label; only exact names count, in any case.

    Args:
        speaker: Who answers.
        aliases: The speaker's other names.
        others: Characters around.
        player: The player's name.
        may_speak: Those of the others who may speak in this reply.
    """

    def __init__(
        self, *, speaker: str, aliases: Sequence[str], others: Sequence[str], player: str, may_speak: Sequence[str]
    ) -> None:
        self._labels: dict[str, Label] = {}
        foreign = [*_PLAYER, player, *others]
        for names, role in ((foreign, Role.FOREIGN), (may_speak, Role.ALLOWED), (_OWN, Role.OWN)):
            self._labels |= {_key(name): Label(role, name) for name in names if _key(name)}
        self._labels |= {_key(name): Label(Role.OWN, speaker) for name in (*aliases, speaker) if _key(name)}
        self._own = {key for key, label in self._labels.items() if label.role is Role.OWN}
        self._open = True
        self._after_own = False
        self._held = ""

    @property
    def held(self) -> str:
        """Text that may still turn out to be a label."""
        return self._held

    @property
    def holds_name(self) -> bool:
        """Whether only the colon is missing, as in `Brannoc (smiling): …`."""
        return _key(self._held) in self._labels

    def push(self, character: str) -> str | Label:
        """Take one character.

        Returns:
            The text that is certainly no label, or the label that this character, its colon, completes.
        """
        if not self._open:
            return character
        if character == " " and not self._held:
            return character
        self._held += character
        if character in ":：":
            return self._colon()
        key = _key(self._held)
        candidates = self._own if self._after_own else self._labels
        if len(self._held) <= 120 and any(name.startswith(key) for name in candidates):
            return ""
        return self.release()

    def release(self) -> str:
        """Give up on this line: the text that was held."""
        text, self._held = self._held, ""
        self._open = False
        return text

    def newline(self) -> None:
        """Start over: a new line begins. Call `release` first."""
        self._open = True
        self._after_own = False

    def _colon(self) -> str | Label:
        label = self._labels.get(_key(self._held[:-1]))
        if label is None or (self._after_own and label.role is not Role.OWN):
            return self.release()
        self._held = ""
        self._after_own = True
        return label
