"""How many layers of a language model the graphics processor takes beside a game."""

from dataclasses import dataclass

from npc_runtime.models.fit import GAME_RESERVE
from npc_runtime.models.hardware import Machine

ALL = -1
"""All layers, and what belongs to none of them."""
_OVERHEAD = 512 << 20
"""Bytes that an engine's own buffers take on a graphics processor: an assumption, on the high side."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model takes memory."""

    weights: int
    """Bytes."""
    layers: int
    cache_bytes: int
    """For each token of the context."""


def layers_on_gpu(machine: Machine, shape: Shape, *, context: int, slots: int, reserve: int = GAME_RESERVE) -> int:
    """Choose how many layers go to the graphics processor with the most free memory.

    Each takes its share of the weights and of the cache. The output layer, which goes there last, is counted as one
    more. Where processor and graphics share one memory, what is free of it counts.

    Args:
        machine: The machine's means.
        shape: The model.
        context: Tokens of one conversation.
        slots: Conversations at the same time.
        reserve: Bytes to leave for the game.

    Returns:
        A number of layers, 0 for none, or `ALL`.
    """
    frees = [gpu.free for gpu in machine.gpus] + ([machine.available] if machine.unified else [])
    if not frees or shape.layers < 1 or shape.weights < 1:
        return 0
    room = max(frees) - reserve - _OVERHEAD
    whole = shape.weights + shape.cache_bytes * context * slots
    if room >= whole:
        return ALL
    return max(0, min(shape.layers, room * (shape.layers + 1) // whole))
