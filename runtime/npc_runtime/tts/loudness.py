"""Loudness: how loud speech is, the one gain that levels a voice, and a limiter that never clips."""

import numpy as np

from npc_runtime.speech import Samples

TARGET_DBFS = -20.0
"""RMS of the voiced parts of levelled speech, so that voices of different makers sound equally near."""
CEILING = 10 ** (-1.0 / 20)
"""Highest peak that leaves the limiter: -1 dBFS."""
KNEE = 10 ** (-3.0 / 20)
"""Below this the limiter changes nothing."""
FLOOR = 10 ** (-50.0 / 20)
"""RMS below which levelled speech counts as silent: 30 dB under its voiced parts."""

_FRAME_MS = 5
_MAX_GAIN = 20.0


def frame_rms(audio: Samples, rate: int) -> tuple[Samples, int]:
    """RMS of each frame of 5 ms, and the frame's length in samples; a rest shorter than a frame counts as one."""
    size = max(rate * _FRAME_MS // 1000, 1)
    padded = np.zeros(-(-len(audio) // size) * size, np.float32)
    padded[: len(audio)] = audio
    return np.sqrt(np.mean(padded.reshape(-1, size) ** 2, axis=1)), size


def speech_rms(audio: Samples, rate: int) -> float:
    """RMS over the voiced frames only: those within 30 dB of the loudest."""
    frames, _ = frame_rms(audio, rate)
    if not len(frames) or not frames.max():
        return 0.0
    voiced = frames[frames > frames.max() * 10 ** (-30 / 20)]
    return float(np.sqrt(np.mean(voiced**2)))


def level(reference: Samples, rate: int) -> float:
    """The gain that brings a voice to the target, measured on a reference sentence that it spoke."""
    rms = speech_rms(reference, rate)
    return 1.0 if rms <= 0 else float(min(10 ** (TARGET_DBFS / 20) / rms, _MAX_GAIN))


def limit(audio: Samples) -> Samples:
    """Round off what is above the knee so that nothing passes the ceiling; the rest stays bit for bit."""
    over = np.abs(audio) > KNEE
    if not over.any():
        return audio
    out = audio.copy()
    room = CEILING - KNEE
    out[over] = np.sign(audio[over]) * (KNEE + room * np.tanh((np.abs(audio[over]) - KNEE) / room))
    return out
