"""The Piper voice: the one adapter to piper-tts, which is GPL-3.0-or-later because it carries espeak-ng.

Nothing of Piper is imported until a voice is loaded. Piper turns text into phonemes and these into numbers; the model
runs here, in an onnxruntime session with few threads of its own, and gives out the length of every symbol as well.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from npc_runtime.errors import EngineError, MissingPackageError, ModelError
from npc_runtime.lane import Stopped, Ticket
from npc_runtime.speech import Clip, ClipHead, ClipPiece, Samples, TimedPhone, Timing, VoiceColour
from npc_runtime.tts.framed import MOST_FRAMES, growing
from npc_runtime.tts.framed_model import VoiceModel, open_model
from npc_runtime.tts.framed_sentence import Sentence, begin
from npc_runtime.tts.framed_session import Feeds
from npc_runtime.tts.framed_verdict import Margins
from npc_runtime.tts.language import spoken_language
from npc_runtime.tts.loudness import level, limit
from npc_runtime.tts.onnx_split import read_model
from npc_runtime.tts.pauses import pause_ms
from npc_runtime.tts.phone_walk import BLANK
from npc_runtime.tts.piper_files import PiperFiles, read_files
from npc_runtime.tts.speakable import speakable
from npc_runtime.tts.tempo import SCALES, Tempo

MAX_SYMBOLS = 400
"""Longest run of phonemes given to the model at once; memory grows with it."""

_PIPER_LICENCE = "Piper and espeak-ng are GPL-3.0-or-later."
_MISMATCH = "the .onnx and .json files must come from the same voice; run `npc-runtime models verify`"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a text is to be spoken."""

    scales: tuple[float, float, float]
    """Noise, length and noise of the length, as the model takes them."""
    pace: float
    """Speed, for the pauses between sentences."""
    factor: np.float32
    """On each sample."""


