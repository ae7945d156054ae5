"""Whether a model fits beside a game, and how graphics memory is read."""

import stat
import sys
from pathlib import Path

import pytest

from npc_runtime.models import hardware
from npc_runtime.models.fit import Level, fit, fit_together, judge
from npc_runtime.models.hardware import Gpu, Machine, amd_gpus, nvidia_gpus, parse_nvidia, this_machine
from npc_runtime.models.registry import Registry

GIB = 1 << 30


def machine(available: int, *gpus: Gpu) -> Machine:
    return Machine(total=16 * GIB, available=available, cores=4, threads=8, gpus=gpus)


@pytest.mark.parametrize(
    ("need", "free", "level"),
    [
        (GIB, 5 * GIB, "fits"),
        (GIB + 1, 5 * GIB, "tight"),
        (5 * GIB, 5 * GIB, "tight"),
        (5 * GIB + 1, 5 * GIB, "too big"),
    ],
)
def test_the_game_has_its_share_first(need: int, free: int, level: Level) -> None:
    verdict = judge(need, free, 4 * GIB, "memory")
    assert verdict.level == level
    assert "memory" in verdict.reason


def test_a_longer_context_needs_more() -> None:
    entry = Registry.load().get("smollm2-135m-q4")
    short = fit(entry, machine(8 * GIB), context_tokens=1024)
    long = fit(entry, machine(8 * GIB), context_tokens=5 * 1024)
    assert long.ram.need - short.ram.need == 4096 * entry.context_bytes_per_token
    assert short.vram is None


def test_graphics_memory_is_judged_for_language_models_on_the_emptiest_processor() -> None:
    registry = Registry.load()
    here = machine(8 * GIB, Gpu("small", 4 * GIB, 2 * GIB), Gpu("large", 24 * GIB, 20 * GIB))
    verdict = fit(registry.get("smollm2-135m-q4"), here).vram
    assert verdict is not None
    assert (verdict.level, "large" in verdict.reason) == ("fits", True)
    assert fit(registry.get("whisper-tiny-en"), here).vram is None


def test_together_they_need_the_sum() -> None:
    registry = Registry.load()
    entries = [registry.get("smollm2-135m-q4"), registry.get("whisper-tiny-en")]
    here = machine(8 * GIB)
    assert fit_together(entries, here).need == sum(fit(entry, here).ram.need for entry in entries)


def test_nvidia_table() -> None:
    table = "NVIDIA GeForce RTX 4070, 12282, 11000\nOdd, name, 8192, 4096\nA100 MIG, [N/A], [N/A]\n\n"
    mib = 1 << 20
    assert parse_nvidia(table) == (
        Gpu("NVIDIA GeForce RTX 4070", 12282 * mib, 11000 * mib),
        Gpu("Odd, name", 8192 * mib, 4096 * mib),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("script", "count"),
    [("echo 'Card, 8192, 4096'", 1), ("exit 9", 0), ("echo 'NVIDIA-SMI has failed'", 0), ("exec tail -f /dev/null", 0)],
)
def test_nvidia_tool_may_fail_or_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, count: int) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(hardware, "_PATIENCE", 0.5)
    assert len(nvidia_gpus()) == count


def test_no_nvidia_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_gpus() == ()


def test_amd_cards_from_the_kernel(tmp_path: Path) -> None:
    for card, total, used in (("card0", "8589934592", "1073741824"), ("card1", "broken", "0")):
        device = tmp_path / card / "device"
        device.mkdir(parents=True)
        (device / "mem_info_vram_total").write_text(total + "\n", encoding="ascii")
        (device / "mem_info_vram_used").write_text(used + "\n", encoding="ascii")
    assert amd_gpus(tmp_path) == (Gpu("AMD graphics", 8 * GIB, 7 * GIB),)


def test_this_machine_is_plausible() -> None:
    here = this_machine()
    assert 0 < here.available <= here.total
    assert 1 <= here.cores <= here.threads
