"""The espeak voice: about a hundred languages on every machine, with the exact time of each phone.

The library tells where each phone begins, sample by sample. It speaks some five hundred times faster than a person
listens, so a clause is made whole before its head is given.
"""

import difflib
import unicodedata
from collections import OrderedDict
from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np

from npc_runtime.errors import InputError
from npc_runtime.lane import Ticket
from npc_runtime.speech import Clip, ClipHead, ClipPiece, TimedPhone, Timing, VoiceColour
from npc_runtime.tts.espeak_library import EspeakLibrary, EspeakManner, EspeakPhone, EspeakSpeech, espeak_library
from npc_runtime.tts.language import spoken_language
from npc_runtime.tts.loudness import level, limit
from npc_runtime.tts.pauses import pause_ms
from npc_runtime.tts.phone_walk import BEGIN, BLANK, PRIMARY, SECONDARY, walk
from npc_runtime.tts.speakable import speakable
from npc_runtime.tts.trim import bounds, trim

LICENCE = "espeak-ng is GPL-3.0-or-later."

_WORDS_PER_MINUTE = 175.0
"""The library's own speed; measured, the length follows it within 6 % over 80..450."""
_SLOWEST, _FASTEST = 80, 450
_RANGE = 50.0
"""The library's own range of pitch."""
_PIECE_S = 0.5
_REPEATABLE = 32
_CLOSURE_MS = 80
"""A silence inside a word that is shorter belongs to its consonants."""
_ONSET_MS = 3
_TIE = "\u0361"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be spoken, and how."""

    words: str
    manner: EspeakManner
    factor: float
    pace: float


class EspeakVoice:
    """An espeak voice, ready to speak. Use `load`."""

    def __init__(self, library: EspeakLibrary, name: str, identifier: str, pitch: int) -> None:
        self._library = library
        self._name = name
        self._identifier = identifier
        self._pitch = pitch
        self._language = primary(name.partition("+")[0])
        self._gain = 1.0
        self._repeatable: OrderedDict[_Wish, Clip] = OrderedDict()

    @classmethod
    def load(cls, name: str, *, pitch: int = 50) -> "EspeakVoice":
        """Choose a voice and level it on a reference sentence.

        Args:
            name: A language such as `de` or `en-us`, and a variant after `+` if wanted: `en-gb+f2`.
            pitch: Of the voice, 0..100; 50 is its own.

        Raises:
            InputError: espeak does not have that language or variant.
            MissingPackageError: espeak-ng is not installed.
            EngineError: It does not load.
        """
        library = espeak_library()
        voice = cls(library, name, espeak_identifier(library, name), min(max(pitch, 0), 100))
        reference = spoken_language(voice.language).reference
        speech = library.speak(reference, voice._identifier, EspeakManner(pitch=voice._pitch))
        if speech is None or not len(speech.audio):
            raise InputError(f"espeak cannot speak with the voice {name!r}.", hint="choose another variant")
        voice._gain = level(speech.sound, voice.rate)
        return voice

    @property
    def name(self) -> str:
        """Language and variant, such as `en-gb+m3`."""
        return self._name

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._library.rate

    @property
    def language(self) -> str:
        """ISO 639 code."""
        return self._language

    @property
    def timing(self) -> Timing:
        """Always `exact`."""
        return "exact"

    @property
    def licence_note(self) -> str:
        """Licence of the engine; it has no recordings."""
        return LICENCE

    def warm_up(self) -> None:
        """Nothing is left to do once it is loaded: it has spoken its reference sentence."""

    def synthesize(
        self,
        text: str,
        *,
        pace: float = 1.0,
        volume: float = 1.0,
        variability: float = 1.0,
        colour: VoiceColour | None = None,
        deterministic: bool = False,
    ) -> Clip:
        """Speak a text; see `Voice.synthesize`.

        The library goes on where its last speech ended, so that the same text differs by a few samples each time. What
        was asked for as deterministic is therefore kept, the last 32 texts of a voice.

        Raises:
            EngineError: The library failed.
        """
        return self._spoken(self._wish(text, pace, volume, variability, colour), deterministic, None)

    def stream(
        self,
        text: str,
        *,
        pace: float = 1.0,
        volume: float = 1.0,
        variability: float = 1.0,
        colour: VoiceColour | None = None,
        deterministic: bool = False,
        ticket: Ticket | None = None,
    ) -> Iterator[ClipHead | ClipPiece]:
        """Speak a text piece by piece; see `Voice.stream`.

        Raises:
            EngineError: The library failed.
            Stopped: Nobody wants the result any more.
        """
        clip = self._spoken(self._wish(text, pace, volume, variability, colour), deterministic, ticket)
        if not len(clip.audio):
            return
        yield clip.head
        for piece in pieces(clip):
            if ticket is not None:
                ticket.check()
            yield piece

    def _wish(self, text: str, pace: float, volume: float, variability: float, colour: VoiceColour | None) -> _Wish:
        colour = colour or VoiceColour()
        speed = min(max(pace, 0.5), 2.0) * colour.rate
        lively = min(max(variability * colour.variability, 0.0), 2.0)
        manner = EspeakManner(
            words_per_minute=min(max(round(_WORDS_PER_MINUTE * speed), _SLOWEST), _FASTEST),
            pitch=self._pitch,
            pitch_range=min(max(round(_RANGE * lively), 0), 100),
        )
        factor = self._gain * min(max(volume * colour.volume, 0.0), 4.0)
        return _Wish(speakable(text, self._language), manner, factor, speed)

    def _spoken(self, wish: _Wish, deterministic: bool, ticket: Ticket | None) -> Clip:
        if deterministic and wish in self._repeatable:
            return self._repeatable[wish]
        clip = self._made(wish, ticket)
        if deterministic:
            self._repeatable[wish] = clip
            if len(self._repeatable) > _REPEATABLE:
                self._repeatable.popitem(last=False)
        return clip

    def _made(self, wish: _Wish, ticket: Ticket | None) -> Clip:
        audio, phones = np.zeros(0, np.float32), tuple[TimedPhone, ...]()
        if wish.words:
            speech = self._library.speak(wish.words, self._identifier, wish.manner, ticket)
            if speech is not None and len(speech.audio):
                sound = speech.sound
                audio, phones = trim(
                    sound,
                    timed_phones(speech, self.rate, self._language),
                    self.rate,
                    end=bounds(sound, self.rate, self._gain)[1],
                    pause_ms=pause_ms(wish.words, wish.pace),
                )
                # A voiced sound begins with the very first sample.
                begin = min(self.rate * _ONSET_MS // 1000, len(audio))
                audio[:begin] *= np.linspace(0, 1, begin, dtype=np.float32)
        return Clip(limit(audio * np.float32(wish.factor)), self.rate, phones, "exact", self._language)


def pieces(clip: Clip) -> Iterator[ClipPiece]:
    """The sound of a clip, half a second at a time."""
    size = round(clip.rate * _PIECE_S)
    for at in range(0, len(clip.audio), size):
        yield ClipPiece(clip.audio[at : at + size], clip.rate, last=at + size >= len(clip.audio))


def primary(code: str) -> str:
    """The language of a code, without its region: `en` of `en_GB`."""
    return code.replace("_", "-").partition("-")[0].lower()


def espeak_language(voices: Container[str], code: str) -> str | None:
    """The language of espeak that comes nearest to a code: `de` for `de-AT`; None if there is none."""
    code = code.replace("_", "-").lower()
    while code and code not in voices:
        code = code.rpartition("-")[0]
    return code or None


def espeak_identifier(library: EspeakLibrary, name: str) -> str:
    """What the library calls a voice.

    Raises:
        InputError: There is no such language or variant; the hint names one that is spelled nearly so.
    """
    wanted, plus, variant = name.partition("+")
    code = espeak_language(library.voices, wanted)
    if code is None:
        near = difflib.get_close_matches(wanted.lower(), library.voices, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else "it is a language code such as `en`, `de` or `pt-br`"
        raise InputError(f"espeak does not speak {wanted!r}.", hint=hint)
    if not plus:
        return library.voices[code]
    found = library.variants.get(variant.lower())
    if found is None:
        near = difflib.get_close_matches(variant.lower(), library.variants, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else "try m1 to m8 or f1 to f5"
        raise InputError(f"espeak has no variant {variant!r}.", hint=hint)
    return f"{library.voices[code]}+{found}"


def timed_phones(speech: EspeakSpeech, rate: int, language: str) -> tuple[TimedPhone, ...]:
    """The phones of a speech, as lip-sync knows them; their samples add up to its length, exactly.

    Args:
        speech: What espeak told.
        rate: Samples per second.
        language: ISO 639 code.
    """
    total = len(speech.audio)
    symbols: list[str] = []
    counts: list[int] = []

    def put(symbol: str, count: int = 0) -> None:
        symbols.append(symbol)
        counts.append(count)

    starts = [min(max(phone.start, 0), total) for phone in speech.phones]
    put(BEGIN, starts[0] if starts else total)
    for phone, after, start, end in zip(
        speech.phones, [*speech.phones[1:], None], starts, [*starts[1:], total], strict=True
    ):
        if not phone.ipa:
            inside = after is not None and after.ipa and not after.word and (end - start) * 1000 < _CLOSURE_MS * rate
            put(BLANK if inside else BEGIN, end - start)
            continue
        if phone.word:
            put(" ")
        if PRIMARY in phone.ipa or SECONDARY in phone.ipa:
            put(PRIMARY if PRIMARY in phone.ipa else SECONDARY)
        letters = _letters(phone)
        edges = [start + (end - start) * at // len(letters) for at in range(len(letters) + 1)]
        for letter, begin, stop in zip(letters, edges, edges[1:], strict=False):
            put(letter, stop - begin)
    return walk(symbols, counts, language)


def _letters(phone: EspeakPhone) -> list[str]:
    """The letters of one phone, each with its marks; the parts of a diphthong share its time evenly."""
    letters: list[str] = []
    for char in unicodedata.normalize("NFC", phone.ipa):
        if char in (PRIMARY, SECONDARY, _TIE):
            continue
        if unicodedata.category(char) in ("Ll", "Lo") or not letters:
            letters.append(char)
        else:
            letters[-1] += char
    return letters or [BEGIN]
