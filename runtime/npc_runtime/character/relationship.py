"""Relationships: how a character stands to a player or to another character, what moves that, and what it is called."""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import TypeAdapter, ValidationError

from npc_runtime.content.conditions import AXES, Axis
from npc_runtime.content.fields import Signed
from npc_runtime.errors import InputError
from npc_runtime.events import Relation
from npc_runtime.resources import bundled

Source = Literal["words", "rules", "author"]
"""Where a change comes from: the appraisal of what was said; the engine's rules about what was done, such as a promise
that was kept; a goal's `relate`."""
Level = Literal["very_low", "low", "middle", "high", "very_high"]
Bond = Literal[
    "enemy",
    "rival",
    "unwelcome",
    "confidant",
    "friend",
    "companion",
    "role_model",
    "acquaintance",
    "familiar_face",
    "stranger",
]

LIMITS: Mapping[Source, tuple[float, float]] = MappingProxyType(
    {"words": (0.05, 0.1), "rules": (0.3, 0.5), "author": (2.0, 2.0)}
)
"""By how much the changes of one turn from one source can raise and lower an axis.

Talk is cheap: flattery takes dozens of turns to make a friend. What is good counts for less than what is bad, after the
asymmetry of trust (Slovic 1993). An author may ask for anything.
"""
KNEE = 0.5
"""How far from 0 an axis moves freely; further out every step covers a share of what is left to the end."""
FAMILIARITY_PER_TURN = 0.02
"""Share of what is left to full familiarity that a turn of talk covers: from 0 to 0.18 in 10 turns, 0.64 in 50."""
_DIGITS = 6
"""Decimals that are kept, so that machines whose last bits differ agree."""
_SLIGHT, _GREAT = 0.2, 0.6
_MOST_LEVELS = 2
"""Levels that are told beside the bond: a prompt has little room."""
_MOST_NAME = 80
_TOLD: tuple[Axis, ...] = ("trust", "affection", "respect")
"""Familiarity has no words of its own: the bond says it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one cause does to a relationship."""

    source: Source
    by: Relation
    """By how much each axis moves."""


@dataclass(frozen=True, slots=True)
class _Saved:
    trust: Signed
    respect: Signed
    familiarity: Signed
    affection: Signed


_SAVED = TypeAdapter(_Saved)


@dataclass(frozen=True, slots=True)
class Relationship:
    """How one character stands to one other person. Every change gives a new one."""

    axes: Relation = field(default_factory=Relation)

    def standing(self, axis: Axis) -> float:
        """One axis, -1..1, as conditions ask for it."""
        value: float = getattr(self.axes, axis)
        return value

    def moved(self, changes: Iterable[Change]) -> Self:
        """The relationship after a turn; exactly the same in whatever order its changes are given.

        The changes of a source add up, within its `LIMITS`; what all sources add up to moves the axis: freely up to
        the knee k, from there towards the end by 1 - x' = (1 - x) · e^(-d / (1 - k)), and freely again on the way back.
        So nobody is ever at an end by small steps, and whoever is close to one can still fall out of favour at once.

        Args:
            changes: All of one turn, as the limits hold for each call. Words do not move familiarity: `talked` does.
        """
        changes = tuple(changes)
        return type(self)(Relation(**{axis: _moved(self.standing(axis), _total(axis, changes)) for axis in AXES}))

    def talked(self, turns: int = 1) -> Self:
        """The relationship after talking with each other: familiarity grows, always more slowly.

        Args:
            turns: How many exchanges; fewer than one change nothing.
        """
        familiarity = 1 - (1 - self.axes.familiarity) * (1 - FAMILIARITY_PER_TURN) ** max(0, turns)
        return type(self)(Relation(**{**asdict(self.axes), "familiarity": _kept(familiarity)}))

    def level(self, axis: Axis) -> Level:
        """What an axis is called."""
        value = self.standing(axis)
        if abs(value) < _SLIGHT:
            return "middle"
        if value < 0:
            return "very_low" if value <= -_GREAT else "low"
        return "very_high" if value >= _GREAT else "high"

    @property
    def bond(self) -> Bond:
        """What the relationship as a whole is called.

        What is bad outweighs what is good, and closeness has to be grown: warmth, the mean of trust and affection,
        makes friends only of those who know each other.
        """
        respect, familiarity = self.axes.respect, self.axes.familiarity
        warmth = (self.axes.trust + self.axes.affection) / 2
        if warmth <= -0.5:
            return "enemy"
        if warmth <= -_SLIGHT:
            return "rival" if respect >= _SLIGHT else "unwelcome"
        if familiarity >= 0.5 and warmth >= _GREAT and self.axes.trust >= _GREAT:
            return "confidant"
        if familiarity >= _SLIGHT and warmth >= 0.4:
            return "friend"
        if respect >= _GREAT:
            return "role_model"
        if familiarity >= _SLIGHT and warmth >= _SLIGHT:
            return "companion"
        if familiarity >= 0.5:
            return "familiar_face"
        return "acquaintance" if familiarity >= 0.1 else "stranger"

    def told(self, name: str, language: str) -> str:
        """The relationship in one to three short sentences to the character, for the prompt.

        Args:
            name: Of the other person; control characters are taken out, and what is longer than any name is cut.
            language: ISO 639-1 code; where it is not English, German or Turkish the words are English.
        """
        languages = _words()
        words = languages.get(language.partition("-")[0].lower(), languages["en"])
        clear = sorted(_TOLD, key=lambda axis: (-abs(self.standing(axis)), _TOLD.index(axis)))
        levels = [(axis, self.level(axis)) for axis in clear[:_MOST_LEVELS]]
        lines = [words["bonds"][self.bond]]
        lines += [words["levels"][axis][level] for axis, level in levels if level != "middle"]
        return " ".join(lines).replace("{name}", " ".join(name.split())[:_MOST_NAME])

    def as_json(self) -> dict[str, float]:
        """The JSON object to save; `from_json` gives exactly this relationship back."""
        return asdict(self.axes)

    @classmethod
    def from_json(cls, saved: object) -> Self:
        """The relationship that was saved.

        Raises:
            InputError: It is not an object from `as_json`.
        """
        try:
            return cls(Relation(**asdict(_SAVED.validate_python(saved))))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "all of it"
            hint = "the save is damaged, or comes from a newer version"
            raise InputError(f"a saved relationship cannot be read: {where}: {first['msg']}", hint=hint) from error


def _total(axis: Axis, changes: tuple[Change, ...]) -> float:
    """What all changes do to an axis together. `fsum` rounds once, so their order leaves no trace."""
    parts = []
    for source, (most, least) in LIMITS.items():
        if source == "words" and axis == "familiarity":
            continue
        total = math.fsum(getattr(change.by, axis) for change in changes if change.source == source)
        parts.append(max(-least, min(most, total)))
    return math.fsum(parts)


def _moved(value: float, by: float) -> float:
    if by == 0:
        return value
    side = math.copysign(1.0, by)
    inward, by = value * side, abs(by)  # seen from this side, every step is one upwards
    free = min(by, max(0.0, KNEE - inward))
    inward += free
    if by > free:
        inward = 1 - (1 - inward) * math.exp(-(by - free) / (1 - KNEE))
    return _kept(inward * side)


def _kept(value: float) -> float:
    return max(-1.0, min(1.0, round(value, _DIGITS))) + 0.0  # there is no -0.0 to be told apart from 0


@functools.cache
def _words() -> Mapping[str, Mapping[str, Any]]:
    text = bundled("assets", "text", "relation_names.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = json.loads(text)
    return loaded
