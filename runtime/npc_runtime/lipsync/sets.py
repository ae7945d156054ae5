"""Target sets: the canonical track in the shapes that a game's face has."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field

from npc_runtime.events import VisemeFrame, VisemeSet
from npc_runtime.lipsync.asset import damaged, read_asset
from npc_runtime.lipsync.table import Shapes, Unit, strongest_first
from npc_runtime.lipsync.track import Segment, Track
from npc_runtime.resources import bundled

_DIGITS = 3
"""Decimals of milliseconds and weights on the wire: a microsecond is finer than a sample."""
_FAINT = 0.005
"""A weight below this is not worth a frame."""


@dataclass(frozen=True, slots=True)
class TargetSet:
    """The shapes of one kind of face, as `assets/visemes/<name>.json` describes them."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    version: Literal[1]
    name: VisemeSet
    about: tuple[str, ...]
    source: Literal["shapes", "phones"]
    """Whether the set is made from canonical shapes, or the phone table has a column of its own for it."""
    weighted: bool
    """Whether shapes have a strength; otherwise their weight is always 1."""
    holds: bool
    """Whether phones without a look of their own show a neighbour's shape; otherwise they have their own id."""
    ids: tuple[str, ...]
    """Every id that the set can send, in the order of the target's own index."""
    rest: Annotated[Mapping[str, Unit], Field(min_length=1, max_length=1)]
    """What is sent where the mouth is at rest: a frame must cover that time too."""
    shapes: Mapping[str, Mapping[str, Unit]] = field(default_factory=dict)
    """For `source` shapes: what each canonical shape becomes at full weight."""

    def show(self, segment: Segment) -> Shapes:
        """Ids and weights of a segment, strongest first, weights rounded; never empty."""
        shown: dict[str, float] = {}
        if self.source == "shapes":
            for name, weight in segment.shapes:
                for id_, part in self.shapes[name].items():
                    shown[id_] = shown.get(id_, 0.0) + part * weight
        else:
            pose = segment.pose if self.holds else segment.spoken
            gain = segment.gain if self.weighted else 1.0
            shown = {id_: weight * gain for id_, weight in pose.ids.get(self.name, ())}
        visible = {id_: round(min(1.0, weight), _DIGITS) for id_, weight in shown.items() if weight >= _FAINT}
        return strongest_first(visible or {id_: float(weight) for id_, weight in self.rest.items()})


@functools.cache
def target_set(name: VisemeSet) -> TargetSet:
    """A set that ships with the package, read once.

    Raises:
        SetupError: Its file is missing or damaged.
    """
    return load_set(bundled("assets", "visemes", f"{name}.json"))


def load_set(path: Path) -> TargetSet:
    """Reads the file of a target set.

    Raises:
        SetupError: The file is missing, damaged or names a shape that it does not list.
    """
    loaded: TargetSet = read_asset(path, TargetSet)
    used = set(loaded.rest).union(*loaded.shapes.values())
    if stray := sorted(used.difference(loaded.ids)):
        raise damaged(path, f"shapes that are not among its ids: {', '.join(stray)}")
    return loaded


def frames(track: Track, target: VisemeSet, *, offset_ms: float = 0.0) -> tuple[VisemeFrame, ...]:
    """The frames of a track in one target set.

    Frames tile the time: where one pose ends the next begins, at the same number. Shapes that make up one pose have
    the same times, the strongest first. Neighbouring poses that look the same are one.

    Args:
        track: What the mouth does.
        target: The set that the game asked for.
        offset_ms: Where the track begins; added to all times.

    Returns:
        Start and end in milliseconds (3 decimals), shape, and weight 0..1 (3 decimals), ordered by start.
    """
    chosen = target_set(target)

    def ms(sample: int) -> float:
        return round(float(offset_ms + sample * 1000 / track.rate), _DIGITS)

    result: list[VisemeFrame] = []
    for shapes, group in groupby(track.segments, key=chosen.show):
        members = list(group)
        start, end = ms(members[0].start), ms(members[-1].end)
        result += [(start, end, id_, weight) for id_, weight in shapes]
    return tuple(result)


SETS: tuple[VisemeSet, ...] = get_args(VisemeSet)
"""All target sets."""
