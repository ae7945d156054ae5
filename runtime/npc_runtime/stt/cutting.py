"""Windows: which stretches of an utterance go through Whisper, one after the other.

Whisper hears at most 30 s at once. Silence around the voice is left out: it makes windows larger, and the decoder of
a short window that ends in silence goes in circles more often. Long speech is cut at its pauses.
"""

from collections.abc import Sequence

import numpy as np

from npc_runtime.speech import Samples
from npc_runtime.stt.vad import Span

_SECOND = 16_000
SHORT = 8 * _SECOND
"""Speech up to this length stays in one window whatever its pauses: the smallest window holds it."""
LONGEST = 28 * _SECOND
"""Leaves the two seconds of room that follow the speech in a window of 30 s."""
MARGIN = 2 * _SECOND // 5
"""Kept before and after the voice: soft onsets and endings are below what the voice detector sees."""
APART = 3 * _SECOND
"""A pause this long separates windows: Whisper invents words for long silence in the middle of a window."""


def windows(samples: Samples, spans: Sequence[Span]) -> list[Span]:
    """Stretches of at most 28 s that together hold all speech.

    Args:
        samples: 16 kHz mono, shape (n,).
        spans: Where somebody speaks, in order.

    Returns:
        In order, not overlapping; empty if nobody speaks.
    """
    if not spans:
        return []
    groups: list[Span] = []
    for span in (piece for whole in spans for piece in _pieces(samples, whole)):
        if groups and span.end - groups[-1].start <= (
            LONGEST - 2 * MARGIN if span.start - groups[-1].end < APART else SHORT
        ):
            groups[-1] = Span(groups[-1].start, span.end)
        else:
            groups.append(span)
    found = []
    for index, group in enumerate(groups):
        before = (groups[index - 1].end + group.start) // 2 if index else 0
        after = (group.end + groups[index + 1].start) // 2 if index + 1 < len(groups) else len(samples)
        found.append(Span(max(before, group.start - MARGIN), min(after, group.end + MARGIN)))
    return found


def _pieces(samples: Samples, span: Span) -> list[Span]:
    """Somebody who never pauses is cut where the voice is softest, late in each window."""
    pieces: list[Span] = []
    start = span.start
    limit = LONGEST - 2 * MARGIN
    while span.end - start > limit:
        hop = _SECOND // 50
        late = samples[start + limit - 4 * _SECOND : start + limit]
        energy = np.square(late[: len(late) // hop * hop].reshape(-1, hop)).sum(axis=1)
        cut = start + limit - 4 * _SECOND + int(energy.argmin()) * hop + hop // 2
        pieces.append(Span(start, cut))
        start = cut
    return [*pieces, Span(start, span.end)]
