"""The espeak-ng library: the one binding to it, from the package `espeakng-loader`, which is GPL-3.0-or-later.

Nothing of it is loaded until it is asked for. The library has one state for the whole process: one voice, one set of
parameters, one listener. A lock keeps calls apart, so that a voice in its lane and an estimate made elsewhere may both
use it. The copy of espeak-ng inside Piper is another library with a state of its own; they do not see each other.
"""

import ctypes
import functools
import importlib.util
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import EngineError, MissingPackageError
from npc_runtime.lane import Stopped, Ticket
from npc_runtime.speech import Samples

PACKAGE = "espeakng_loader"
MAX_SECONDS = 300
"""Longest speech of one text; no clause comes near."""

# Values of espeak-ng's public header, speak_lib.h.
_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_UTF8 = 1
_WORD, _PHONEME = 1, 7
_RATE, _PITCH, _RANGE = 1, 3, 4


_MUTE = frozenset(["gmq/fo", "trk/kaa", "art/xex"])
"""Voices that the package lists without the dictionary which they need."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_ubyte * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Listener = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class EspeakPhone:
    """One phone as espeak tells of it."""

    start: int
    """Its first sample."""
    ipa: str
    """With stress and length marks; empty for a pause."""
    word: bool
    """Whether a word begins here."""


@dataclass(frozen=True, slots=True)
class EspeakSpeech:
    """What espeak made of a text."""

    audio: NDArray[np.int16]
    """Mono, shape (n,)."""
    phones: tuple[EspeakPhone, ...]
    """In order; their starts never decrease."""

    @property
    def sound(self) -> Samples:
        """The audio within -1..1."""
        return self.audio.astype(np.float32) * np.float32(1 / 32768)


@dataclass(frozen=True, slots=True)
class EspeakManner:
    """How to speak."""

    words_per_minute: int = 175
    pitch: int = 50
    """Of the voice, 0..100."""
    pitch_range: int = 50
    """How lively the melody is, 0..100."""


class EspeakLibrary:
    """The library of this process. Use `espeak_library`.

    Args:
        path: The shared library.
        data: Its folder of data.

    Raises:
        EngineError: It does not find its data.
        OSError: It cannot be loaded.
        AttributeError: It is another library.
        UnicodeEncodeError: The path of its data has letters that it cannot be told.
    """

    def __init__(self, path: str, data: str) -> None:
        self._library: Any = ctypes.CDLL(path)
        self._lock = threading.Lock()
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self.rate = int(
            self._library.espeak_Initialize(
                _SYNCHRONOUS, 0, _encoded(data), _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
            )
        )
        """Samples per second."""
        if self.rate <= 0:
            raise EngineError("espeak-ng does not find its data.", hint=_REINSTALL)
        self._hearing: _Hearing | None = None
        self._listener = _Listener(self._listen)  # must live as long as the library may call it
        self._library.espeak_SetSynthCallback(self._listener)
        self.voices = self._voices()
        """Language code in lower case → identifier of the voice that speaks it best."""
        self.variants = {path.name.lower(): path.name for path in (Path(data) / "voices" / "!v").glob("*")}
        """Variant in lower case → as the library spells it."""

    def speak(self, text: str, voice: str, manner: EspeakManner, ticket: Ticket | None = None) -> EspeakSpeech | None:
        """Speak a text.

        Args:
            text: Words and punctuation; control characters would be commands.
            voice: An identifier of `voices`, with `+VARIANT` after it if wanted.
            manner: How.
            ticket: Looked at about every 60 ms of speech.

        Returns:
            The speech; None if there is no such voice.

        Raises:
            EngineError: The library refuses.
            Stopped: Nobody wants the result any more.
        """
        content = text.encode("utf-8", "replace") + b"\0"
        with self._lock:
            library = self._library
            if library.espeak_SetVoiceByName(voice.encode("utf-8")):
                return None
            library.espeak_SetParameter(_RATE, manner.words_per_minute, 0)
            library.espeak_SetParameter(_PITCH, manner.pitch, 0)
            library.espeak_SetParameter(_RANGE, manner.pitch_range, 0)
            hearing = self._hearing = _Hearing(MAX_SECONDS * self.rate, ticket)
            try:
                status = library.espeak_Synth(content, len(content), 0, 0, 0, _UTF8, None, None)
                library.espeak_Synchronize()
            finally:
                self._hearing = None
        if hearing.stopped:
            raise Stopped
        if status:
            raise EngineError(f"espeak-ng refused a text of {len(text)} characters (code {status}).")
        return hearing.result()

    def _listen(self, sound: Any, count: int, events: Any) -> int:
        hearing = self._hearing
        return 1 if hearing is None else hearing.take(sound, count, events)

    def _voices(self) -> Mapping[str, str]:
        best: dict[str, tuple[int, str]] = {}
        listed = self._library.espeak_ListVoices(None)
        at = 0
        while listed[at]:
            voice = listed[at].contents
            identifier = voice.identifier.decode("utf-8", "replace")
            mute = identifier.replace("\\", "/") in _MUTE  # it is a path inside the library's data
            for priority, code in () if mute else _languages(voice.languages):
                best[code] = min(best.get(code, (priority, identifier)), (priority, identifier))
            at += 1
        return {code: identifier for code, (_, identifier) in sorted(best.items())}


class _Hearing:
    """Receives one speech."""

    def __init__(self, limit: int, ticket: Ticket | None) -> None:
        self.stopped = False
        self._limit = limit
        self._ticket = ticket
        self._pieces: list[NDArray[np.int16]] = []
        self._samples = 0
        self._phones: list[EspeakPhone] = []
        self._word = False

    def take(self, sound: Any, count: int, events: Any) -> int:
        """The library's call; 1 ends the speech."""
        if self._ticket is not None and self._ticket.stopped:
            self.stopped = True
            return 1
        at = 0
        while events and events[at].type:
            event = events[at]
            if event.type == _WORD:
                self._word = True
            elif event.type == _PHONEME:
                ipa = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "ignore")
                self._phones.append(EspeakPhone(event.sample, ipa, bool(ipa) and self._word))
                self._word = self._word and not ipa
            at += 1
        if sound and count > 0:
            self._pieces.append(np.ctypeslib.as_array(sound, (count,)).copy())
            self._samples += count
        return int(self._samples > self._limit)

    def result(self) -> EspeakSpeech:
        audio = np.concatenate([np.zeros(0, np.int16), *self._pieces])
        return EspeakSpeech(audio, tuple(sorted(self._phones, key=lambda phone: phone.start)))


