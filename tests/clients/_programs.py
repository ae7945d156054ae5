"""How a script in each language becomes a program; a test that needs one is skipped where the language is missing."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.conftest import CLIENTS, Program, program

Build = Callable[[Path], Program]
"""Makes the program; the folder is for what is made on the way."""


def csharp(script: Path) -> Build:
    def build(folder: Path) -> Program:
        mono, compiler = program("mono"), program("mcs")
        made = folder.parent / f"{script.stem}.exe"  # once for all tests
        sources = [str(CLIENTS / "csharp" / "NpcClient.cs"), str(script)]
        if not made.exists():
            subprocess.run([compiler, "-langversion:7.2", "-warnaserror", f"-out:{made}", *sources], check=True)
        return Program((mono, str(made)), "websocket")

    return build


def javascript(script: Path) -> Build:
    flag = "--experimental-websocket"  # what Node before 22 needs, and later ones take
    return lambda _: Program((program("node"), flag, str(script)), "websocket")


def python(script: Path) -> Build:
    return lambda _: Program((sys.executable, str(script)), "websocket")


def gdscript(script: Path) -> Build:
    def build(_: Path) -> Program:
        made = os.environ.get("NPC_TEST_GODOT_WEB", "")
        if not made and not os.environ.get("NPC_TEST_ALL"):
            pytest.skip("NPC_TEST_GODOT_WEB names no folder with a web build of Godot 4")
        assert made, "NPC_TEST_GODOT_WEB names no folder with a web build of Godot 4"
        program("chromium")
        runner = str(Path(__file__).with_name("_godot.py"))
        return Program((sys.executable, runner, made, str(script)), "websocket")

    return build


def lua(script: Path, interpreter: str, transport: str, *options: str) -> Build:
    def build(_: Path) -> Program:
        found = program(interpreter)
        if (
            transport == "http"
            and subprocess.run([found, "-e", "require 'socket'"], stderr=subprocess.DEVNULL).returncode
        ):
            assert not os.environ.get("NPC_TEST_ALL"), f"LuaSocket is not installed for {interpreter}"
            pytest.skip("LuaSocket is not installed")
        return Program((found, *options, str(script)), transport)

    return build
