"""A sound file of one utterance: checked, decoded in bounded pieces, and brought to 16 kHz mono.

Durations are checked in the header before anything is decoded, and again while decoding, because a header can lie and
a few hundred kilobytes of compressed silence can unpack into gigabytes.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import AudioError, MissingPackageError
from npc_runtime.speech import Samples

RATE = 16_000
"""Samples per second that speech recognition works at."""
MAX_SECONDS = 120.0
MAX_CHANNELS = 8
MIN_RATE = 4_000
MAX_RATE = 768_000
FORMATS = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"})

_BLOCK = 1 << 12
"""Values (frames times channels) decoded at a time; small, because a block in which a file breaks off is lost."""
_UNKNOWN_LENGTH = 1 << 48
"""libsndfile reports a length near 2**63 when a stream does not say how long it is."""
_USE_HINT = "Use a WAV, FLAC, OGG or MP3 file with speech in it."

_Frames = NDArray[np.float32]
"""Shape (frames, channels)."""


def read_audio(source: Path | str | bytes, *, max_seconds: float = MAX_SECONDS) -> Samples:
    """Read one utterance: WAV (any encoding), FLAC, OGG (Vorbis, Opus), MP3, AIFF, AU or CAF, at any rate.

    A truncated file is read as far as it goes.

    Args:
        source: A path, or the bytes of a file.
        max_seconds: Longer audio is refused, before it is decoded where its header is honest.

    Returns:
        Samples at 16 kHz, mono, without NaN or infinities, within -1..1.

    Raises:
        AudioError: The file is missing, empty, unreadable, not audio, without samples, or too long.
        MissingPackageError: `soundfile` or its native library is not there.
    """
    soundfile = _soundfile()
    if isinstance(source, bytes):
        return _read(soundfile, io.BytesIO(source), "The audio", len(source), max_seconds)
    path = Path(source)
    try:
        if path.is_dir():
            raise AudioError(f"{path} is a folder, not a sound file.", hint=_USE_HINT)
        if not path.exists():
            raise AudioError(f"{path} does not exist.", hint="Check the path; it is relative to the current folder.")
        if not path.is_file():
            raise AudioError(f"{path} is not a regular file.", hint=_USE_HINT)
        with path.open("rb") as file:
            return _read(soundfile, file, str(path), path.stat().st_size, max_seconds)
    except PermissionError as error:
        raise AudioError(f"{path} cannot be opened: permission denied.", hint="Make the file readable.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise AudioError(f"{path} cannot be read: {error}.", hint="Check the path and the disk.") from error


def _read(soundfile: ModuleType, file: BinaryIO, name: str, size: int, max_seconds: float) -> Samples:
    if size == 0:
        raise AudioError(f"{name} is empty (0 bytes).", hint="Record or export it again.")
    try:
        sound = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a name ending in .raw wants a rate from us
        raise AudioError(f"{name} is not a sound file that can be read.", hint=_USE_HINT) from error
    with sound:
        _check_header(sound, name, max_seconds)
        # Where it can, soundfile seeks after every read, to where it is already; in MP3 that drops the decoder's state
        # and is heard as a click at every block.
        sound.seekable = lambda: False
        pieces = list(_resampled(soundfile, sound, name, max_seconds))
    audio = np.concatenate(pieces) if pieces else np.zeros((0, 1), np.float32)
    if not len(audio):
        raise AudioError(f"{name} holds no samples.", hint="Record or export it again.")
    return _in_range(mix_down(audio))


def _check_header(sound: Any, name: str, max_seconds: float) -> None:
    if sound.format not in FORMATS:
        raise AudioError(f"{name} is in the format {sound.format}, which is not supported.", hint=_USE_HINT)
    if sound.channels > MAX_CHANNELS:
        raise AudioError(
            f"{name} has {sound.channels} channels; {MAX_CHANNELS} are the most that can be used.",
            hint="Mix it down to mono.",
        )
    if not MIN_RATE <= sound.samplerate <= MAX_RATE:
        raise AudioError(
            f"{name} has {sound.samplerate} samples per second; {MIN_RATE} to {MAX_RATE} can be used.",
            hint="Export it at 16000 Hz.",
        )
    seconds = sound.frames / sound.samplerate
    if sound.frames < _UNKNOWN_LENGTH and seconds > max_seconds:
        raise _too_long(name, f"is {seconds:.0f} s long", max_seconds)


def _too_long(name: str, what: str, max_seconds: float) -> AudioError:
    return AudioError(
        f"{name} {what}; an utterance may last {max_seconds:g} s at most.",
        hint="Cut out the part in which the player speaks.",
    )


def _resampled(soundfile: ModuleType, sound: Any, name: str, max_seconds: float) -> Iterator[_Frames]:
    """All channels at 16 kHz, piece by piece, so that memory depends on the duration and not on the file's rate."""
    import soxr

    resampler = soxr.ResampleStream(sound.samplerate, RATE, sound.channels, dtype="float32")
    limit = int(max_seconds * sound.samplerate) + 1
    read = 0
    while True:
        try:
            block: _Frames = sound.read(_BLOCK // sound.channels, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            if not read:
                raise AudioError(f"{name} is damaged: none of it can be decoded.", hint=_USE_HINT) from error
            break
        if not len(block):
            break
        read += len(block)
        if read > limit:
            raise _too_long(name, f"is longer than {max_seconds:g} s", max_seconds)
        yield resampler.resample_chunk(_finite(block))
    if read:
        yield resampler.resample_chunk(np.zeros((0, sound.channels), np.float32), last=True)


def _finite(block: _Frames) -> _Frames:
    """NaN and infinities become silence before resampling would spread them over their neighbours."""
    return np.clip(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0), -65536.0, 65536.0)


def mix_down(audio: _Frames) -> Samples:
    """One channel out of several.

    The mean of the channels that carry something; but when they cancel each other (one is wired with the opposite
    polarity), the loudest of them alone.

    Args:
        audio: Shape (frames, channels).
    """
    if audio.shape[1] == 1:
        return np.ascontiguousarray(audio[:, 0])
    power = audio.var(axis=0)
    loudest = int(power.argmax())
    mean: Samples = audio[:, power >= power[loudest] * 1e-3].mean(axis=1)
    if mean.var() < 0.1 * power[loudest]:
        return np.ascontiguousarray(audio[:, loudest])
    return mean


def _in_range(audio: Samples) -> Samples:
    """Float files that were written in integer units come back to -1..1; stray peaks are clipped."""
    typical = float(np.quantile(np.abs(audio), 0.99))
    return np.clip(audio / typical if typical > 1.5 else audio, -1.0, 1.0).astype(np.float32)


def _soundfile() -> ModuleType:
    try:
        import soundfile
    except ImportError as error:
        raise MissingPackageError(
            "Sound files cannot be read: the Python package soundfile is not installed.",
            hint="Install it: pip install soundfile",
        ) from error
    except OSError as error:
        raise MissingPackageError(
            "Sound files cannot be read: the native library libsndfile is missing.",
            hint="Install it: apt install libsndfile1 (Linux), brew install libsndfile (macOS)",
        ) from error
    module: ModuleType = soundfile
    return module
