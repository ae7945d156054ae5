"""Sound files of every kind, and every kind of file that is not one."""

import builtins
import io
import os
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from npc_runtime.errors import AudioError, MissingPackageError
from npc_runtime.stt.audio_file import RATE, mix_down, read_audio

Array = NDArray[np.float32]


def tone(seconds: float = 1.0, rate: int = RATE, pitch: float = 440.0, level: float = 0.5) -> Array:
    return (level * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def encoded(audio: Array, rate: int = RATE, format: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format=format, subtype=subtype)
    return file.getvalue()


def pitch_of(audio: Array) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    return float(spectrum.argmax()) * RATE / len(audio)


@pytest.mark.parametrize(
    ("format", "subtype", "rate"),
    [
        ("WAV", "PCM_U8", 8000),
        ("WAV", "PCM_16", 16000),
        ("WAV", "PCM_24", 44100),
        ("WAV", "PCM_32", 96000),
        ("WAV", "FLOAT", 11025),
        ("WAV", "DOUBLE", 48000),
        ("WAV", "ULAW", 8000),
        ("WAV", "ALAW", 8000),
        ("WAVEX", "PCM_16", 22050),
        ("FLAC", "PCM_16", 44100),
        ("FLAC", "PCM_24", 48000),
        ("OGG", "VORBIS", 44100),
        ("OGG", "OPUS", 48000),
        ("MP3", "MPEG_LAYER_III", 44100),
        ("AIFF", "PCM_16", 32000),
    ],
)
def test_any_format_and_rate_becomes_16_khz_mono(format: str, subtype: str, rate: int) -> None:
    audio = read_audio(encoded(tone(1.0, rate), rate, format, subtype))
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert len(audio) == pytest.approx(RATE, abs=RATE * 0.08)  # lossy codecs pad
    assert pitch_of(audio) == pytest.approx(440, abs=2)
    assert np.abs(audio).max() == pytest.approx(0.5, abs=0.1)


def test_a_path_and_a_name_that_means_something_else_to_the_library(tmp_path: Path) -> None:
    for name in ("Rede an die Völker.wav", "line.flac", "no_suffix"):
        path = tmp_path / name
        path.write_bytes(encoded(tone()))
        assert len(read_audio(path)) == RATE
        assert len(read_audio(str(path))) == RATE


def left_only(audio: Array) -> Array:
    return np.stack([audio, 0 * audio], axis=1)


def opposed(audio: Array) -> Array:
    return np.stack([audio, -audio], axis=1)


def alike(audio: Array) -> Array:
    return np.stack([audio, audio], axis=1)


def six(audio: Array) -> Array:
    return np.stack([0 * audio, 0 * audio, audio, 0 * audio, 0 * audio, 0 * audio], axis=1)


@pytest.mark.parametrize("spread", [left_only, opposed, alike, six])
def test_channels_become_one_without_losing_the_voice(spread: Callable[[Array], Array]) -> None:
    audio = read_audio(encoded(spread(tone(rate=48000)), 48000))
    assert np.abs(audio[1000:-1000]).max() == pytest.approx(0.5, abs=0.02)


def test_different_voices_on_two_channels_are_both_kept() -> None:
    mixed = mix_down(np.stack([tone(pitch=300), tone(pitch=900)], axis=1))
    spectrum = np.abs(np.fft.rfft(mixed))
    assert set(np.argsort(spectrum)[-2:]) == {300, 900}


def test_a_silent_channel_with_an_offset_does_not_count() -> None:
    mixed = mix_down(np.stack([tone(), np.full(RATE, 0.2, np.float32)], axis=1))
    assert np.abs(mixed).max() == pytest.approx(0.5, abs=0.01)


def test_nan_and_infinity_become_silence() -> None:
    broken = tone()
    broken[1000:1010] = np.nan
    broken[2000] = np.inf
    broken[3000] = -np.inf
    audio = read_audio(encoded(broken, subtype="FLOAT"))
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() <= 1.0
    assert pitch_of(audio) == pytest.approx(440, abs=2)


def test_floats_in_integer_units_come_back_to_range() -> None:
    audio = read_audio(encoded(tone() * 32768, subtype="FLOAT"))
    assert np.abs(audio).max() == pytest.approx(1.0, abs=0.01)
    assert pitch_of(audio) == pytest.approx(440, abs=2)


def test_one_absurd_sample_does_not_silence_the_rest() -> None:
    spiked = tone()
    spiked[100] = 1e38
    audio = read_audio(encoded(spiked, subtype="FLOAT"))
    assert np.abs(audio[4000:]).max() == pytest.approx(0.5, abs=0.02)


def test_a_truncated_file_is_read_as_far_as_it_goes() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, 4 * RATE).astype(np.float32)
    for format in ("WAV", "FLAC", "OGG", "MP3"):
        whole = encoded(noise, format=format)
        audio = read_audio(whole[: len(whole) // 2])
        assert 0.5 * RATE < len(audio) < 3 * RATE, format


@pytest.mark.parametrize("format", ["MP3", "OGG", "FLAC"])
def test_reading_in_pieces_leaves_no_seams(format: str) -> None:
    data = encoded(tone(3.0), format=format)
    whole, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    audio = read_audio(data)
    count = min(len(audio), len(whole))
    assert np.abs(audio[:count] - whole[:count]).max() < 1e-3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty (0 bytes)"),
        (b"This is a text about swords, not a recording.\n" * 50, "not a sound file"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "not a sound file"),
        (b"fLaC", "not a sound file"),
        (encoded(np.zeros(0, np.float32)), "no samples"),
        (encoded(np.zeros((100, 9), np.float32)), "9 channels"),
        (encoded(np.zeros(100, np.float32), rate=10), "10 samples per second"),
        (encoded(np.zeros(RATE, np.float32), format="VOC"), "format VOC"),
        (
            encoded(np.zeros(8000 * 3600, np.float32), 8000, subtype="PCM_U8"),
            "is 3600 s long; an utterance may last 120 s",
        ),
    ],
)
def test_what_is_not_an_utterance_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "line.wav"
    path.write_bytes(content)
    for source, name in ((path, str(path)), (content, "The audio")):
        with pytest.raises(AudioError) as caught:
            read_audio(source)
        assert says in caught.value.message
        assert caught.value.message.startswith(name)
        assert caught.value.hint
        assert caught.value.exit_code == 1


