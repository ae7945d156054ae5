"""Levelling, trimming, estimated lengths and WAV files: the arithmetic on samples."""

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.errors import OutputError
from npc_runtime.speech import Samples, TimedPhone
from npc_runtime.tts.estimate import spread
from npc_runtime.tts.loudness import CEILING, KNEE, TARGET_DBFS, level, limit, speech_rms
from npc_runtime.tts.trim import bounds, trim
from npc_runtime.tts.wav import pcm16, write_wav

RATE = 22050


def _tone(seconds: float, peak: float) -> Samples:
    wave_ = np.sin(2 * np.pi * 200 * np.arange(round(RATE * seconds)) / RATE) * peak
    return np.asarray(wave_, np.float32)


def _silence(seconds: float) -> Samples:
    return np.zeros(round(RATE * seconds), np.float32)


@pytest.mark.parametrize("peak", [0.01, 0.1, 0.5, 1.0])
def test_speech_is_brought_to_one_loudness_whatever_its_pauses(peak: float) -> None:
    for audio in (_tone(1, peak), np.concatenate([_silence(2), _tone(1, peak), _silence(1)])):
        after = speech_rms(np.asarray(audio * level(audio, RATE), np.float32), RATE)
        assert 20 * np.log10(after) == pytest.approx(TARGET_DBFS, abs=0.2)


def test_silence_and_near_silence_are_not_blown_up() -> None:
    assert level(_silence(1), RATE) == 1.0
    assert level(np.zeros(0, np.float32), RATE) == 1.0
    assert level(_tone(1, 1e-6), RATE) <= 20


@given(st.lists(st.floats(-50, 50, width=32), max_size=50))
def test_the_limiter_holds_the_ceiling_and_leaves_quiet_sound_alone(values: list[float]) -> None:
    audio = np.asarray(values, np.float32)
    out = limit(audio)
    quiet = np.abs(audio) <= KNEE
    assert np.all(np.abs(out) <= CEILING + 1e-6)
    assert np.array_equal(out[quiet], audio[quiet])
    assert np.all(np.sign(out) == np.sign(audio))


def test_bounds_find_the_sound() -> None:
    audio = np.concatenate([_silence(0.1), _tone(0.5, 0.3), _silence(0.2)])
    start, end = bounds(audio, RATE, 1.0)
    assert start == pytest.approx(0.1 * RATE, abs=0.006 * RATE)
    assert end == pytest.approx(0.6 * RATE, abs=0.006 * RATE)
    assert bounds(_silence(0.3), RATE, 1.0) == (0, 0)
    assert bounds(np.zeros(0, np.float32), RATE, 1.0) == (0, 0)


def test_silence_is_cut_and_the_phones_go_with_it() -> None:
    audio = np.concatenate([_silence(0.1), _tone(0.5, 0.3), _silence(0.3)])
    phones = (TimedPhone("", 2205), TimedPhone("a", 5000), TimedPhone("p", 6025), TimedPhone("", 6615))
    out, track = trim(audio, phones, RATE, end=13230, pause_ms=100)
    assert [(phone.ipa, phone.samples) for phone in track] == [("", 44), ("a", 5000), ("p", 6025), ("", 2205)]
    assert len(out) == 44 + 11025 + 2205
    assert np.array_equal(out[44 : 44 + 11025], audio[2205:13230])


def test_a_short_tail_is_filled_up() -> None:
    out, track = trim(_tone(0.1, 0.3), (TimedPhone("a", 2205),), RATE, end=2205, pause_ms=200)
    assert [phone.samples for phone in track] == [2205, 4410]
    assert len(out) == 6615
    assert not out[2205:].any()


@given(
    st.lists(st.tuples(st.sampled_from(["", "a", "p"]), st.integers(1, 3000)), max_size=10),
    st.integers(0, 40_000),
    st.floats(0, 400),
)
def test_after_trimming_the_phones_add_up(pairs: list[tuple[str, int]], end: int, pause: float) -> None:
    phones = [TimedPhone(ipa, count) for ipa, count in pairs]
    audio = np.ones(sum(count for _, count in pairs), np.float32)
    out, track = trim(audio, phones, RATE, end=end, pause_ms=pause)
    assert sum(phone.samples for phone in track) == len(out)
    assert [p.ipa for p in track if p.ipa] == [p.ipa for p in phones if p.ipa]


@given(st.lists(st.sampled_from([*"^_ˈatsɾː ,.$"]), max_size=30), st.integers(0, 90_000), st.integers(0, 50_000))
def test_estimated_lengths_add_up(symbols: list[str], total: int, lead: int) -> None:
    counts = spread(symbols, total, lead=lead, tail=lead // 2)
    assert len(counts) == len(symbols)
    assert all(count >= 0 for count in counts)
    assert sum(counts) == (total if symbols else 0)


def test_estimated_vowels_are_longer_than_taps_and_blanks_have_no_length() -> None:
    counts = dict(zip("^_aɾ$", spread(list("^_aɾ$"), 10_000, lead=1000, tail=2000), strict=True))
    assert counts["^"] == 1000
    assert counts["$"] == 2000
    assert counts["_"] == 0
    assert counts["a"] > 2 * counts["ɾ"] > 0


def test_pcm_never_wraps_around() -> None:
    samples = np.asarray([0, 1, -1, 3, -3, np.nan, np.inf, -np.inf, 0.5], np.float32)
    assert np.frombuffer(pcm16(samples), "<i2").tolist() == [0, 32767, -32767, 32767, -32767, 0, 32767, -32767, 16384]


def test_a_wav_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "reply.wav"
    for seconds in (0.5, 0.0, 0.25):
        write_wav(path, _tone(seconds, 0.5), RATE)
        with wave.open(str(path), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
            assert file.readframes(file.getnframes()) == pcm16(_tone(seconds, 0.5))
    assert [file.name for file in path.parent.iterdir()] == ["reply.wav"]


def test_a_place_that_cannot_be_written_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"Cannot write .*reply\.wav"):
        write_wav(tmp_path / "file" / "reply.wav", _tone(0.1, 0.5), RATE)
    (tmp_path / "taken.wav").mkdir()
    with pytest.raises(OutputError):
        write_wav(tmp_path / "taken.wav", _tone(0.1, 0.5), RATE)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "taken.wav"]
