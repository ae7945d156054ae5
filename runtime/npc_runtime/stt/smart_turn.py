"""Smart Turn: whether the player has finished, by how it sounds.

Smart Turn v3 (Daily, BSD-2-Clause) is the encoder of Whisper tiny with a classifier on top. It hears the last 8 s of a
turn and tells a finished turn from a pause, in 23 languages, from melody and words alike.
"""

from pathlib import Path
from typing import Any

import numpy as np

from npc_runtime.errors import MissingPackageError, ModelError
from npc_runtime.speech import Samples
from npc_runtime.stt.whisper_import import faster_whisper

COMPLETE = 0.5
"""Probability above which the model means that the turn is over."""
GOES_ON = 0.1
"""Probability below which the model is sure enough that the player goes on to outweigh words that sound finished."""
SECONDS = 8
"""What the model hears of a turn: its end."""
_SAMPLES = SECONDS * 16_000
_BANDS, _FRAMES = 80, 800
_TINY = 1e-7
"""Keeps digital silence from being divided by nothing."""


class SmartTurn:
    """Judges the end of an utterance.

    A call costs the same for every length of audio, so it belongs into a thread, and into pauses only.

    Args:
        path: The model, an ONNX file.
        threads: For the network; one leaves the others to the game.

    Raises:
        MissingPackageError: onnxruntime or faster-whisper is not installed.
        ModelError: The file is missing, damaged, or another kind of model.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self._features = faster_whisper().FeatureExtractor(feature_size=_BANDS, chunk_length=SECONDS)
        self._network = _load(path, threads)
        self._input = self._network.get_inputs()[0].name

    def probability(self, samples: Samples) -> float:
        """The probability that the turn is complete, 0..1; above `COMPLETE` it is more likely than not.

        Args:
            samples: All of the turn until now, with the pause that has just begun; 16 kHz mono, -1..1, shape (n,).
        """
        features = self._features(_window(samples), padding=0)
        (output,) = self._network.run(None, {self._input: features[np.newaxis].astype(np.float32)})
        return float(output.reshape(-1)[0])


def _window(samples: Samples) -> Samples:
    """The last 8 s as the model was trained on them: silence in front of what is shorter, loudness taken out."""
    end = samples[-_SAMPLES:]
    window = np.zeros(_SAMPLES, np.float32)
    window[_SAMPLES - len(end) :] = end
    window -= window.mean()
    window /= np.sqrt(window.var() + _TINY)
    return window


def _load(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "The end of a turn cannot be judged: the Python package onnxruntime is not installed.",
            hint="Install it: pip install onnxruntime",
        ) from error
    if not path.is_file():
        raise ModelError(
            f"The end-of-turn model {path} does not exist.", hint="Run `npc-runtime models pull smart-turn-v3`."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen unrelated exception classes for a bad file
        raise ModelError(
            f"The end-of-turn model {path} is damaged, or not a model.",
            hint="Run `npc-runtime models pull smart-turn-v3`.",
        ) from error
    shapes = [(value.type, value.shape[1:]) for value in (*network.get_inputs(), *network.get_outputs())]
    if shapes != [("tensor(float)", [_BANDS, _FRAMES]), ("tensor(float)", [1])]:
        raise ModelError(
            f"{path} is not an end-of-turn model: it takes and gives other data than Smart Turn v3.",
            hint="Run `npc-runtime models pull smart-turn-v3`, and use that file.",
        )
    return network
