"""Typed lines: from pipes as scripts and consoles fill them."""

import io
import os
import subprocess
import sys

import anyio
import pytest

from npc_runtime.cli.typed import Typed

pytestmark = pytest.mark.anyio


def pipe_in(monkeypatch: pytest.MonkeyPatch, data: bytes, encoding: str = "utf-8") -> io.TextIOWrapper:
    """A stdin that holds some bytes and ends."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(reading)), encoding=encoding)
    monkeypatch.setattr(sys, "stdin", stdin)
    return stdin


@pytest.mark.parametrize(
    ("data", "encoding", "lines"),
    [
        (b"", "utf-8", []),
        (b"Hello\nBye", "utf-8", ["Hello", "Bye"]),
        ("\ufeffHello\r\n\r\nGrüß dich\r\n".encode(), "utf-8", ["Hello", "", "Grüß dich"]),
        (b"Gr\xfc\xdfe\n", "cp1252", ["Grüße"]),
        (b"Gr\xfc\xdfe\n", "utf-8", ["Gr��e"]),
        (b"x\n" * 500, "utf-8", ["x"] * 500),
    ],
)
async def test_lines_as_scripts_write_them(
    monkeypatch: pytest.MonkeyPatch, data: bytes, encoding: str, lines: list[str]
) -> None:
    with pipe_in(monkeypatch, data, encoding):
        with anyio.fail_after(5):
            async with Typed() as typed:
                assert [line async for line in typed] == lines


async def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npc_runtime.cli.typed._LONGEST", 1000)
    monkeypatch.setattr("npc_runtime.cli.typed._BLOCK", 256)
    with pipe_in(monkeypatch, b"x" * 3000 + b"\n"):
        with anyio.fail_after(5):
            async with Typed() as typed:
                lines = [line async for line in typed]
    assert "".join(lines) == "x" * 3000
    assert max(map(len, lines)) < 1500


async def test_a_program_without_stdin_has_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    async with Typed() as typed:
        assert [line async for line in typed] == []


def test_the_program_ends_while_somebody_could_still_type() -> None:
    program = """
import anyio
from npc_runtime.cli.typed import Typed

async def main():
    async with Typed() as lines:
        print(await anext(lines), flush=True)
        await anyio.sleep(0.1)

anyio.run(main)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(b"Hello\n")
        process.stdin.flush()
        assert process.stdout.readline().split() == [b"Hello"]
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == b""
