"""The commit gate: what a turn has ready waits here until the player has really finished, or is thrown away.

Work may start before the end of the player's turn is certain. Nothing of it may have an effect before that.
"""

from collections.abc import Callable

from npc_runtime import events

Effect = Callable[[], None]


class Outbox:
    """Holds events and effects in order until it is opened; from then on everything passes at once.

    Args:
        deliver: Receives the events.
    """

    def __init__(self, deliver: Callable[[events.Event], None]) -> None:
        self._deliver = deliver
        self._waiting: list[Effect] | None = []

    @property
    def open(self) -> bool:
        """Whether the turn is committed."""
        return self._waiting is None

    def put(self, event: events.Event) -> None:
        """Let an event leave now, or once the turn is committed."""
        self.then(lambda: self._deliver(event))

    def then(self, effect: Effect) -> None:
        """Run an effect now, or once the turn is committed, in order with the events."""
        if self._waiting is None:
            effect()
        else:
            self._waiting.append(effect)

    def commit(self) -> None:
        """Open: what is ready leaves in order, the rest follows as it is made."""
        waiting, self._waiting = self._waiting or [], None
        for effect in waiting:
            effect()

    def discard(self) -> None:
        """Forget what waits; what is still put in is forgotten, too."""
        self._waiting = []
        self._deliver = _forget


def _forget(_: events.Event) -> None:
    """What a turn that was taken back says reaches nobody."""
