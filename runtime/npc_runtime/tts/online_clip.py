"""From what a service sent to a clip as our own voices make it: one rate, one loudness, no long silence, timed phones.

Services do not tell phones. espeak says the same words, and its phones are spread over what was sent; where espeak does
not speak the language or is not installed, the jaw follows the loudness. A clip needs its whole length before its first
sample leaves, and a service tells that by ending; so a clause is waited for. The first clause of a reply is a few words
long, and the others are made while those before them are heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npc_runtime.errors import NpcError
from npc_runtime.speech import Clip, Samples, TimedPhone, Timing
from npc_runtime.tts.espeak import espeak_identifier, timed_phones
from npc_runtime.tts.espeak_library import EspeakManner, espeak_installed, espeak_library
from npc_runtime.tts.loudness import frame_rms, level, limit
from npc_runtime.tts.mouths import Manner
from npc_runtime.tts.pauses import pause_ms
from npc_runtime.tts.trim import bounds, trim

RATE = 22_050
"""Samples per second of every clip, that of the voices on this machine: a reply may pass from one to the other."""
SECONDS_EACH = 0.6
"""The longest that a character of text may take, besides `SECONDS_MORE`; slow speech takes 0.1."""
SECONDS_MORE = 10.0

_HOP_S = 0.03
_QUIET, _LOUD = 10 ** (-30 / 20), 10 ** (-9 / 20)


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is spoken."""

    text: str
    start: int
    """First sample."""
    end: int
    """The sample after the last one."""


def at_rate(audio: Samples, rate: int) -> Samples:
    """The same sound at `RATE`."""
    if rate == RATE:
        return audio
    import soxr

    resampled: Samples = soxr.resample(audio, rate, RATE).astype(np.float32)
    return resampled


def gain_of(audio: Samples) -> float:
    """What brings a voice to the common loudness, measured on one clip of it."""
    return level(audio, RATE)


def clip(audio: Samples, words: str, language: str, gain: float, manner: Manner, known: Sequence[Word] = ()) -> Clip:
    """Make a clip of a sound.

    Args:
        audio: Mono samples at `RATE`, shape (n,).
        words: What is spoken.
        language: ISO 639 code.
        gain: See `gain_of`.
        manner: How it was asked for; its volume is applied here.
        known: Words with their times, where the service tells them, in order.

    Raises:
        ValueError: It is silent, or much too long for its words; the message says which.
    """
    if len(audio) > (SECONDS_MORE + SECONDS_EACH * len(words)) * RATE:
        raise ValueError(f"{len(audio) / RATE:.0f} s of sound for {len(words)} characters")
    begin, end = bounds(audio, RATE, gain)
    if begin == end:
        raise ValueError("silence")
    phones, timing = _phones(audio, begin, end, words, language, known)
    colour = manner.colour
    pace = manner.pace * (colour.rate if colour else 1.0)
    kept, track = trim(audio, phones, RATE, end=end, pause_ms=pause_ms(words, pace))
    factor = gain * min(max(manner.volume * (colour.volume if colour else 1.0), 0.0), 4.0)
    return Clip(limit(kept * np.float32(factor)), RATE, track, timing, language)


def empty(language: str) -> Clip:
    """A clip of nothing."""
    return Clip(np.zeros(0, np.float32), RATE, (), "estimated", language)


def fit(phones: Sequence[TimedPhone], total: int) -> list[TimedPhone]:
    """The same phones, each as much longer or shorter as it takes to fill `total` samples, exactly."""
    whole = sum(phone.samples for phone in phones)
    fitted: list[TimedPhone] = []
    done = reached = 0
    for phone in phones:
        done += phone.samples
        edge = total * done // max(whole, 1)
        if edge > reached:
            fitted.append(TimedPhone(phone.ipa, edge - reached, phone.stressed, phone.word_start))
        reached = max(reached, edge)
    return fitted


def _phones(
    audio: Samples, begin: int, end: int, words: str, language: str, known: Sequence[Word]
) -> tuple[list[TimedPhone], Timing]:
    if known:
        placed = _placed(known, language, len(audio))
        if placed:
            return placed, "estimated"
    spoken = _spoken(words, language)
    if not spoken:
        return _loudness(audio), "energy"
    return [_silence(begin), *fit(spoken, end - begin), _silence(len(audio) - end)], "estimated"


def _placed(known: Sequence[Word], language: str, total: int) -> list[TimedPhone]:
    """The phones of each word spread over its own time; empty if espeak has none for any of them."""
    placed: list[TimedPhone] = []
    at = 0
    for word in known:
        spoken = _spoken(word.text, language)
        if not spoken or word.end <= max(word.start, at):
            continue
        start = max(word.start, at)
        if start > at:
            placed.append(_silence(start - at))
        placed += fit(spoken, word.end - start)
        at = word.end
    return [*placed, _silence(total - at)] if placed else []


def _spoken(words: str, language: str) -> list[TimedPhone]:
    """The phones that espeak speaks for words, without the silence around them; empty if it cannot."""
    if not espeak_installed():
        return []
    try:
        library = espeak_library()
        speech = library.speak(words, espeak_identifier(library, language), EspeakManner())
    except NpcError:
        return []
    phones = list(timed_phones(speech, library.rate, language)) if speech is not None else []
    while phones and not phones[-1].ipa:
        phones.pop()
    while phones and not phones[0].ipa:
        phones.pop(0)
    return phones


def _loudness(audio: Samples) -> list[TimedPhone]:
    """Vowels as wide as the sound is loud, where no phones are known."""
    frames, size = frame_rms(audio, RATE)
    many = max(round(_HOP_S * RATE / size), 1)
    peak = float(frames.max()) or 1.0
    phones: list[TimedPhone] = []
    for at in range(0, len(frames), many):
        loud = float(frames[at : at + many].max()) / peak
        ipa = "" if loud < _QUIET else "ə" if loud < _LOUD else "ɑ"
        count = min(many * size, len(audio) - at * size)
        if phones and phones[-1].ipa == ipa:
            phones[-1] = TimedPhone(ipa, phones[-1].samples + count)
        elif count > 0:
            phones.append(TimedPhone(ipa, count))
    return phones


def _silence(samples: int) -> TimedPhone:
    return TimedPhone("", max(samples, 0))