_LOADING = threading.Lock()
_LONGEST_PATH = 32_768
"""Of Windows, in characters."""
_REINSTALL = "reinstall it: pip install --force-reinstall espeakng-loader"


def espeak_library() -> EspeakLibrary:
    """The library of this process, loaded when it is first asked for.

    Raises:
        MissingPackageError: The package is not installed.
        EngineError: The library does not load.
    """
    with _LOADING:
        return _loaded()


def espeak_installed() -> bool:
    """Whether the package is there; nothing is loaded."""
    return importlib.util.find_spec(PACKAGE) is not None


@functools.cache
def _loaded() -> EspeakLibrary:
    try:
        import espeakng_loader
    except ImportError as error:
        raise MissingPackageError(
            "The voice engine espeak is not installed.", hint="run `pip install espeakng-loader`"
        ) from error
    try:
        return EspeakLibrary(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
    except UnicodeEncodeError as error:
        raise EngineError(
            f"espeak-ng cannot read its folder: its path {error.object!r} has letters that this system does not have.",
            hint="install npc-runtime in a folder whose path has plain letters only",
        ) from error
    except (OSError, RuntimeError, AttributeError) as error:  # the package says RuntimeError when its data is gone
        raise EngineError(f"The library of espeak-ng cannot be loaded: {error}.", hint=_REINSTALL) from error


def _encoded(path: str) -> bytes:
    """A path as the C library opens it: Windows reads it in the code page of the machine."""
    if sys.platform != "win32":
        return os.fsencode(path)
    # The short name of a folder has plain letters; not every disk keeps short names.
    short = ctypes.create_unicode_buffer(_LONGEST_PATH)
    length = ctypes.windll.kernel32.GetShortPathNameW(path, short, _LONGEST_PATH)
    return (short.value if 0 < length < _LONGEST_PATH else path).encode("mbcs")


def _languages(address: int | None) -> list[tuple[int, str]]:
    """Priority and code of each language: a byte and a terminated string, over and over, until a byte of zero."""
    found: list[tuple[int, str]] = []
    while address and (priority := ctypes.string_at(address, 1)[0]):
        code = ctypes.string_at(address + 1)
        found.append((priority, code.decode("utf-8", "replace").lower()))
        address += len(code) + 2
    return found
