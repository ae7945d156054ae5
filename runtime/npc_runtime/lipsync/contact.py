"""Lip contacts: closures that last long enough to be seen, with time borrowed from their neighbours."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product

_KEEP = (0.75, 0.5, 0.0)
"""What a donor keeps of its own time, round by round. A vowel's middle half stays free of closures while that is
possible; at a pace at which it is not, lips that close matter more than a vowel shorter than a video frame."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbours that show the same contact and so are one closure, or a single segment without any."""

    first: int
    last: int
    need: int

    def total(self, lengths: Sequence[int]) -> int:
        return sum(lengths[self.first : self.last + 1])

    def donors(self, reach: int, count: int) -> Iterator[tuple[int, int]]:
        """Segments that can give, nearest first and earlier first, each with the member that takes."""
        for distance in range(1, reach + 1):
            if self.first - distance >= 0:
                yield self.first - distance, self.first
            if self.last + distance < count:
                yield self.last + distance, self.last


def widen(lengths: Sequence[int], contacts: Sequence[str], needs: Mapping[str, int]) -> list[int]:
    """Lengthens contacts that are too short at the expense of what is beside them.

    Nearer donors give first, and at the same distance the earlier one, as lips close before a burst. The total stays
    the same, and if it suffices for all needs, all are met.

    Args:
        lengths: Samples of each segment, 0 or more.
        contacts: Name of the contact that each segment shows; empty for none.
        needs: Samples that each contact must last.

    Returns:
        The new lengths in samples, in the same order.
    """
    result = list(lengths)
    count = len(result)
    run_of = _runs(contacts, needs)
    runs = sorted({run for run in run_of if run.need}, key=lambda run: (-run.need, run.first))
    for keep, run in product(_KEEP, runs):
        for giver, taker in run.donors(1 if keep else count, count):
            missing = run.need - run.total(result)
            if missing <= 0:
                break
            other = run_of[giver]
            # A contact gives only what it can spare itself.
            spare = other.total(result) - other.need if other.need else result[giver] - math.ceil(keep * lengths[giver])
            moved = max(0, min(missing, spare, result[giver]))
            result[giver] -= moved
            result[taker] += moved
    return result


def _runs(contacts: Sequence[str], needs: Mapping[str, int]) -> list[_Run]:
    runs: list[_Run] = []
    for contact, group in groupby(range(len(contacts)), key=contacts.__getitem__):
        members = list(group)
        if contact:
            runs += [_Run(members[0], members[-1], needs[contact])] * len(members)
        else:
            runs += [_Run(index, index, 0) for index in members]
    return runs
