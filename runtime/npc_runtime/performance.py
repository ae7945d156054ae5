"""Performance: one turn on the stage, from the first guess at the player's words until its last sound is heard."""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from npc_runtime.content.character import CharacterFile
from npc_runtime.outbox import Outbox
from npc_runtime.playout import Playout
from npc_runtime.scene import Player
from npc_runtime.speech import Samples
from npc_runtime.trace import Trace
from npc_runtime.turn import Turn


@dataclass(slots=True, eq=False)
class Performance:
    """A turn that is prepared, or committed, or played."""

    character: CharacterFile
    outbox: Outbox
    trace: Trace
    playout: Playout
    revision: int = 0
    """The pause of the player that it answers; 0 when there was none."""
    partner: Player | None = None
    """To whom the character speaks; None: the player."""
    spoken: Samples | None = None
    """What the player said, 16 kHz mono; None for typed words, and for what the character says of its own accord."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Everything that works for it."""
    committed: anyio.Event = field(default_factory=anyio.Event)
    turn: Turn | None = None
    """None while the words are still being recognised."""

    place: Callable[[], None] | None = None
    """Leaves its place among the turns that are made."""

    @property
    def number(self) -> int:
        """Of the turn; 0 as long as there is none."""
        return self.turn.number if self.turn is not None else 0

    def leave_place(self) -> None:
        """Let another turn have its place, if it had one."""
        place, self.place = self.place, None
        if place is not None:
            place()

    def cancel(self) -> None:
        """Stop all work for it; others need not wait until it has unwound."""
        self.scope.cancel()
        self.leave_place()

    def commit(self) -> None:
        """The player has finished: let what is ready out, and the rest as it is made."""
        self.trace.mark("endpoint")
        self.outbox.commit()
        self.committed.set()

    def withdraw(self) -> None:
        """Stop all work for it, and let nothing more out."""
        self.cancel()
        self.outbox.discard()
