"""Placement: on which processor Whisper works, and with which arithmetic."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from npc_runtime.models.fit import GAME_RESERVE, gib, judge
from npc_runtime.models.hardware import Machine

Device = Literal["auto", "cpu", "cuda"]

_ON_CUDA = ("int8_float16", "float16", "int8_float32", "int8", "float32")
"""The least memory first: the game wants the rest."""
_ON_CPU = "int8"
_BUFFERS = 512 << 20
"""Bytes of graphics memory that CUDA's own libraries take, beside the model: an assumption, on the high side."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where Whisper works."""

    device: Literal["cpu", "cuda"]
    compute_type: str
    """Arithmetic of CTranslate2."""
    why: str
    """For people: why there."""


CPU = Placement("cpu", _ON_CPU, "the settings say so")


def place(wanted: Device, machine: Machine, size: int, devices: int, types: Collection[str]) -> Placement:
    """Choose a processor.

    Args:
        wanted: As `stt.device`: `auto` takes a graphics processor where one is there and has room beside a game.
        machine: The machine's means.
        size: Bytes of the model.
        devices: CUDA devices that CTranslate2 sees.
        types: Arithmetic that it supports on them.
    """
    if wanted == "cpu":
        return CPU
    if not devices:
        return Placement("cpu", _ON_CPU, "there is no graphics processor with CUDA")
    compute_type = next((one for one in _ON_CUDA if one in types), "default")
    if wanted == "cuda":
        return Placement("cuda", compute_type, "the settings say so")
    if machine.gpus:
        best = max(machine.gpus, key=lambda gpu: gpu.free)
        if judge(size + _BUFFERS, best.free, GAME_RESERVE, "").level != "fits":
            return Placement("cpu", _ON_CPU, f"the {best.name} has {gib(best.free)} free, and the game comes first")
        return Placement("cuda", compute_type, f"the {best.name} has room for it")
    return Placement("cuda", compute_type, "there is a graphics processor with CUDA")


def place_here(wanted: Device, machine: Machine, size: int) -> Placement:
    """The same for this machine as CTranslate2 sees it.

    Args:
        wanted: As `stt.device`.
        machine: This machine's means.
        size: Bytes of the model.
    """
    if wanted == "cpu":
        return CPU
    devices, types = _cuda()
    return place(wanted, machine, size, devices, types)


def _cuda() -> tuple[int, Collection[str]]:
    try:
        import ctranslate2 as library

        engine: Any = library
        devices = int(engine.get_cuda_device_count())
        return devices, engine.get_supported_compute_types("cuda") if devices else ()
    except (ImportError, OSError, RuntimeError, ValueError):  # without a driver, or with one that does not fit
        return 0, ()
