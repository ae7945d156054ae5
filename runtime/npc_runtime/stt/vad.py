"""Voice activity: where in an utterance somebody speaks.

Silero VAD v6 (MIT) comes with faster-whisper as an ONNX file that takes all 32 ms frames of a clip in one call; it is
read from there without importing faster-whisper. One call for a whole clip costs about 1 ms per second of audio; frame
by frame, for live audio, a call costs less than 0.1 ms and gives the same figures.
"""

import functools
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import InputError, MissingPackageError, ModelError
from npc_runtime.speech import Samples

FRAME = 512
"""Samples per frame at 16 kHz: 32 ms."""
_CONTEXT = 64
"""Samples of the previous frame that the network wants in front of each frame."""
_STATE = (1, 1, 128)
STILL = 1e-4
"""Peak (-80 dBFS) below which a frame is digital silence or the noise of its last bit."""
_FORGET = 16
"""Still frames (half a second) after which speech has left no trace in the network's state."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of audio, in samples; `end` is exclusive."""

    start: int
    end: int


def speech_spans(samples: Samples) -> list[Span]:
    """Where somebody speaks.

    Args:
        samples: 16 kHz mono, -1..1, shape (n,).

    Returns:
        Spans in order, not overlapping, cut to whole frames except at the end of the audio.

    Raises:
        MissingPackageError: onnxruntime or faster-whisper is not installed.
        ModelError: The network's file is missing or damaged.
    """
    return [
        Span(span.start * FRAME, min(span.end * FRAME, len(samples))) for span in voiced_runs(probabilities(samples))
    ]


def voiced_runs(
    probability: Sequence[float] | NDArray[np.float32],
    *,
    enter: float = 0.5,
    leave: float = 0.35,
    shortest: int = 2,
    bridge: int = 3,
) -> list[Span]:
    """Runs of voiced frames, with hysteresis.

    A run starts at a frame of at least `enter` and goes on while frames stay at or above `leave`. Runs that are at
    most `bridge` frames apart are one; what is then shorter than `shortest` frames is dropped.

    Args:
        probability: One per frame, 0..1.
        enter: Probability that starts a run.
        leave: Probability below which a run ends; at most `enter`.
        shortest: Frames; a click can excite one frame, a word lasts several.
        bridge: Frames; a stop consonant is a pause, too, but not the end of the word.

    Returns:
        Spans counted in frames.
    """
    runs: list[Span] = []
    start: int | None = None
    for index, value in enumerate([*probability, -1.0]):
        if start is None and value >= enter:
            start = index
        elif start is not None and value < leave:
            if runs and start - runs[-1].end <= bridge:
                start = runs.pop().start
            runs.append(Span(start, index))
            start = None
    return [run for run in runs if run.end - run.start >= shortest]


def probabilities(samples: Samples) -> NDArray[np.float32]:
    """The probability of speech in each frame of 32 ms; the last frame is padded with silence.

    Args:
        samples: 16 kHz mono, -1..1, shape (n,).

    Raises:
        MissingPackageError: onnxruntime or faster-whisper is not installed.
        ModelError: The network's file is missing or damaged.
    """
    count = -(-len(samples) // FRAME)
    if not count:
        return np.zeros(0, np.float32)
    padded = np.zeros(_CONTEXT + count * FRAME, np.float32)
    padded[_CONTEXT : _CONTEXT + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, _CONTEXT + FRAME)[::FRAME]
    still = np.zeros(_STATE, np.float32)
    output = _session().run(None, {"input": np.ascontiguousarray(frames), "h": still, "c": still})[0]
    return np.asarray(output, np.float32).reshape(-1)


class VoiceDetector:
    """The probability of speech, frame by frame, in live audio.

    Frames that hold nothing above the last bits of a 16-bit recording skip the network once it has forgotten the speech
    before them: recognition would refuse such audio as silence, so that no speech can be missed.

    Raises:
        MissingPackageError: onnxruntime or faster-whisper is not installed.
        ModelError: The network's file is missing or damaged.
    """

    def __init__(self) -> None:
        self._network = _session()
        self._still = 0
        self._forget()

    def reset(self) -> None:
        """Forget what was heard, as between two microphones.

        Not between two utterances of one: the network knows a soft voice by what it has heard before.
        """
        self._still = 0
        self._forget()

    def _forget(self) -> None:
        self._input = np.zeros((1, _CONTEXT + FRAME), np.float32)
        self._h = self._c = np.zeros(_STATE, np.float32)

    def __call__(self, frame: Samples) -> float:
        """The probability of speech in the next frame, 0..1.

        Args:
            frame: 16 kHz mono, -1..1, shape (512,).

        Raises:
            InputError: The frame has another length.
        """
        if len(frame) != FRAME:
            raise InputError(f"A frame has {FRAME} samples, not {len(frame)}.", hint="Cut the audio with a Framer.")
        if float(np.abs(frame).max()) >= STILL:
            self._still = 0
        else:
            self._still += 1
            if self._still > _FORGET:
                self._forget()
                return 0.0
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = frame
        output, self._h, self._c = self._network.run(None, {"input": self._input, "h": self._h, "c": self._c})
        return float(output.reshape(-1)[0])


@functools.cache
def _session() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "Voice activity cannot be detected: the Python package onnxruntime is not installed.",
            hint="Install it: pip install onnxruntime",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = _network()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen unrelated exception classes for a bad file
        raise ModelError(
            f"The voice activity network {path} is missing or damaged.", hint="Reinstall faster-whisper."
        ) from error


def _network() -> Path:
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            "Speech cannot be recognised: the Python package faster-whisper is not installed.",
            hint="Install it: pip install faster-whisper",
        )
    return Path(spec.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
