"""What this machine has: memory, cores, and graphics memory where that can be learnt without a heavy import."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

_MIB = 1 << 20
_PATIENCE = 4.0
"""Seconds that the graphics driver's own tool may take."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One graphics processor with memory of its own."""

    name: str
    total: int
    """Bytes."""
    free: int
    """Bytes that nobody uses now."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The means of this machine."""

    total: int
    """Bytes of memory."""
    available: int
    """Bytes that a new program can have without swapping."""
    cores: int
    """Physical cores."""
    threads: int
    """What the cores can run at once."""
    gpus: tuple[Gpu, ...] = ()
    unified: bool = False
    """Whether the graphics processor uses the same memory, as on Apple's own processors."""


def this_machine() -> Machine:
    """Look at the machine that this runs on."""
    memory = psutil.virtual_memory()
    threads = psutil.cpu_count(logical=True) or 1
    return Machine(
        total=memory.total,
        available=memory.available,
        cores=psutil.cpu_count(logical=False) or threads,
        threads=threads,
        gpus=(*nvidia_gpus(), *amd_gpus()),
        unified=platform.system() == "Darwin" and platform.machine() == "arm64",
    )


def nvidia_gpus() -> tuple[Gpu, ...]:
    """NVIDIA's processors, as the driver's own tool tells; none if it is absent, fails or hangs."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return ()
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_PATIENCE, check=True, errors="replace")
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_nvidia(answer.stdout)


def parse_nvidia(table: str) -> tuple[Gpu, ...]:
    """Read lines of `name, total MiB, free MiB`; lines of another form (`[N/A]`) are left out."""
    gpus = []
    for line in table.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 2)]
        if len(fields) == 3 and fields[1].isdigit() and fields[2].isdigit():
            gpus.append(Gpu(fields[0], int(fields[1]) * _MIB, int(fields[2]) * _MIB))
    return tuple(gpus)


def amd_gpus(root: Path = Path("/sys/class/drm")) -> tuple[Gpu, ...]:
    """AMD's processors under Linux, as the kernel tells.

    Args:
        root: The folder in which the kernel lists the cards.
    """
    gpus = []
    for file in sorted(root.glob("card*/device/mem_info_vram_total")):
        try:
            total = int(file.read_text(encoding="ascii"))
            used = int(file.with_name("mem_info_vram_used").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        gpus.append(Gpu("AMD graphics", total, max(0, total - used)))
    return tuple(gpus)
