"""Loudness to jaw: the mouth track of a voice that says nothing about its phones."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from npc_runtime.lipsync.table import SILENCE, phone_table
from npc_runtime.lipsync.track import Segment, Track
from npc_runtime.speech import Samples

_HOP_S = 0.03
"""Seconds per segment: shorter flutters, longer lags behind syllables."""
_LONGEST_S = 0.04
"""No segment is longer, so that a short clip still moves."""
_FLOOR_DB = -60.0
"""Relative to full scale; below this the mouth is shut, however quiet the clip is."""
_RANGE_DB = 30.0
"""From the clip's loud passages down to where the mouth is shut."""
_LOUD_PERCENTILE = 95.0
_WIDEST = 0.8
"""Jaw at the loud passages: that of the most open vowel."""
_STEP = 0.05
"""Resolution of the jaw: neighbours closer than this become one frame."""
_WIDE = 0.6
"""From this jaw on the mouth shows a wide vowel, below it a narrower one."""


def energy_track(audio: Samples, rate: int) -> Track:
    """A track that opens the jaw with the loudness.

    Args:
        audio: Mono samples, shape (n,), nominal range -1..1.
        rate: Samples per second.

    Returns:
        A track of exactly n samples in hops of 20 to 40 ms, a clip shorter than that in one.

    Raises:
        ValueError: The rate is not positive.
    """
    if rate <= 0:
        raise ValueError("a mouth track needs a positive rate")
    total = len(audio)
    if not total:
        return Track(rate, ())
    count = min(total, max(round(total / (rate * _HOP_S)), math.ceil(total / (rate * _LONGEST_S))))
    edges = [index * total // count for index in range(count + 1)]
    levels = _jaw(audio, edges)
    narrow, wide = (phone_table().resolve(ipa, "en").poses[0] for ipa in ("ʌ", "ɑ"))
    segments: list[Segment] = []
    for (start, end), level in zip(pairwise(edges), levels, strict=True):
        jaw = round(float(level), 3)
        pose = SILENCE if jaw < _STEP else wide if jaw >= _WIDE else narrow
        gain = jaw / pose.jaw if pose.jaw else 1.0
        segments.append(Segment(start, end, pose, pose, jaw if pose.jaw else 0.0, gain))
    return Track(rate, tuple(segments))


def _jaw(audio: Samples, edges: list[int]) -> NDArray[np.float64]:
    """Smoothed jaw per hop, shape (hops,), 0.._WIDEST in steps of _STEP."""
    power = np.add.reduceat(np.square(np.nan_to_num(audio), dtype=np.float64), edges[:-1]) / np.diff(edges)
    decibels = 10 * np.log10(power + 1e-12)
    loud = float(np.percentile(decibels, _LOUD_PERCENTILE))
    floor = max(_FLOOR_DB, loud - _RANGE_DB)
    level = np.clip((decibels - floor) / _RANGE_DB, 0.0, 1.0) if loud > floor else np.zeros(len(power))
    if len(level) > 2:
        level = np.convolve(np.pad(level, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    return np.asarray(np.round(level * _WIDEST / _STEP) * _STEP)
