"""Whisper: one utterance to words, with an encoder window that fits the utterance.

Whisper is trained on windows of 30 s and `WhisperModel.transcribe` pads every clip to that. The encoder accepts less: a
floor of 10 s and 2 s of room behind the speech take about a third of the time. Where the words are then unlikely, or
the decoder goes in circles, the utterance is heard once more in the full window, and the likelier words count.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import EngineError, InputError, ModelError
from npc_runtime.lane import Ticket
from npc_runtime.speech import Samples, Transcript
from npc_runtime.stt import hotwords as names
from npc_runtime.stt.cutting import windows
from npc_runtime.stt.level import levelled
from npc_runtime.stt.placement import CPU, Placement
from npc_runtime.stt.trust import NO_SPEECH, Decoded, Reason, doubt
from npc_runtime.stt.vad import speech_spans
from npc_runtime.stt.whisper_import import faster_whisper
from npc_runtime.stt.wording import cleaned, looped, unlooped

_log = logging.getLogger(__name__)

RATE = 16_000
FLOOR = 1000
"""Mel frames (10 ms each) of the smallest window; below it the decoder loops often."""
ROOM = 200
"""Mel frames of silence that follow the speech."""
FULL = 3000
"""Mel frames of the window Whisper was trained with."""
UNSURE = -0.5
"""Mean log probability per token below which a second, four times slower hearing pays. With -0.3 instead, it found no
more words in the recordings that were measured, and made about every third reply to them wait."""
REQUIRED = ("model.bin", "tokenizer.json")
"""Without its tokenizer file, faster-whisper would look for one on the internet."""

T = TypeVar("T")
_Mel = NDArray[np.float32]


class WhisperEngine:
    """A Whisper model in CTranslate2 format, for one thread at a time.

    Args:
        model_dir: Folder with `model.bin`, `config.json`, `tokenizer.json` and the vocabulary.
        threads: CPU threads it may use.
        placement: Where it works. Where a graphics processor cannot be used after all, the processor cores are.

    Raises:
        ModelError: The folder is not such a model, or it is damaged.
        MissingPackageError: faster-whisper is not installed.
    """

    def __init__(self, model_dir: Path, *, threads: int, placement: Placement = CPU) -> None:
        _check_files(model_dir)
        self._library = faster_whisper()
        self.placement = placement
        """Where it works; after a failure, why it does not work where it was meant to."""
        try:
            if placement.device == "cuda":
                self._model = self._load_on_cuda(model_dir, threads)
            else:
                self._model = self._load(model_dir, threads)
            mels = int(self._model.model.n_mels)
            self._features = self._library.FeatureExtractor(**{**self._model.feat_kwargs, "feature_size": mels})
        except Exception as error:  # CTranslate2 and tokenizers raise bare RuntimeError, ValueError and Exception
            raise ModelError(
                f"{model_dir} cannot be loaded as a Whisper model: {_first_line(error)}.",
                hint="It must be a complete model in CTranslate2 format; `npc-runtime models verify` checks the files",
            ) from error
        self.model_dir = model_dir
        self._tokenizers: dict[str, tuple[Any, list[int]]] = {}

    def _load(self, model_dir: Path, threads: int) -> Any:
        return self._library.WhisperModel(
            str(model_dir),
            device=self.placement.device,
            compute_type=self.placement.compute_type,
            cpu_threads=max(1, threads),
        )

    def _load_on_cuda(self, model_dir: Path, threads: int) -> Any:
        try:
            model = self._load(model_dir, threads)
            # The libraries of CUDA are loaded when they are first used: only that shows whether they are there.
            model.encode(np.zeros((int(model.model.n_mels), FULL), np.float32))
        except (RuntimeError, ValueError, MemoryError) as error:
            why = f"the graphics processor cannot be used: {_first_line(error)}"
            _log.warning("Speech is recognised on the processor cores: %s.", why)
            self.placement = replace(CPU, why=why)
            return self._load(model_dir, threads)
        return model

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it understands."""
        return tuple(self._model.supported_languages)

    def warm_up(self) -> None:
        """Do once what the first utterance would otherwise wait for: load the voice detector, touch the weights."""
        time = np.arange(RATE, dtype=np.float32) / RATE
        hum: Samples = (0.1 * np.sin(2 * np.pi * 120 * time)).astype(np.float32)
        speech_spans(hum)
        self._hear(self._mel(hum), FLOOR, self.languages[0], "", 4)

    def transcribe(
        self,
        samples: Samples,
        *,
        language: str = "en",
        hotwords: Sequence[str] = (),
        thorough: bool = True,
        ticket: Ticket | None = None,
    ) -> Transcript:
        """What is said in one utterance.

        Args:
            samples: 16 kHz mono, -1..1, shape (n,).
            language: What is spoken, as ISO 639-1 code; a region (`en-US`) is ignored.
            hotwords: Names to expect, the most important first; they are not written unless they are heard.
            thorough: Whether unlikely words are worth a second hearing; not where the next words replace them soon.
            ticket: Checked between the steps, so that an utterance nobody waits for any more is left.

        Returns:
            The words; for silence, noise and music an empty text with the reason.

        Raises:
            InputError: The model does not understand the language.
            EngineError: The engine failed.
            Stopped: The ticket was stopped.
        """
        language = self._language(language)
        duration_ms = len(samples) * 1000 / RATE
        audio = levelled(samples)
        if audio is None:
            return Transcript("", language, "silence", duration_ms, 0.0)
        spans = speech_spans(audio)
        last_voiced_ms = spans[-1].end * 1000 / RATE if spans else 0.0

        texts: list[str] = []
        reasons: list[Reason] = []
        for window in windows(audio, spans):
            if ticket:
                ticket.check()
            decoded = self._window(audio[window.start : window.end], language, hotwords, thorough, ticket)
            reason = doubt(decoded)
            if reason:
                reasons.append(reason)
            else:
                texts.append(decoded.text)
        if texts:
            return Transcript(" ".join(texts), language, "", duration_ms, last_voiced_ms)
        return Transcript("", language, reasons[0] if reasons else "no_speech", duration_ms, last_voiced_ms)

    def _window(
        self, audio: Samples, language: str, hotwords: Sequence[str], thorough: bool, ticket: Ticket | None
    ) -> Decoded:
        mel = self._mel(audio)
        tokenizer, _ = self._tokenizer(language)
        prompt = names.prompt(hotwords, lambda text: len(tokenizer.encode(text)))
        most = 24 + 16 * len(audio) // RATE
        size = min(FULL, max(FLOOR, mel.shape[1] + ROOM))
        decoded = self._hear(mel, size, language, prompt, most, ticket)
        unsure = decoded.logprob < UNSURE and decoded.no_speech <= NO_SPEECH
        if thorough and (decoded.loops or (unsure and size < FULL)):
            again = self._hear(mel, FULL, language, "" if decoded.loops else prompt, most, ticket)
            no_speech = max(decoded.no_speech, again.no_speech)
            # No word at all in the window that Whisper was trained with outweighs a likely one in the short window.
            if decoded.loops or not again.text or (again.logprob > decoded.logprob and not again.loops):
                decoded = again
            decoded = replace(decoded, no_speech=no_speech)
        return replace(decoded, text=unlooped(decoded.text)) if decoded.loops else decoded

    def _mel(self, audio: Samples) -> _Mel:
        mel: _Mel = self._features(audio)
        return mel[:, :-1]  # the last frame is padding of the feature extractor

    def _hear(
        self, mel: _Mel, size: int, language: str, prompt: str, most: int, ticket: Ticket | None = None
    ) -> Decoded:
        """One pass through encoder and decoder, greedy.

        Args:
            mel: Log-mel features, shape (mels, frames).
            size: Frames of the window.
            language: A code that the model knows.
            prompt: Names to expect, or empty.
            most: Tokens after which the decoder is stopped: nobody speaks that fast.
            ticket: Checked before each of the two.
        """
        if ticket:
            ticket.check()
        tokenizer, suppressed = self._tokenizer(language)
        fitted = np.zeros((mel.shape[0], size), np.float32)
        fitted[:, : min(size, mel.shape[1])] = mel[:, :size]
        tokens = self._model.get_prompt(tokenizer, [], without_timestamps=True, hotwords=prompt or None)

        encoded = _guarded(lambda: self._model.encode(fitted))
        if ticket:
            ticket.check()

        def decode() -> Any:
            return self._model.model.generate(
                encoded,
                [tokens],
                beam_size=1,
                max_length=min(self._model.max_length, len(tokens) + most),
                suppress_blank=True,
                suppress_tokens=suppressed,
                return_scores=True,
                return_no_speech_prob=True,
            )[0]

        result = _guarded(decode)
        written: list[int] = result.sequences_ids[0]
        raw = tokenizer.decode(written).strip()
        return Decoded(
            text=cleaned(raw),
            logprob=float(result.scores[0]) * len(written) / (len(written) + 1),  # the score leaves out the end mark
            no_speech=float(result.no_speech_prob),
            loops=looped(raw) or len(written) >= most,
        )

    def _tokenizer(self, language: str) -> tuple[Any, list[int]]:
        if language not in self._tokenizers:
            multilingual = bool(self._model.model.is_multilingual)
            tokenizer = self._library.Tokenizer(
                self._model.hf_tokenizer, multilingual, task="transcribe", language=language
            )
            self._tokenizers[language] = tokenizer, list(self._library.get_suppressed_tokens(tokenizer, [-1]))
        return self._tokenizers[language]

    def _language(self, language: str) -> str:
        code = language.replace("_", "-").split("-")[0].lower()
        if code in self.languages:
            return code
        if len(self.languages) == 1:
            raise InputError(
                f"The speech model {self.model_dir.name} understands only {self.languages[0]}, not {language!r}.",
                hint="Set stt.model to a multilingual Whisper model, or the language to en.",
            )
        raise InputError(
            f"The speech model {self.model_dir.name} does not know the language {language!r}.",
            hint="Use an ISO 639-1 code such as en, de or tr.",
        )


def _check_files(model_dir: Path) -> None:
    hint = "Run `npc-runtime models list` to see which speech models are there, or set stt.model to another folder."
    if not model_dir.is_dir():
        raise ModelError(f"The speech model folder {model_dir} does not exist or is not a folder.", hint=hint)
    for name in REQUIRED:
        file = model_dir / name
        if not file.is_file():
            raise ModelError(f"{model_dir} is not a Whisper model in CTranslate2 format: {name} is missing.", hint=hint)
        if not file.stat().st_size:
            raise ModelError(f"The speech model in {model_dir} is damaged: {name} is empty.", hint=hint)


def _guarded(run: Callable[[], T]) -> T:
    try:
        return run()
    except (RuntimeError, ValueError, MemoryError) as error:
        raise EngineError(
            f"Speech recognition failed: {_first_line(error)}.",
            hint="Try again; if it repeats, verify the speech model.",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
