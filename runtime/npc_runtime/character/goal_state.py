"""How far a character's goals are: what is done, and when each goal last started. Part of a saved game."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, ValidationError

from npc_runtime.content.fields import Id
from npc_runtime.errors import InputError

MAX_IDS = 10_000
"""Goals and marks that a state holds; it comes from saved games, which are not ours."""
_Time = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time."""

    clock: float = 0.0
    """Clock time in seconds."""
    game: float | None = None
    """Game time in seconds; None when the game tells none."""


@dataclass(frozen=True, slots=True)
class Started:
    """What is remembered of a goal that has started."""

    count: Annotated[int, Field(ge=1)]
    clock: _Time
    """Clock time of the last start, in seconds."""
    game: _Time | None = None
    """Game time of it, in seconds."""


@dataclass(frozen=True, slots=True)
class GoalState:
    """The state of all goals of one character; every change gives a new one."""

    done: frozenset[str] = frozenset()
    """Goals that have started, and whatever goals marked as done."""
    started: Mapping[str, Started] = field(default_factory=lambda: MappingProxyType({}))
    """Id of a goal → its starts."""

    def start(self, goal: str, moment: Moment, marks: Iterable[str] = ()) -> Self:
        """The state after a goal has started.

        Args:
            goal: Its id.
            moment: When.
            marks: What it marks as done besides itself.
        """
        before = self.started.get(goal)
        count = 1 if before is None else before.count + 1
        started = {**self.started, goal: Started(count, moment.clock, moment.game)}
        return replace(self, done=self.done | {goal, *marks}, started=MappingProxyType(started))

    def remaining(self, goal: str, cooldown: float, moment: Moment) -> float:
        """Seconds until a goal may start again; 0 when it may.

        Game time counts where the game gives it, the clock otherwise. A time before the last start means that an older
        save was loaded, or that the runtime was started anew: then nothing has to be waited for.
        """
        last = self.started.get(goal)
        if last is None:
            return 0.0
        timed = moment.game is not None and last.game is not None
        passed = (moment.game or 0.0) - (last.game or 0.0) if timed else moment.clock - last.clock
        return max(0.0, cooldown - passed) if passed >= 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """The state as JSON data; `from_json` gives exactly the same one back."""
        return {
            "done": sorted(self.done),
            "started": {goal: asdict(started) for goal, started in sorted(self.started.items())},
        }

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read what `to_json` made.

        Raises:
            InputError: It is something else.
        """
        try:
            saved = _SAVED.validate_python(data)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            message = f"the saved state of the goals cannot be read: `{where}` is wrong"
            raise InputError(message, hint="the save is damaged, or from another version") from error
        return cls(frozenset(saved.done), MappingProxyType(saved.started))


@dataclass(frozen=True, slots=True)
class _Saved:
    done: Annotated[list[Id], Field(max_length=MAX_IDS)]
    started: Annotated[dict[Id, Started], Field(max_length=MAX_IDS)]


_SAVED = TypeAdapter(_Saved)
