"""Tone: how the voice ends before a pause. Who has finished lets loudness and pitch fall; who is thinking holds them.

The fall towards the end of a statement and the rise of a question are old findings about intonation (D. R. Ladd,
Intonational Phonology, 2008); the constants are ours, from recorded sentences.
"""

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from npc_runtime.speech import Samples

FALLING = -11.0
"""Decibels plus semitones: the fall after which a voice has finished."""
RISING = 2.0
"""Semitones: the rise with which a question ends."""
MOST = 12.0
"""The most that either counts for: the last sound may be a breath or a creak."""

_RATE = 8_000
"""Every second sample is enough for the pitch of a voice."""
_HOP = 160
_WINDOW = 480
"""60 ms: four periods of a low voice."""
_SIZE = 1024
_SECONDS = 4
"""What the end is compared with."""
_LOUD = 30.0
"""Decibels below the loudest within which there is voice."""
_FADE = 8
"""Frames whose loudness is the end's: 160 ms, a syllable."""
_FALL = 20
"""Frames in which the last pitch is looked for: 400 ms."""
_LAST = 6
"""Frames with a pitch whose median is the last pitch: 120 ms."""
_OCTAVE = 8.0
"""Semitones: nobody rises by more, but the autocorrelation takes a strong overtone for the pitch."""
_OCTAVE_COST = 0.03
"""Of two periods that fit equally well the shorter is the pitch (after P. Boersma, 1993: an octave cost)."""
_LOWEST, _HIGHEST = 70, 400
_PERIODIC = 0.5
"""Height of the normalised autocorrelation from which a window has a pitch."""


class Tone(Enum):
    """The end of the voice before a pause."""

    FALLING = "falling"
    RISING = "rising"
    LEVEL = "level"


def ending(samples: Samples) -> Tone:
    """How the voice ends; about 2 ms of work.

    Args:
        samples: 16 kHz mono, from somewhere in the utterance to a moment after its last sound.
    """
    fade, fall = cues(samples)
    if fade + fall <= FALLING:
        return Tone.FALLING
    return Tone.RISING if fall >= RISING else Tone.LEVEL


def cues(samples: Samples) -> tuple[float, float]:
    """How the last syllable differs from the voice before it.

    Args:
        samples: 16 kHz mono.

    Returns:
        Loudness in decibels and pitch in semitones, negative where it is softer and lower; 0 where that is unknown.
    """
    recent = samples[-2 * _SECONDS * _RATE :]
    if len(recent) < _RATE // 2:
        return 0.0, 0.0
    recent = recent[: len(recent) // 2 * 2].reshape(-1, 2).mean(axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(recent, _WINDOW)[::_HOP]
    power = np.square(frames).mean(axis=1) + 1e-12
    level = 10 * np.log10(power)
    loud = level > np.percentile(level, 95) - _LOUD
    end = int(np.flatnonzero(loud)[-1]) + 1
    fade = 10 * np.log10(power[max(0, end - _FADE) : end].mean() / power[loud].mean())
    pitch = _pitch(frames)
    known = pitch[loud & (pitch > 0)]
    late = pitch[max(0, end - _FALL) : end]
    late = late[late > 0][-_LAST:]
    fall = 12 * np.log2(np.median(late) / np.median(known)) if len(known) >= 8 and len(late) >= 2 else 0.0
    while fall > _OCTAVE:
        fall -= 12
    return float(np.clip(fade, -MOST, MOST)), float(np.clip(fall, -MOST, MOST))


def _pitch(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hertz per window, 0 where there is none: the peak of the normalised autocorrelation."""
    spectrum = np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), _SIZE)
    correlation = np.fft.irfft(np.square(np.abs(spectrum)), _SIZE)[:, : _RATE // _LOWEST + 1]
    correlation /= correlation[:, :1] + 1e-12
    correlation *= _WINDOW / (_WINDOW - np.arange(correlation.shape[1]))
    first = _RATE // _HIGHEST
    lags = np.arange(first, correlation.shape[1])
    lag = first + (correlation[:, first:] - _OCTAVE_COST * np.log2(lags)).argmax(axis=1)
    height = correlation[np.arange(len(lag)), lag]
    return np.where(height > _PERIODIC, _RATE / lag, 0).astype(np.float32)