class PiperVoice:
    """A Piper voice, ready to speak. Use `load`."""

    def __init__(
        self, files: PiperFiles, model: VoiceModel, front: Any, *, speaker: int | None = None, licence_note: str = ""
    ) -> None:
        self._files = files
        self._model = model
        self._front = front
        self._speaker = speaker
        self._licence_note = " ".join(filter(None, (licence_note, _PIPER_LICENCE)))
        self._gain = 1.0
        self._tempo: Tempo | None = None

    @classmethod
    def load(
        cls,
        model: Path,
        *,
        config: Path | None = None,
        speaker: str | int | None = None,
        threads: int = 1,
        licence_note: str = "",
        margins: Margins | None = None,
        cache: Path | None = None,
    ) -> "PiperVoice":
        """Load a voice and level it on a reference sentence.

        Args:
            model: The `.onnx` file.
            config: The `.json` file; beside the model if not given.
            speaker: Name or number of a speaker, for voices that have several.
            threads: Threads of the model; one is as fast as two for sentences.
            licence_note: What to know about this voice's licence.
            margins: With which this very voice may be decoded in frames, if that is known.
            cache: Folder that remembers whether the voice may be decoded in frames; without either that is found
                out at each load, which then takes some seconds more.

        Raises:
            ModelError: A file is missing, empty, damaged or not a Piper voice, or the two do not belong together.
            MissingPackageError: Piper or onnxruntime is not installed.
            InputError: There is no such speaker.
        """
        files = read_files(model, config)
        number = files.speaker(speaker)
        front = _front(model, files)
        try:
            reference = _sentences(front, spoken_language(files.language).reference)[0]
            sample = files.feeds(_ids(front, reference), (0.0, 1.0, 0.0), number)
        except Exception as error:
            raise _cannot_speak(model, error) from error
        network = _network(model, files, sample, threads, margins, cache)
        files = replace(files, model=b"")  # the session has its own copy; this one is as large as the file
        voice = cls(files, network, front, speaker=number, licence_note=licence_note)
        try:
            voice._gain = level(np.concatenate([*network.start(sample, _even()).pieces]), files.rate)
            voice._tempo = voice._measured(_ids(front, reference))
        except Exception as error:
            raise _cannot_speak(model, error) from error
        if files.duration_output is None:
            _log.warning("The voice %s does not tell phone lengths: mouth movement is estimated.", files.name)
        return voice

    @property
    def name(self) -> str:
        """Name of the voice: its file's name without `.onnx`."""
        return self._files.name

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._files.rate

    @property
    def language(self) -> str:
        """ISO 639-1 code."""
        return self._files.language

    @property
    def timing(self) -> Timing:
        """`exact` if the model tells phone lengths, else `estimated`."""
        return "exact" if self._files.duration_output is not None else "estimated"

    @property
    def licence_note(self) -> str:
        """Licence of the voice, if known, and of the engine."""
        return self._licence_note

    @property
    def framed(self) -> bool:
        """Whether the sound of a sentence comes in pieces."""
        return self._model.framed

    @property
    def gain(self) -> float:
        """Factor that brings this voice to the common loudness; the same for every clause."""
        return self._gain

    def warm_up(self) -> None:
        """Nothing: a voice has spoken a sentence when it is loaded."""

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

        Raises:
            EngineError: Piper or the model failed.
        """
        head = ClipHead((), 0, self.rate, self.timing, self.language)
        pieces: list[Samples] = [np.zeros(0, np.float32)]
        manner = self._manner(pace, volume, 0.0 if deterministic else variability, colour or VoiceColour())
        for part in self._speak(text, manner, _even, Ticket()):
            if isinstance(part, ClipHead):
                head = part
            else:
                pieces.append(part.audio)
        return Clip(np.concatenate(pieces), head.rate, head.phones, head.timing, head.language)

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
            EngineError: Piper or the model failed.
            Stopped: Nobody wants the result any more.
        """
        manner = self._manner(pace, volume, 0.0 if deterministic else variability, colour or VoiceColour())
        return self._speak(text, manner, growing, ticket or Ticket())

    def _measured(self, reference: Sequence[int]) -> Tempo | None:
        """How the voice's length follows its length scale; None where all would have to be spoken to find out."""
        if not self._model.framed:
            return None
        own = float(self._front.config.length_scale)
        begun = [
            self._model.start(self._files.feeds(reference, (0.0, own * scale, 0.0), self._speaker), _even())
            for scale in SCALES
        ]
        lengths = [float(sounding.lengths.sum()) for sounding in begun if sounding.lengths is not None]
        return Tempo(lengths) if len(lengths) == len(SCALES) else None

    def _manner(self, pace: float, volume: float, variability: float, colour: VoiceColour) -> _Manner:
        own = self._front.config
        pace = min(max(pace, 0.5), 2.0)
        noise = min(max(variability * colour.variability, 0.0), 2.0)
        stretch = self._tempo.stretch(pace, colour.rate) if self._tempo is not None else 1 / colour.rate
        return _Manner(
            scales=(own.noise_scale * noise, own.length_scale / pace * stretch, own.noise_w_scale * noise),
            pace=pace * colour.rate,
            factor=np.float32(self._gain * min(max(volume * colour.volume, 0.0), 4.0)),
        )

    def _speak(
        self, text: str, manner: _Manner, sizes: Callable[[], Iterator[int]], ticket: Ticket
    ) -> Iterator[ClipHead | ClipPiece]:
        words = speakable(text, self.language)
        try:
            begun = [
                self._begin(phonemes, manner, sizes(), ticket)
                for phonemes in (_sentences(self._front, words) if words else ())
            ]
            sentences = [sentence for sentence in begun if sentence is not None]
            if not sentences:
                return
            head = self._head(sentences)
            yield head
            left = head.samples
            for sentence in sentences:
                for piece in sentence.audio():
                    left -= len(piece)
                    # Each sample is levelled and limited for itself, so that pieces join without a click.
                    yield ClipPiece(limit(piece * manner.factor), self.rate, last=not left)
        except Stopped:
            raise
        except Exception as error:
            raise EngineError(
                f"The voice {self.name} failed on {text[:80]!r}: {_first_line(error)}.",
                hint="run `npc-runtime models verify`; if the files are whole, choose another voice",
            ) from error

    def _begin(self, phonemes: Sequence[str], manner: _Manner, sizes: Iterator[int], ticket: Ticket) -> Sentence | None:
        ticket.check()
        ids = _ids(self._front, phonemes)
        sounding = self._model.start(self._files.feeds(ids, manner.scales, self._speaker), sizes)
        return begin(
            replace(sounding, pieces=_checked(sounding.pieces, ticket)),
            [self._files.symbols.get(number, BLANK) for number in ids],
            rate=self.rate,
            language=self.language,
            gain=self._gain,
            pause_ms=pause_ms("".join(phonemes), manner.pace),
        )

    def _head(self, sentences: Sequence[Sentence]) -> ClipHead:
        track = _merge_silences([phone for sentence in sentences for phone in sentence.trim.phones])
        exact = all(sentence.timing == "exact" for sentence in sentences)
        total = sum(sentence.trim.total for sentence in sentences)
        return ClipHead(track, total, self.rate, "exact" if exact else "estimated", self.language)


