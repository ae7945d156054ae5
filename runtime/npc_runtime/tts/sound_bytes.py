"""Sound as a service sends it: WAV, bare PCM, or a compressed file, to samples; whatever else it is, it is refused."""

import io
import struct

import numpy as np
from numpy.typing import NDArray

from npc_runtime.speech import Samples

MAX_BYTES = 16 << 20
"""The longest answer that is read: three minutes in the best quality that services send."""
MAX_SECONDS = 180.0
PCM_RATE = 24_000
"""Samples per second of bare PCM, as the OpenAI reference has it."""

_COMPRESSED = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"OggS", b"fLaC")
_PLACEHOLDER = 600
"""Seconds from which on the length in a WAV header is not meant: who streams does not know it."""


def decode(content: bytes, media_type: str = "") -> tuple[Samples, int]:
    """The samples of a sound.

    Args:
        content: Bytes of a WAV file, of MP3, Ogg or FLAC, or signed 16-bit little-endian PCM.
        media_type: What the service says it is, as `audio/pcm;rate=22050`; bare PCM is believed only if it says so.

    Returns:
        Mono samples, shape (n,), and their rate.

    Raises:
        ValueError: It is no sound, too long, or ends too early; the message says which.
    """
    kind, _, parameters = media_type.lower().partition(";")
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return _wav(content)
    if content.startswith(_COMPRESSED):
        return _compressed(content)
    if not content:
        raise ValueError("nothing at all")
    if not (kind.startswith("audio/") or kind == "application/octet-stream"):
        raise ValueError(f"{kind.strip() or 'something'} instead of sound")
    rate = parameters.partition("rate=")[2].partition(";")[0].strip()
    return _samples(content, 1, 16, 1), _checked_rate(int(rate) if rate.isdecimal() else PCM_RATE)


def _wav(content: bytes) -> tuple[Samples, int]:
    at, form = 12, None
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        body = content[at + 8 : at + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            form = struct.unpack("<HHIIHH", body[:16])
            if form[0] == 0xFFFE and len(body) >= 26:
                form = (int.from_bytes(body[24:26], "little"), *form[1:])
        elif name == b"data":
            if form is None:
                break
            code, channels, rate, _, _, bits = form
            second = _checked_rate(rate) * max(channels * bits // 8, 1)
            if len(body) < size < _PLACEHOLDER * second:
                raise ValueError("sound that breaks off")
            return _samples(body, channels, bits, code), rate
        at += 8 + size + size % 2
    raise ValueError("a damaged WAV file")


def _samples(content: bytes, channels: int, bits: int, code: int) -> Samples:
    kind = {(1, 16): "<i2", (1, 32): "<i4", (3, 32): "<f4", (1, 8): "u1"}.get((code, bits))
    if kind is None or not 1 <= channels <= 8:
        raise ValueError(f"a WAV file of a kind that is not read (format {code}, {bits} bits)")
    width = bits // 8 * channels
    raw: NDArray[np.generic] = np.frombuffer(content[: len(content) // width * width], kind)
    audio = raw.astype(np.float32)
    if kind == "u1":
        audio = (audio - np.float32(128)) * np.float32(1 / 128)
    elif kind != "<f4":
        audio *= np.float32(2.0 ** (1 - bits))
    mono: Samples = np.nan_to_num(audio.reshape(-1, channels).mean(axis=1)).astype(np.float32)
    return mono


def _compressed(content: bytes) -> tuple[Samples, int]:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = _checked_rate(file.samplerate)
            audio = file.read(int(MAX_SECONDS * rate), dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:
        raise ValueError("a damaged sound file") from error
    mono: Samples = np.nan_to_num(audio.mean(axis=1)).astype(np.float32)
    return mono, rate


def _checked_rate(rate: int) -> int:
    if not 4_000 <= rate <= 192_000:
        raise ValueError(f"sound with {rate} samples per second")
    return rate
