"""An onnxruntime session for a voice or a part of one: few threads, no spinning, little memory kept."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Feeds = Mapping[str, NDArray[Any]]
"""A network's inputs by name."""


def open_session(content: bytes, threads: int, *, planned: bool = True) -> Any:
    """Load a network.

    Args:
        content: A whole ONNX model.
        threads: Threads for one operation.
        planned: Whether to plan which results may share memory. That takes time that grows with the square of the
            number of operations, and saves nothing where results are small.

    Raises:
        ImportError: onnxruntime is not installed.
        Exception: onnxruntime does not accept the model; it has many classes for that.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(threads, 1)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning pool keeps a core busy between sentences, which the game and the language model need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # A pattern is kept for every length ever seen and never freed. Without, time is the same, and a voice that has
    # spoken sentences of 1 to 16 s takes 290 MB instead of 380 (570 instead of 900 when not framed). The arena stays:
    # without it a long sentence takes 15 % longer.
    options.enable_mem_pattern = False
    options.enable_mem_reuse = planned
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(session: Any, outputs: list[str], feeds: Feeds) -> list[Any]:
    """Run a network on those of the feeds that it takes."""
    wanted = {entry.name for entry in session.get_inputs()}
    results: list[Any] = session.run(outputs, {name: feed for name, feed in feeds.items() if name in wanted})
    return results
