"""Sizes: which of the Whisper models on this machine to take when nobody chose one."""

from collections.abc import Callable, Sequence

from npc_runtime.models.fit import fit
from npc_runtime.models.hardware import Machine
from npc_runtime.models.registry import ModelEntry
from npc_runtime.stt.placement import Placement

_ON_CORES = ((8, 600 << 20), (4, 200 << 20), (1, 100 << 20))
"""Physical cores → bytes of the largest model whose words come in time on them, one core for the game: small, base and
tiny, with 16 bits each."""


def arrange(
    entries: Sequence[ModelEntry], language: str, machine: Machine, where: Callable[[int], Placement]
) -> tuple[ModelEntry, Placement] | None:
    """Which model works on which processor: the largest that a graphics processor has room for, else see `choose_size`.

    Args:
        entries: Speech-to-text models that are on this machine.
        language: ISO 639 code.
        machine: The machine's means.
        where: Where a model of so many bytes works: see `place_here`.

    Returns:
        None if none knows the language.
    """
    left = list(entries)
    while best := choose_size(left, language, machine, cuda=True):
        placement = where(best.size)
        if placement.device == "cuda":
            return best, placement
        left.remove(best)
    chosen = choose_size(entries, language, machine)
    return (chosen, where(chosen.size)) if chosen else None


def choose_size(
    entries: Sequence[ModelEntry], language: str, machine: Machine, *, cuda: bool = False
) -> ModelEntry | None:
    """The best model that knows the language, fits beside a game, and is quick enough for talk.

    Larger models make fewer mistakes, and of equally large ones those for fewer languages do (Radford et al. 2022,
    section 3 and appendix D). Where none is quick enough, the smallest is taken.

    Args:
        entries: Speech-to-text models that are on this machine.
        language: ISO 639 code; a region such as the `-US` of `en-US` is ignored.
        machine: The machine's means.
        cuda: Whether it will work on a graphics processor, where all of them are quick.

    Returns:
        None if none knows the language.
    """
    code = language.replace("_", "-").split("-")[0].lower()
    speaking = sorted(
        (entry for entry in entries if entry.kind == "stt" and code in entry.languages),
        key=lambda entry: (entry.size, -len(entry.languages)),
    )
    most = next((size for cores, size in _ON_CORES if machine.cores >= cores), 0)
    good = [entry for entry in speaking if cuda or (entry.size <= most and fit(entry, machine).ram.level == "fits")]
    return good[-1] if good else next(iter(speaking), None)
