"""Clips: recorded speech of players, and where in each of them the voice begins and ends.

The end of the voice is what latency is counted from, so it must not depend on the server's own opinion. It is found
offline: the voice detector looks at the whole clip, and inside the stretches that it calls speech the last 10 ms that
are within 30 dB of the loudest 10 ms count as the end. A detector goes on for up to a tenth of a second after a voice;
that would flatter the figures, and the rule takes it away. The end can only come out earlier by it, never later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npc_runtime.errors import InputError
from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import RATE, read_audio
from npc_runtime.stt.vad import speech_spans

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".au", ".caf"})
"""Of files that are taken from a folder."""
LEAD_MS = 300
"""Most silence that is kept in front of the voice: a player does not wait either."""

_SECONDS = 30.0
"""The longest clip: more than a player says at once."""
_WINDOW = RATE // 100
_BELOW_PEAK = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One line of a player."""

    name: str
    samples: Samples
    """16 kHz mono, -1..1, shape (n,)."""
    first: int
    """The first voiced sample."""
    last: int
    """One past the last voiced sample."""


def load(paths: Iterable[Path]) -> list[Clip]:
    """Read recordings.

    Args:
        paths: Sound files, and folders of sound files.

    Raises:
        AudioError: A file cannot be read.
        InputError: Nobody speaks in a file, or a folder holds no sound file.
        NpcError: Voice activity cannot be detected here.
    """
    clips = []
    for path in paths:
        files = _files(path) if path.is_dir() else [path]
        if not files:
            hint = f"sound files end in {', '.join(sorted(SUFFIXES))}"
            raise InputError(f"There is no sound file in {path}.", hint=hint)
        clips += [_clip(file) for file in files]
    return clips


def bounds(samples: Samples) -> tuple[int, int] | None:
    """Where the voice begins and ends, in samples; None if nobody speaks.

    Args:
        samples: 16 kHz mono, -1..1, shape (n,).
    """
    spans = speech_spans(samples)
    whole = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    inside = np.zeros(len(whole), bool)
    for span in spans:
        inside[span.start // _WINDOW : span.end // _WINDOW] = True
    if not inside.any():
        return None
    level = 10 * np.log10(np.square(whole).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(inside & (level >= level[inside].max() - _BELOW_PEAK))
    return int(loud[0]) * _WINDOW, (int(loud[-1]) + 1) * _WINDOW


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def _clip(file: Path) -> Clip:
    samples = read_audio(file, max_seconds=_SECONDS)
    found = bounds(samples)
    if found is None:
        raise InputError(f"Nobody speaks in {file}.", hint="give recordings of one spoken sentence each")
    begin = max(0, found[0] - LEAD_MS * RATE // 1000)
    return Clip(file.stem, samples[begin:], found[0] - begin, found[1] - begin)
