"""The Piper voice: the one adapter to piper-tts, which is GPL-3.0-or-later because it carries espeak-ng.

Nothing of Piper is imported until a voice is loaded. Piper turns text into phonemes and these into numbers; the model
runs here, in an onnxruntime session with few threads of its own, and gives out the length of every symbol as well.
"""

import difflib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import EngineError, InputError, MissingPackageError, ModelError
from npc_runtime.speech import Clip, Samples, TimedPhone, Timing
from npc_runtime.tts.estimate import spread
from npc_runtime.tts.language import spoken_language
from npc_runtime.tts.loudness import level, limit
from npc_runtime.tts.phone_walk import BLANK, walk
from npc_runtime.tts.piper_files import PiperFiles, read_files
from npc_runtime.tts.speakable import speakable
from npc_runtime.tts.trim import bounds, trim

PAUSES_MS = {",": 120.0, ";": 150.0, ":": 150.0, ".": 220.0, "?": 220.0, "!": 220.0}
"""Silence after a sentence, by its last mark; shorter in quick speech."""
UNFINISHED_MS = 30.0
"""Silence after words that go on in the next clause."""
MAX_SYMBOLS = 400
"""Longest run of phonemes given to the model at once; memory grows with it."""

_PIPER_LICENCE = "Piper and espeak-ng are GPL-3.0-or-later."
_MISMATCH = "the .onnx and .json files must come from the same voice; run `npc-runtime models verify`"

_log = logging.getLogger(__name__)


class PiperVoice:
    """A Piper voice, ready to speak. Use `load`."""

    def __init__(
        self, files: PiperFiles, session: Any, front: Any, *, speaker: int | None = None, licence_note: str = ""
    ) -> None:
        self._files = files
        self._session = session
        self._front = front
        self._speaker = speaker
        self._licence_note = " ".join(filter(None, (licence_note, _PIPER_LICENCE)))
        self._gain = 1.0

    @classmethod
    def load(
        cls,
        model: Path,
        *,
        config: Path | None = None,
        speaker: str | int | None = None,
        threads: int = 1,
        licence_note: str = "",
    ) -> "PiperVoice":
        """Load a voice and level it on a reference sentence.

        Args:
            model: The `.onnx` file.
            config: The `.json` file; beside the model if not given.
            speaker: Name or number of a speaker, for voices that have several.
            threads: Threads of the model; one is as fast as two for sentences.
            licence_note: What to know about this voice's licence.

        Raises:
            ModelError: A file is missing, empty, damaged or not a Piper voice, or the two do not belong together.
            MissingPackageError: Piper or onnxruntime is not installed.
            InputError: There is no such speaker.
        """
        files = read_files(model, config)
        number = _speaker(files, speaker)
        session, front = _engine(model, files, threads)
        files = replace(files, model=b"")  # the session has its own copy; this one is as large as the file
        voice = cls(files, session, front, speaker=number, licence_note=licence_note)
        try:
            reference, _ = voice._run(voice._sentences(spoken_language(files.language).reference)[0], (0.0, 1.0, 0.0))
        except Exception as error:
            raise ModelError(f"The voice {model} cannot speak: {_first_line(error)}.", hint=_MISMATCH) from error
        voice._gain = level(reference, files.rate)
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
    def gain(self) -> float:
        """Factor that brings this voice to the common loudness; the same for every clause."""
        return self._gain

    def warm_up(self) -> None:
        """Speak a sentence, so that memory is mapped and caches are filled."""
        self.synthesize(spoken_language(self.language).reference, deterministic=True)

    def synthesize(
        self,
        text: str,
        *,
        pace: float = 1.0,
        volume: float = 1.0,
        variability: float = 1.0,
        deterministic: bool = False,
    ) -> Clip:
        """Speak a text; see `Voice.synthesize`.

        Raises:
            EngineError: Piper or the model failed.
        """
        words = speakable(text, self.language)
        pace = min(max(pace, 0.5), 2.0)
        noise = 0.0 if deterministic else min(max(variability, 0.0), 2.0)
        defaults = self._front.config
        scales = (defaults.noise_scale * noise, defaults.length_scale / pace, defaults.noise_w_scale * noise)
        timing = self.timing
        pieces: list[Samples] = []
        track: list[TimedPhone] = []
        try:
            for phonemes in self._sentences(words) if words else ():
                audio, lengths = self._run(phonemes, scales)
                if lengths is None:
                    timing = "estimated"
                piece, phones = self._shape(phonemes, audio, lengths, pace)
                pieces.append(piece)
                track.extend(phones)
        except Exception as error:
            raise EngineError(
                f"The voice {self.name} failed on {text[:80]!r}: {_first_line(error)}.",
                hint="run `npc-runtime models verify`; if the files are whole, choose another voice",
            ) from error
        joined = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        loud = limit(joined * np.float32(self._gain * min(max(volume, 0.0), 4.0)))
        return Clip(loud, self.rate, _merge_silences(track), timing, self.language)

    def _sentences(self, words: str) -> list[list[str]]:
        return [part for phonemes in self._front.phonemize(words) for part in _bounded(phonemes) if _speaks(part)]

    def _run(
        self, phonemes: Sequence[str], scales: tuple[float, float, float]
    ) -> tuple[Samples, NDArray[np.int64] | None]:
        """Audio of one sentence, and the samples of each symbol number if the model tells them and they add up."""
        files = self._files
        ids = np.asarray([self._ids(phonemes)], np.int64)
        feeds = {
            "input": ids,
            "input_lengths": np.asarray([ids.shape[1]], np.int64),
            "scales": np.asarray(scales, np.float32),
        }
        if files.num_speakers > 1:
            feeds["sid"] = np.asarray([self._speaker or 0], np.int64)
        wanted = [name for name in (files.audio_output, files.duration_output) if name]
        results = self._session.run(wanted, feeds)
        audio = np.asarray(results[0], np.float32).reshape(-1)
        if not np.isfinite(audio).all():
            raise ValueError("it made sound that is not a number")
        if len(results) < 2:
            return audio, None
        lengths = np.rint(np.asarray(results[1])).astype(np.int64).reshape(-1) * files.hop
        fits = len(lengths) == ids.shape[1] and lengths.min() >= 0 and int(lengths.sum()) == len(audio)
        return audio, lengths if fits else None

    def _ids(self, phonemes: Sequence[str]) -> list[int]:
        return [int(number) for number in self._front.phonemes_to_ids(list(phonemes))]

    def _shape(
        self, phonemes: Sequence[str], audio: Samples, lengths: NDArray[np.int64] | None, pace: float
    ) -> tuple[Samples, tuple[TimedPhone, ...]]:
        symbols = [self._files.symbols.get(number, BLANK) for number in self._ids(phonemes)]
        onset, end = bounds(audio, self.rate, self._gain)
        if lengths is None:
            samples = spread(symbols, len(audio), lead=onset, tail=len(audio) - end)
        else:
            samples = [int(count) for count in lengths]
        phones = walk(symbols, samples, self.language, onset=onset)
        mark = next((symbol for symbol in reversed(phonemes) if not symbol.isspace()), "")
        return trim(audio, phones, self.rate, end=end, pause_ms=PAUSES_MS.get(mark, UNFINISHED_MS) / pace)