def _even() -> Iterator[int]:
    """Pieces for what is wanted as a whole: as quick as in one, in bounded memory."""
    return repeat(2 * MOST_FRAMES)


def _checked(pieces: Iterator[Samples], ticket: Ticket) -> Iterator[Samples]:
    """The same pieces, none of them made when nobody wants it any more."""
    while True:
        ticket.check()
        piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def _sentences(front: Any, words: str) -> list[list[str]]:
    return [part for phonemes in front.phonemize(words) for part in _bounded(phonemes) if _speaks(part)]


def _ids(front: Any, phonemes: Sequence[str]) -> list[int]:
    return [int(number) for number in front.phonemes_to_ids(list(phonemes))]


def _front(model: Path, files: PiperFiles) -> Any:
    """Piper's own text half; it is given no network."""
    try:
        from piper import PiperVoice as Front
        from piper.config import PiperConfig
    except ImportError as error:
        raise _not_usable(error) from error
    try:
        return Front(None, PiperConfig.from_dict(dict(files.config)))
    except Exception as error:
        raise ModelError(
            f"The description of the voice {model} is not understood: {_first_line(error)}.", hint=_MISMATCH
        ) from error


def _network(
    model: Path, files: PiperFiles, sample: Feeds, threads: int, margins: Margins | None, cache: Path | None
) -> VoiceModel:
    inputs = set(read_model(files.model).inputs)
    if inputs != set(sample):
        raise ModelError(
            f"The voice model {model} takes {', '.join(sorted(inputs))}, but its description asks for "
            f"{', '.join(sorted(sample))}.",
            hint=_MISMATCH,
        )
    try:
        return open_model(
            files.model,
            audio=files.audio_output,
            durations=files.duration_output,
            hop=files.hop,
            sample=sample,
            threads=threads,
            margins=margins,
            cache=cache,
        )
    except ImportError as error:
        raise _not_usable(error) from error
    except Exception as error:
        raise ModelError(
            f"The voice model {model} cannot be loaded: {_first_line(error)}.",
            hint="the file is damaged or not a Piper voice; fetch it again",
        ) from error


def _not_usable(error: ImportError) -> MissingPackageError:
    return MissingPackageError(
        f"The Piper voice engine is not usable: {error}.",
        hint="install the packages `piper-tts` and `onnxruntime`, then run `npc-runtime doctor`",
    )


def _cannot_speak(model: Path, error: Exception) -> ModelError:
    return ModelError(f"The voice {model} cannot speak: {_first_line(error)}.", hint=_MISMATCH)


def _bounded(phonemes: Sequence[str]) -> Iterator[list[str]]:
    """Cut what is too long for the model, at spaces as far as there are any."""
    rest = list(phonemes)
    while len(rest) > MAX_SYMBOLS:
        cut = next((at for at in range(MAX_SYMBOLS, MAX_SYMBOLS // 2, -1) if rest[at].isspace()), MAX_SYMBOLS)
        yield rest[:cut]
        rest = rest[cut:]
    yield rest


def _speaks(phonemes: Sequence[str]) -> bool:
    return any(symbol.isalpha() for symbol in phonemes)


def _merge_silences(track: Sequence[TimedPhone]) -> tuple[TimedPhone, ...]:
    merged: list[TimedPhone] = []
    for phone in track:
        if merged and not phone.ipa and not merged[-1].ipa:
            merged[-1] = TimedPhone("", merged[-1].samples + phone.samples)
        else:
            merged.append(phone)
    return tuple(merged)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
