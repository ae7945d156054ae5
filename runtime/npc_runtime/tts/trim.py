"""Trimming: the silence around a sentence cut to a known length, and its phones shifted with it."""

from collections.abc import Sequence

import numpy as np

from npc_runtime.speech import Samples, TimedPhone
from npc_runtime.tts.loudness import FLOOR, frame_rms

LEAD_MS = 10
FADE_MS = 5


def bounds(audio: Samples, rate: int, gain: float) -> tuple[int, int]:
    """First sample of sound and the one after its last, in samples; equal when all is silent.

    Args:
        audio: Mono audio, shape (n,).
        rate: Samples per second.
        gain: What will bring it to the common loudness; silence is judged after it.
    """
    frames, size = frame_rms(audio, rate)
    loud = np.flatnonzero(frames * gain > FLOOR)
    if not len(loud):
        return 0, 0
    return int(loud[0]) * size, min((int(loud[-1]) + 1) * size, len(audio))


def trim(
    audio: Samples, phones: Sequence[TimedPhone], rate: int, *, end: int, pause_ms: float
) -> tuple[Samples, tuple[TimedPhone, ...]]:
    """Cut the silence around one utterance.

    Args:
        audio: Mono audio, shape (n,).
        phones: Their samples add up to n.
        rate: Samples per second.
        end: The sample after the last audible one.
        pause_ms: Silence to leave after the last phone or the last sound, whichever is later.

    Returns:
        Audio with at most 10 ms of silence before its first phone and `pause_ms` after its end, and phones that add
        up to its length, exactly. Both are empty if there is no phone but silence.
    """
    first = next((at for at, phone in enumerate(phones) if phone.ipa), None)
    if first is None:
        return np.zeros(0, np.float32), ()
    last = max(at for at, phone in enumerate(phones) if phone.ipa)
    begin = sum(phone.samples for phone in phones[:first])
    spoken = sum(phone.samples for phone in phones[: last + 1])
    lead = min(begin, rate * LEAD_MS // 1000)
    sound = max(spoken, min(end, len(audio)))
    stop = sound + round(rate * pause_ms / 1000)

    out = np.zeros(stop - begin + lead, np.float32)
    kept = audio[begin - lead : stop]
    out[: len(kept)] = kept
    fade = min(round(rate * FADE_MS / 1000), len(kept) - (sound - begin + lead))
    if fade > 0:
        out[len(kept) - fade : len(kept)] *= np.linspace(1, 0, fade, dtype=np.float32)

    track = list(phones[first : last + 1])
    if lead:
        track.insert(0, TimedPhone("", lead))
    if stop > spoken:
        track.append(TimedPhone("", stop - spoken))
    return out, tuple(track)
