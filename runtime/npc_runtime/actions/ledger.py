"""What a character has done: once per turn, and not again before its cooldown is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from npc_runtime.actions.situation import Situation
from npc_runtime.content.action import Scalar

_Key = tuple[str, str | None, tuple[tuple[str, Scalar], ...]]
_MOST_RUNS = 64
"""Times that an action has run which are kept, as each of them may turn out not to have come about."""


@dataclass(frozen=True, slots=True)
class _Run:
    """When an action ran."""

    id: str
    clock: float
    """Clock time, seconds."""
    game: float | None
    """Game time, seconds."""


@dataclass(slots=True)
class Ledger:
    """The actions of one character in one session."""

    _turn: set[_Key] = field(default_factory=set)
    _runs: dict[str, tuple[_Run, ...]] = field(default_factory=dict)
    """Action → when it ran, the latest last."""

    def copy(self) -> "Ledger":
        """One to be gone on with apart from this one."""
        return Ledger(set(self._turn), dict(self._runs))

    def begin_turn(self) -> None:
        """Forget what ran in the turn before; cooldowns go on."""
        self._turn.clear()

    def record(
        self, name: str, args: Mapping[str, Scalar], target: str | None, situation: Situation, *, id: str = ""
    ) -> None:
        """Note that an action runs; its id is needed to undo that."""
        self._turn.add(_key(name, args, target))
        run = _Run(id, situation.now, situation.scene.time)
        self._runs[name] = (*self._runs.get(name, ()), run)[-_MOST_RUNS:]

    def undo(self, name: str, id: str) -> None:
        """An action did not come about: it does not count as done, and may be tried again in another turn."""
        self._runs[name] = tuple(run for run in self._runs.get(name, ()) if run.id != id)

    def ran_this_turn(self, name: str, args: Mapping[str, Scalar], target: str | None) -> bool:
        """Whether the same action with the same arguments has run, or was tried, in this turn."""
        return _key(name, args, target) in self._turn

    @property
    def done(self) -> frozenset[str]:
        """Names of the actions that have run."""
        return frozenset(name for name, runs in self._runs.items() if runs)

    def remaining(self, name: str, cooldown: float, situation: Situation) -> float:
        """Seconds until an action may run again; 0 when it may.

        Game time counts where the game gives it, the clock otherwise. A time before the last run means that an older
        save was loaded: then nothing has to be waited for.
        """
        if not (runs := self._runs.get(name)):
            return 0.0
        last, time = runs[-1], situation.scene.time
        passed = time - last.game if time is not None and last.game is not None else situation.now - last.clock
        return max(0.0, cooldown - passed) if passed >= 0 else 0.0


def _key(name: str, args: Mapping[str, Scalar], target: str | None) -> _Key:
    return name, target, tuple(sorted(args.items()))
