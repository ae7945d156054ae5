"""Sound files: float samples to 16-bit PCM, and a WAV file that is either whole or not there."""

import os
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np

from npc_runtime.errors import OutputError
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
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as stream, wave.open(stream, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(rate)
                file.writeframes(pcm16(samples))
            os.replace(part, path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path}: {error.strerror or error}.",
            hint="choose a folder that you may write to, on a disk with free space",
        ) from error
