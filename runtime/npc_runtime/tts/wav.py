"""Sound files: float samples to 16-bit PCM, and a WAV file that is either whole or not there."""

import wave
from pathlib import Path

import numpy as np

from npc_runtime.files import whole_file
from npc_runtime.speech import Samples


def pcm16(samples: Samples) -> bytes:
    """Signed 16-bit little-endian PCM.

    Args:
        samples: Mono audio, shape (n,), nominal range -1..1; what lies beyond is clipped, NaN is silent.
    """
    clipped = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    pcm: bytes = np.rint(clipped * 32767.0).astype("<i2").tobytes()
    return pcm


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """Write a mono 16-bit WAV file; a file that was there before stays as it is until the new one is complete.

    Args:
        path: Where to; folders on the way are made.
        samples: Mono audio, shape (n,).
        rate: Samples per second.

    Raises:
        OutputError: The folder cannot be written to, or the disk is full.
    """
    with whole_file(path) as part, part.open("wb") as stream, wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm16(samples))
