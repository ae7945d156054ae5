"""The two files of a Piper voice, `NAME.onnx` and `NAME.onnx.json`: read and checked."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import InputError, ModelError
from npc_runtime.tts.framed_session import Feeds
from npc_runtime.tts.onnx_patch import read_graph

_FETCH = "fetch the voice again, both NAME.onnx and NAME.onnx.json, or run `npc-runtime models verify`"
_MAX_CONFIG_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class PiperFiles:
    """What the files of one voice say."""

    name: str
    model: bytes = field(repr=False)
    audio_output: str
    duration_output: str | None
    """Name of the tensor with the frames per symbol; None if the model does not have exactly one such tensor."""
    config: Mapping[str, Any] = field(repr=False)
    rate: int
    hop: int
    """Samples per frame."""
    language: str
    symbols: Mapping[int, str] = field(repr=False)
    """What each symbol number stands for."""
    speakers: Mapping[str, int]
    num_speakers: int

    def speaker(self, wanted: str | int | None) -> int | None:
        """Number of a speaker given by name or number; None if none is wanted.

        Raises:
            InputError: There is no such speaker.
        """
        if wanted is None:
            return None
        if isinstance(wanted, str) and wanted in self.speakers:
            return self.speakers[wanted]
        if isinstance(wanted, int) or wanted.isdecimal():
            if 0 <= int(wanted) < self.num_speakers:
                return int(wanted)
            hint = f"it has {self.num_speakers}, numbered from 0"
        else:
            close = difflib.get_close_matches(wanted, self.speakers, 1, 0.5)
            names = ", ".join(sorted(self.speakers)[:8]) or "only one speaker, without a name"
            hint = f"did you mean {close[0]!r}?" if close else f"it has {names}"
        raise InputError(f"The voice {self.name} has no speaker {wanted!r}.", hint=hint)

    def feeds(self, numbers: Sequence[int], scales: tuple[float, float, float], speaker: int | None) -> Feeds:
        """The model's inputs for one sentence.

        Args:
            numbers: Its symbols, as the voice numbers them.
            scales: Noise, length and noise of the length.
            speaker: Number of the speaker, for voices that have several.
        """
        feeds: dict[str, NDArray[Any]] = {
            "input": np.asarray([numbers], np.int64),
            "input_lengths": np.asarray([len(numbers)], np.int64),
            "scales": np.asarray(scales, np.float32),
        }
        if self.num_speakers > 1:
            feeds["sid"] = np.asarray([speaker or 0], np.int64)
        return feeds


def read_files(model: Path, config: Path | None = None) -> PiperFiles:
    """Read and check the files of a voice.

    Args:
        model: The `.onnx` file.
        config: The `.json` file; beside the model, under its whole name plus `.json`, if not given.

    Raises:
        ModelError: A file is missing, empty, damaged, not a Piper voice, or the two do not belong together.
    """
    config = config or model.with_name(model.name + ".json")
    content = _read(model, "voice model")
    settings = _settings(config)
    try:
        graph = read_graph(content)
    except ValueError as error:
        raise ModelError(f"The voice model {model} is damaged: {error}.", hint=_FETCH) from error
    durations = graph.of("Ceil")
    duration = durations[0] if len(durations) == 1 and durations[0] else None
    try:
        return PiperFiles(
            name=model.name.removesuffix(".onnx"),
            model=content,
            audio_output=graph.outputs[0],
            duration_output=duration,
            config=settings,
            rate=_positive(settings["audio"]["sample_rate"]),
            hop=_positive(settings.get("hop_length", 256)),
            language=_language(settings),
            symbols=_symbols(settings),
            speakers={str(name): int(number) for name, number in (settings.get("speaker_id_map") or {}).items()},
            num_speakers=_positive(settings["num_speakers"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{config} does not describe a Piper voice: {what}.", hint=_FETCH) from error


def voice_language(model: Path) -> str:
    """Language of a voice, as its `.json` file beside the model has it: an ISO 639 code.

    Raises:
        ModelError: The file is missing, damaged, or does not tell.
    """
    config = model.with_name(model.name + ".json")
    try:
        return _language(_settings(config))
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{config} does not tell the language of the voice.", hint=_FETCH) from error


def _read(path: Path, what: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"The {what} {path} does not exist.", hint=_FETCH) from error
    except OSError as error:
        raise ModelError(f"The {what} {path} cannot be read: {error.strerror or error}.", hint=_FETCH) from error
    if not content:
        raise ModelError(f"The {what} {path} is empty.", hint=_FETCH)
    return content


def _settings(path: Path) -> dict[str, Any]:
    content = _read(path, "voice description")
    try:
        if len(content) > _MAX_CONFIG_BYTES:
            raise ValueError("it is too large")
        settings = json.loads(content.decode("utf-8-sig"))
        if not isinstance(settings, dict):
            raise ValueError("it is not a JSON object")
    except (ValueError, RecursionError) as error:
        raise ModelError(f"The voice description {path} cannot be read: {error}.", hint=_FETCH) from error
    return settings


def _positive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a positive whole number")
    return value


def _language(settings: Mapping[str, Any]) -> str:
    family = (settings.get("language") or {}).get("family")
    return str(family or settings["espeak"]["voice"]).replace("_", "-").split("-")[0].lower()


def _symbols(settings: Mapping[str, Any]) -> dict[int, str]:
    symbols: dict[int, str] = {}
    for symbol, numbers in settings["phoneme_id_map"].items():
        for number in numbers:
            symbols.setdefault(int(number), symbol)
    highest = _positive(settings["num_symbols"]) - 1
    if not symbols or min(symbols) < 0 or max(symbols) > highest:
        raise ValueError(f"its symbols are not numbered from 0 to {highest}")
    return symbols