def _engine(model: Path, files: PiperFiles, threads: int) -> tuple[Any, Any]:
    try:
        import onnxruntime
        from piper import PiperVoice as Front
        from piper.config import PiperConfig
    except ImportError as error:
        raise MissingPackageError(
            f"The Piper voice engine is not usable: {error}.",
            hint="install the packages `piper-tts` and `onnxruntime`, then run `npc-runtime doctor`",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(threads, 1)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning pool keeps a core busy between sentences, which the game and the language model need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # it holds 70 MB that the game can use, and saves a tenth of a short sentence
    try:
        session = onnxruntime.InferenceSession(files.model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"The voice model {model} cannot be loaded: {_first_line(error)}.",
            hint="the file is damaged or not a Piper voice; fetch it again",
        ) from error
    session._model_bytes = None  # kept only to load the session again elsewhere, 63 MB for nothing
    expected = {"input", "input_lengths", "scales"} | ({"sid"} if files.num_speakers > 1 else set())
    inputs = {entry.name for entry in session.get_inputs()}
    if inputs != expected:
        raise ModelError(
            f"The voice model {model} takes {', '.join(sorted(inputs))}, but its description asks for "
            f"{', '.join(sorted(expected))}.",
            hint=_MISMATCH,
        )
    try:
        front = Front(session, PiperConfig.from_dict(dict(files.config)))
    except Exception as error:
        raise ModelError(
            f"The description of the voice {model} is not understood: {_first_line(error)}.", hint=_MISMATCH
        ) from error
    return session, front


def _speaker(files: PiperFiles, speaker: str | int | None) -> int | None:
    if speaker is None:
        return None
    if isinstance(speaker, str) and speaker in files.speakers:
        return files.speakers[speaker]
    if isinstance(speaker, int) or speaker.isdecimal():
        if 0 <= int(speaker) < files.num_speakers:
            return int(speaker)
        hint = f"it has {files.num_speakers}, numbered from 0"
    else:
        close = difflib.get_close_matches(speaker, files.speakers, 1, 0.5)
        names = ", ".join(sorted(files.speakers)[:8]) or "only one speaker, without a name"
        hint = f"did you mean {close[0]!r}?" if close else f"it has {names}"
    raise InputError(f"The voice {files.name} has no speaker {speaker!r}.", hint=hint)


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
