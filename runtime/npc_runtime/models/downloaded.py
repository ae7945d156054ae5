"""Downloaded language models: which of them are on this machine, and whether they fit beside a game."""

from dataclasses import dataclass
from pathlib import Path

from npc_runtime.errors import ModelError
from npc_runtime.models.fit import GAME_RESERVE, Verdict, fit, gib, judge
from npc_runtime.models.formats import recognise
from npc_runtime.models.hardware import Machine
from npc_runtime.models.locate import is_here
from npc_runtime.models.registry import Kind, ModelEntry, Registry
from npc_runtime.models.store import model_folder

BYTES_PER_CORE = 250 << 20
"""Of a model file that processor cores alone keep up with: they then read about 60 tokens of a prompt per second, by
the measured 160 of a core with a file of 98 MB. With more, players wait for seconds even if most of it is warm."""
_BUFFERS = 256 << 20
"""Bytes that a context and the engine's own buffers take, where the registry does not know the model."""
_MOST_FILES = 64


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A language model on this machine."""

    model: str
    """Its id, or the path of a file that the registry does not know; as `llm.model`."""
    size: int
    """Bytes."""
    verdict: Verdict


def present(registry: Registry, cache: Path, kind: Kind) -> tuple[ModelEntry, ...]:
    """The known models of a kind that are on this machine, installed or pulled; their content is not looked at."""
    return tuple(entry for entry in registry.entries if entry.kind == kind and is_here(entry, cache))


def downloaded(
    registry: Registry, cache: Path, machine: Machine, *, context_tokens: int, gpu: bool = False
) -> tuple[Downloaded, ...]:
    """The language models that somebody fetched, beside the default one.

    Args:
        registry: The known models.
        cache: The cache folder; `.gguf` files that somebody put into its `models` count, too.
        machine: What it must fit.
        context_tokens: Tokens of one conversation.
        gpu: Whether the engine will put the model on the graphics processor.
    """
    found = []
    for entry in present(registry, cache, "llm"):
        if not entry.default:
            judged = fit(entry, machine, context_tokens=context_tokens)
            verdict = judged.vram if gpu and judged.vram else _on_cores(judged.ram, entry.size, machine)
            found.append(Downloaded(entry.id, entry.size, verdict))
    for path in sorted(model_folder(cache, "").glob("*.gguf"))[:_MOST_FILES]:
        try:
            recognise(path, "llm")
        except ModelError:
            continue
        found.append(_loose(path, machine, gpu))
    return tuple(found)


def _loose(path: Path, machine: Machine, gpu: bool) -> Downloaded:
    size = path.stat().st_size
    best = max(machine.gpus, key=lambda one: one.free, default=None)
    if gpu and best:
        verdict = judge(size + _BUFFERS, best.free, GAME_RESERVE, f"memory of the {best.name}")
    else:
        verdict = _on_cores(judge(size + _BUFFERS, machine.available, GAME_RESERVE, "memory"), size, machine)
    return Downloaded(str(path), size, verdict)


def _on_cores(verdict: Verdict, size: int, machine: Machine) -> Verdict:
    """The same where there is memory enough, but not where the processor would be too slow."""
    most = BYTES_PER_CORE * machine.cores
    if verdict.level != "fits" or size <= most:
        return verdict
    cores = f"{machine.cores} processor cores keep" if machine.cores > 1 else "one processor core keeps"
    reason = f"has {gib(size)}, and {cores} up with {gib(most)}"
    return Verdict("too big", verdict.need, reason)