def test_missing_folder_and_device(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="does not exist"):
        read_audio(tmp_path / "nothing.wav")
    with pytest.raises(AudioError, match="is a folder"):
        read_audio(tmp_path)
    with pytest.raises(AudioError, match=r"does not exist|cannot be read"):
        read_audio("a\0b.wav")
    if Path("/dev/zero").exists():
        with pytest.raises(AudioError, match="not a regular file"):
            read_audio("/dev/zero")


@pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "geteuid", int)() == 0, reason="permissions do not bind here"
)
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "line.wav"
    path.write_bytes(encoded(tone()))
    path.chmod(0)
    with pytest.raises(AudioError, match="permission denied"):
        read_audio(path)


def test_permission_denied_by_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "line.wav"
    path.write_bytes(encoded(tone()))

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match="permission denied"):
        read_audio(path)


def test_a_limit_of_the_caller() -> None:
    assert len(read_audio(encoded(tone(2.0)), max_seconds=2.0)) == 2 * RATE
    with pytest.raises(AudioError, match="may last 1 s at most"):
        read_audio(encoded(tone(2.0)), max_seconds=1.0)


def silent_flac(seconds: int, claimed: int | None = None) -> bytes:
    """A few bytes that unpack into hours; `claimed` overwrites the number of samples in the header."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 48000, 1, format="FLAC", subtype="PCM_16") as sound:
        second = np.zeros(48000, np.int16)
        for _ in range(seconds):
            sound.write(second)
    data = bytearray(file.getvalue())
    if claimed is not None:  # STREAMINFO: the last 36 bits before the MD5 are the number of samples
        (bits,) = struct.unpack(">Q", data[18:26])
        data[18:26] = struct.pack(">Q", bits >> 36 << 36 | claimed)
    return bytes(data)


@pytest.mark.parametrize("claimed", [None, 0, 48000])
def test_a_bomb_of_silence_is_never_unpacked(claimed: int | None) -> None:
    bomb = silent_flac(1800, claimed)
    assert len(bomb) < 2_000_000
    tracemalloc.start()
    try:
        audio = read_audio(bomb)
    except AudioError as error:
        assert "120 s" in error.message
    else:
        assert len(audio) <= 120 * RATE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6


def test_without_the_native_library(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fail_with(error: Exception) -> Callable[..., Any]:
        def importer(name: str, *args: Any, **options: Any) -> Any:
            if name == "soundfile":
                raise error
            return real(name, *args, **options)

        return importer

    for error, says in ((OSError("sndfile library not found"), "libsndfile"), (ImportError("no"), "soundfile")):
        monkeypatch.setattr(builtins, "__import__", fail_with(error))
        with pytest.raises(MissingPackageError, match=says) as caught:
            read_audio(b"RIFF")
        assert caught.value.hint
