"""Does a model fit this machine beside a game? Its memory need against what is free, with room left for the game."""

from dataclasses import dataclass
from typing import Literal

from npc_runtime.models.hardware import Machine
from npc_runtime.models.registry import ModelEntry

Level = Literal["fits", "tight", "too big"]

GAME_RESERVE = 4 << 30
"""Bytes of memory, and as many of graphics memory, that a game is assumed to want."""
CONTEXT_TOKENS = 4096
"""Context that a language model is given unless the configuration says otherwise."""
_GPU_OVERHEAD = 256 << 20
"""Bytes that an engine's own buffers take on a graphics processor: an assumption, on the high side."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well something fits into a memory."""

    level: Level
    need: int
    """Bytes."""
    reason: str


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a model fits this machine."""

    id: str
    ram: Verdict
    vram: Verdict | None
    """For language models on a machine whose graphics memory is known; None otherwise."""


def fit(
    entry: ModelEntry, machine: Machine, *, reserve: int = GAME_RESERVE, context_tokens: int = CONTEXT_TOKENS
) -> Fit:
    """Judge one model.

    Args:
        entry: The model.
        machine: The machine's means.
        reserve: Bytes to leave for the game, in memory and in graphics memory.
        context_tokens: Length of the context of a language model.
    """
    context = entry.context_bytes_per_token * context_tokens
    ram = judge((entry.ram_mib << 20) + context, machine.available, reserve, "memory")
    vram = None
    if entry.kind == "llm" and machine.gpus:
        best = max(machine.gpus, key=lambda gpu: gpu.free)
        vram = judge(entry.size + context + _GPU_OVERHEAD, best.free, reserve, f"memory of the {best.name}")
    return Fit(entry.id, ram, vram)


def fit_together(
    entries: list[ModelEntry],
    machine: Machine,
    *,
    reserve: int = GAME_RESERVE,
    context_tokens: int = CONTEXT_TOKENS,
) -> Verdict:
    """Judge several models that are in memory at the same time.

    Args:
        entries: The models.
        machine: The machine's means.
        reserve: Bytes to leave for the game.
        context_tokens: Length of the context of each language model.
    """
    need = sum((entry.ram_mib << 20) + entry.context_bytes_per_token * context_tokens for entry in entries)
    return judge(need, machine.available, reserve, "memory")


def judge(need: int, free: int, reserve: int, where: str) -> Verdict:
    """Compare a need with what is free.

    It fits if the game's share stays untouched, is tight if it takes from the game's share, and is too big if even
    without a game there is not enough.

    Args:
        need: Bytes wanted.
        free: Bytes free now.
        reserve: Bytes of them that the game should find free.
        where: What the bytes are, such as `memory`.
    """
    if need > free:
        return Verdict("too big", need, f"needs {gib(need)} and {gib(free)} of {where} is free")
    if need > free - reserve:
        left = free - need
        return Verdict("tight", need, f"leaves the game {gib(left)} of {where}, not the {gib(reserve)} it should have")
    return Verdict("fits", need, f"leaves the game {gib(free - need)} of {where}")


def gib(size: int) -> str:
    """A size in bytes for people, in binary units: `340 MiB`, `4.0 GiB`."""
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"
