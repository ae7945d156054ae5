"""A voice's network, run whole or framed: symbols in, pieces of sound and the length of each symbol out."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from npc_runtime.speech import Samples
from npc_runtime.tts.framed import Run, Stage, pieces
from npc_runtime.tts.framed_check import check
from npc_runtime.tts.framed_cut import find_cut, split
from npc_runtime.tts.framed_session import Feeds, open_session, run
from npc_runtime.tts.framed_verdict import Margins, Verdict, VerdictFile
from npc_runtime.tts.onnx_patch import expose, read_graph
from npc_runtime.tts.onnx_split import CannotSplitError, read_model

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sounding:
    """One sentence that is being spoken."""

    lengths: NDArray[np.int64] | None
    """Samples of each symbol, which add up to the whole; None if the model does not tell them."""
    pieces: Iterator[Samples]
    """The sound, made as it is asked for."""


class VoiceModel(Protocol):
    """A network that speaks symbols."""

    @property
    def framed(self) -> bool:
        """Whether sound comes in pieces."""
        ...

    def start(self, feeds: Feeds, sizes: Iterator[int]) -> Sounding:
        """Speak one sentence.

        Args:
            feeds: The voice's inputs; shapes (1, n), (1,), (3,), and (1,) for the speaker.
            sizes: Length of each piece in frames.
        """
        ...


class WholeModel:
    """A voice that gives a sentence in one piece.

    Args:
        content: The voice's model.
        audio: The output with the sound.
        durations: The tensor with the frames per symbol, given out or not.
        hop: Samples per frame.
        threads: Threads of the network.
    """

    def __init__(self, content: bytes, audio: str, durations: str | None, hop: int, threads: int) -> None:
        if durations is not None and durations not in read_graph(content).outputs:
            content = expose(content, durations)
        self._session = open_session(content, threads)
        self._outputs = [name for name in (audio, durations) if name]
        self._hop = hop

    @property
    def framed(self) -> bool:
        """Never."""
        return False

    def start(self, feeds: Feeds, sizes: Iterator[int]) -> Sounding:
        """See `VoiceModel.start`; there is one piece, whatever the sizes are."""
        audio, *rest = run(self._session, self._outputs, feeds)
        sound = _sound(audio)
        symbols = feeds["input"].shape[-1]
        return Sounding(_lengths(rest[0], symbols, self._hop, len(sound)) if rest else None, iter([sound]))


class FramedModel:
    """A voice in three parts: the text at once, then flow and generator piece by piece along the frames.

    Args:
        content: The voice's model.
        durations: The tensor with the frames per symbol.
        hop: Samples per frame.
        threads: Threads of the network.
        verdict: With the margins; `judge` finds them if not given.

    Raises:
        CannotSplitError: This voice cannot be cut.
    """

    def __init__(self, content: bytes, durations: str, hop: int, threads: int, verdict: Verdict | None = None) -> None:
        model = read_model(content)
        self._cut = find_cut(model, durations)
        parts = split(model, self._cut, durations)
        # The front is 2,400 small operations; planning takes two thirds of the time that it takes to open.
        self._front = open_session(next(parts), threads, planned=False)
        self._flow, self._generator = (open_session(part, threads) for part in parts)
        self._outputs = [self._cut.prior, durations, *self._cut.aside]
        self._sound = model.outputs[0]
        self._hop = hop
        self._verdict = verdict or Verdict("")

    @property
    def framed(self) -> bool:
        """Always."""
        return True

    def start(self, feeds: Feeds, sizes: Iterator[int]) -> Sounding:
        """See `VoiceModel.start`."""
        prior, durations, flow, generator = self._begin(feeds)
        seen = self._verdict
        stages = (
            Stage(flow, seen.flow_left, seen.flow_right),
            Stage(generator, seen.generator_left, seen.generator_right, self._hop),
        )
        lengths = _lengths(durations, feeds["input"].shape[-1], self._hop, prior.shape[-1] * self._hop)
        return Sounding(lengths, map(_sound, pieces(prior, stages, sizes)))

    def judge(self, whole: Samples, feeds: Feeds) -> Verdict:
        """Compare with what the uncut model made of the same feeds, and take over the margins that are found."""
        prior, _, flow, generator = self._begin(feeds)
        self._verdict = check(whole, prior, flow, generator, self._hop)
        return self._verdict

    def _begin(self, feeds: Feeds) -> tuple[Any, Any, Run, Run]:
        prior, durations, *aside = run(self._front, self._outputs, feeds)
        frames = prior.shape[-1]
        if any(entry.shape[-1:] != (frames,) for entry in aside):
            raise CannotSplitError("its flow needs more than frames")

        def flow(window: Any, begin: int) -> Any:
            end = begin + window.shape[-1]
            beside = {name: entry[..., begin:end] for name, entry in zip(self._cut.aside, aside, strict=True)}
            return run(self._flow, [self._cut.latent], {**feeds, self._cut.prior: window, **beside})[0]

        def generator(window: Any, begin: int) -> Any:
            return run(self._generator, [self._sound], {**feeds, self._cut.latent: window})[0]

        return prior, durations, flow, generator


def open_model(
    content: bytes,
    *,
    audio: str,
    durations: str | None,
    hop: int,
    sample: Feeds,
    threads: int = 1,
    margins: Margins | None = None,
    cache: Path | None = None,
) -> VoiceModel:
    """Load a voice, framed if it gives the same sound that way.

    Args:
        content: The voice's model.
        audio: The output with the sound.
        durations: The tensor with the frames per symbol; without it a voice is never framed.
        hop: Samples per frame.
        sample: A sentence without noise, on which both ways are compared.
        threads: Threads of the network.
        margins: What that comparison has found for this very model; it is not made again then.
        cache: Folder in which the result of that comparison is remembered; compared at each load if not given.

    Raises:
        ImportError: onnxruntime is not installed.
        Exception: onnxruntime does not accept the model; it has many classes for that.
    """

    def whole() -> WholeModel:
        return WholeModel(content, audio, durations, hop, threads)

    if durations is None:
        return whole()
    memory = _memory(content, cache)
    known = Verdict("", *margins) if margins is not None else memory.read() if memory is not None else None
    try:
        if known is None:
            model, verdict = _judged(content, whole, durations, hop, sample, threads)
            if memory is not None:
                memory.write(verdict)
        else:
            verdict = known
            model = FramedModel(content, durations, hop, threads, known) if known.framed else None
    except Exception as error:
        # A failure of the engine may pass, so it is not remembered; if the voice itself is wrong, `whole` says so.
        model, verdict = None, Verdict(str(error))
    if model is None:
        _log.debug("A voice is decoded whole: %s.", verdict.reason)
    return model or whole()


def _memory(content: bytes, cache: Path | None) -> VerdictFile | None:
    import onnxruntime

    return None if cache is None else VerdictFile(cache, content, f"onnxruntime {onnxruntime.__version__}")


def _judged(
    content: bytes, whole: Callable[[], WholeModel], durations: str, hop: int, sample: Feeds, threads: int
) -> tuple[FramedModel | None, Verdict]:
    """The framed voice, if it is right, and the verdict. Whole and framed are never in memory together."""
    try:
        find_cut(read_model(content), durations)
        expected = np.concatenate(list(whole().start(sample, iter(())).pieces))
        model = FramedModel(content, durations, hop, threads)
        verdict = model.judge(expected, sample)
    except CannotSplitError as error:
        return None, Verdict(str(error))
    return (model if verdict.framed else None), verdict


def _lengths(durations: Any, symbols: int, hop: int, total: int) -> NDArray[np.int64] | None:
    """Samples per symbol, if there is a sensible number for each and they add up."""
    lengths = np.rint(np.asarray(durations)).astype(np.int64).reshape(-1) * hop
    fits = len(lengths) == symbols and lengths.min() >= 0 and int(lengths.sum()) == total
    return lengths if fits else None


def _sound(audio: Any) -> Samples:
    sound: Samples = np.asarray(audio, np.float32).reshape(-1)
    if not np.isfinite(sound).all():
        raise ValueError("it made sound that is not a number")
    return sound
