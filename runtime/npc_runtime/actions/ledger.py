"""What a character has done: once per turn, and not again before its cooldown is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from npc_runtime.actions.situation import Situation
from npc_runtime.content.action import Scalar

_Key = tuple[str, str | None, tuple[tuple[str, Scalar], ...]]


@dataclass(slots=True)
class Ledger:
    """The actions of one character in one session."""

    _turn: set[_Key] = field(default_factory=set)
    _last: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    """Action → clock time and game time when it last ran."""

    def begin_turn(self) -> None:
        """Forget what ran in the turn before; cooldowns go on."""
        self._turn.clear()

    def record(self, name: str, args: Mapping[str, Scalar], target: str | None, situation: Situation) -> None:
        """Note that an action runs."""
        self._turn.add(_key(name, args, target))
        self._last[name] = (situation.now, situation.scene.time)

    def undo(self, name: str) -> None:
        """An action did not come about: it may be tried again, and does not count as done."""
        self._last.pop(name, None)

    def ran_this_turn(self, name: str, args: Mapping[str, Scalar], target: str | None) -> bool:
        """Whether the same action with the same arguments has run in this turn."""
        return _key(name, args, target) in self._turn

    @property
    def done(self) -> frozenset[str]:
        """Names of the actions that have run."""
        return frozenset(self._last)

    def remaining(self, name: str, cooldown: float, situation: Situation) -> float:
        """Seconds until an action may run again; 0 when it may.

        Game time counts where the game gives it, the clock otherwise. A time before the last run means that an older
        save was loaded: then nothing has to be waited for.
        """
        if name not in self._last:
            return 0.0
        clock, game = self._last[name]
        time = situation.scene.time
        passed = time - game if time is not None and game is not None else situation.now - clock
        return max(0.0, cooldown - passed) if passed >= 0 else 0.0


def _key(name: str, args: Mapping[str, Scalar], target: str | None) -> _Key:
    return name, target, tuple(sorted(args.items()))
