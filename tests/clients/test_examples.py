"""The same conversation by every client, over every transport: what the runtime hears, and what the game shows."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.conftest import CLIENTS, RAW, Plot, Program, program

from npc_runtime import events
from npc_runtime.server.protocol import ClientMessage, Hello

if TYPE_CHECKING:
    from tests.clients.conftest import Play

pytestmark = pytest.mark.anyio

LINE = "Can you mend my sword? Grüße, 剣!"
SAID = "Aye. 剣 – für dich, Ærling 🗡."
SHOWN = [
    "connected: Brynja Ironhand",
    "error: not_available",
    f"subtitle: {SAID}",
    "mouth: 2 shapes",
    "sound: 1103 samples",
    "action: give iron_sword",
    "action: open the door",
    "turn: done",
    "event: heard_of_storm_begins",
    "subtitle: A long story.",
    "mouth: 2 shapes",
    "sound: 1103 samples",
    "stop playing",
    "turn: interrupted",
    "saved and loaded: first",
    "closed",
]

CSHARP = [str(CLIENTS / "csharp" / name) for name in ("NpcClient.cs", "Example.cs")]
Build = Callable[[Path], Program]


def csharp(folder: Path) -> Program:
    made = folder / "Example.exe"
    mono = program("mono")
    subprocess.run([program("mcs"), "-langversion:7.2", "-warnaserror", f"-out:{made}", *CSHARP], check=True)
    return Program((mono, str(made)), "websocket")


def javascript(_: Path) -> Program:
    flag = "--experimental-websocket"  # what Node before 22 needs, and later ones take
    return Program((program("node"), flag, str(CLIENTS / "javascript" / "example.mjs")), "websocket")


def python(_: Path) -> Program:
    return Program((sys.executable, str(CLIENTS / "python" / "example.py")), "websocket")


def lua(interpreter: str, transport: str) -> Build:
    return lambda _: Program((program(interpreter), str(CLIENTS / "lua" / "example.lua")), transport)


LUAS = ["lua5.1", "lua5.4", "luajit"]
EXAMPLES: dict[str, Build] = {"csharp": csharp, "javascript": javascript, "python": python}
EXAMPLES |= {f"{name}-{transport}": lua(name, transport) for name in LUAS for transport in ("http", "files")}


@pytest.mark.parametrize("build", EXAMPLES.values(), ids=EXAMPLES)
async def test_x(play: "Play", tmp_path: Path, build: Build) -> None:
    plot = Plot()
    async with play(plot) as stage:
        out = await build(tmp_path).run(stage, tmp_path)
    assert out == SHOWN
