"""The outline of a sound: how loud it is along its length, for drawing."""

import io
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import AudioError

BUCKETS = 640
"""How many loudness values the outline of a whole reply has: about one per two pixels of a wide page."""

_SIGNATURES = ((b"RIFF", "audio/wav"), (b"fLaC", "audio/flac"), (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"))


@dataclass(frozen=True, slots=True)
class Outline:
    """Length and loudness of a sound."""

    duration_ms: float
    peaks: tuple[float, ...]
    """Loudest sample of each slice, 0..1, scaled so that the loudest slice of an audible sound is 1."""


def outline(wav: bytes) -> Outline:
    """Measure a sound.

    Args:
        wav: Content of a PCM WAV file; empty for no sound.

    Raises:
        AudioError: It is something else.
    """
    if not wav:
        return Outline(0.0, ())
    try:
        with wave.open(io.BytesIO(wav)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise AudioError(
            f"The reply's audio is not a PCM WAV file: {str(error) or 'it ends too early'}.",
            hint="Write it with the standard `wave` module as 16-bit mono.",
        ) from error
    samples = np.abs(_decode(raw, width))
    frames = len(samples) // channels
    if frames == 0 or rate == 0:
        return Outline(0.0, ())
    loudness = samples[: frames * channels].reshape(frames, channels).max(axis=1)
    starts = np.unique(np.arange(BUCKETS) * frames // BUCKETS)
    peaks = np.maximum.reduceat(loudness, starts)
    # Below -60 dB there is nothing to see, and scaling would only draw the noise floor large.
    top = float(peaks.max())
    scaled = peaks / top if top > 1e-3 else peaks
    return Outline(frames * 1000 / rate, tuple(round(float(peak), 3) for peak in scaled))


def media_type(sound: bytes) -> str:
    """The media type of a sound file, from its first bytes."""
    for signature, name in _SIGNATURES:
        if sound.startswith(signature):
            return name
    # An MPEG frame starts with eleven set bits.
    if len(sound) > 1 and sound[0] == 0xFF and sound[1] & 0xE0 == 0xE0:
        return "audio/mpeg"
    return "application/octet-stream"


def _decode(raw: bytes, width: int) -> NDArray[np.float32]:
    """Little-endian PCM of `width` bytes as -1..1; 8-bit WAV is unsigned, the rest is signed."""
    usable = raw[: len(raw) // width * width]
    if width == 1:
        return np.frombuffer(usable, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
    if width == 3:
        # numpy has no 24-bit integers: place the three bytes in the upper part of 32.
        wide = np.zeros((len(usable) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(usable, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    return np.frombuffer(usable, f"<i{width}").astype(np.float32) / np.float32(2 ** (8 * width - 1))
