"""The real server as a child process: started, watched until it is ready, and ended."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.abc
from anyio.streams.text import TextReceiveStream

from npc_runtime.errors import SetupError

_MAIN = (sys.executable, "-P", "-c", "from npc_runtime.cli.main import main; main()")  # -P: nothing from this folder
SERVE = (*_MAIN, "serve", "--json", "--host", "127.0.0.1", "--port", "0")
"""The command that serves this machine on a free port."""

_START_SECONDS = 180.0
"""Loading the models may take long on a slow disk."""
_END_SECONDS = 10.0
_KEPT = 20
"""Lines of the server's log that are kept."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A server that runs."""

    url: str
    pid: int


@asynccontextmanager
async def sidecar(command: Sequence[str] = SERVE) -> AsyncIterator[Sidecar]:
    """A server that is ready, and ended with the context.

    Args:
        command: Starts it; prints `{"ready": true, "url": …, "pid": …}` when it is ready.

    Raises:
        SetupError: It does not start; the message is its own.
    """
    log: deque[str] = deque(maxlen=_KEPT)
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows: its Ctrl+Break is for it alone
    process = await anyio.open_process(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUTF8": "1"},
        creationflags=flags,
    )
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read_log, process, log)
            yield await _ready(process, log)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def _ready(process: anyio.abc.Process, log: deque[str]) -> Sidecar:
    assert process.stdout is not None
    line = ""
    with anyio.move_on_after(_START_SECONDS) as patience:
        async for text in TextReceiveStream(process.stdout, errors="replace"):
            line += text
            if "\n" in line:
                break
        else:
            await process.wait()
            await anyio.sleep(0.1)  # its last words are still on their way
    try:
        ready = json.loads(line)
        return Sidecar(ready["url"], ready["pid"])
    except (ValueError, KeyError, TypeError):
        raise _failure(log, late=patience.cancelled_caught) from None


async def _read_log(process: anyio.abc.Process, log: deque[str]) -> None:
    """Keep the last lines, and never let the pipe fill up."""
    assert process.stderr is not None
    rest = ""
    async for text in TextReceiveStream(process.stderr, errors="replace"):
        *lines, rest = (rest + text).split("\n")
        log.extend(line for line in lines if line.strip())
    if rest.strip():
        log.append(rest)


async def _end(process: anyio.abc.Process) -> None:
    if process.returncode is None:
        process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
        with anyio.move_on_after(_END_SECONDS):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    await process.aclose()


def _failure(log: Sequence[str], *, late: bool) -> SetupError:
    """The server's own message and hint, as the command line prints them."""
    error = next((line.removeprefix("error: ") for line in log if line.startswith("error: ")), "")
    fix = next((line.strip().removeprefix("fix: ") for line in log if line.startswith("  fix: ")), "")
    if error:
        return SetupError(f"The server does not start: {error}", hint=fix)
    if late:
        return SetupError(
            f"The server was not ready within {_START_SECONDS:.0f} s.", hint="try `npc-runtime serve` by itself"
        )
    said = f": {log[-1].strip()}" if log else " and does not say why"
    return SetupError(f"The server does not start{said}", hint="try `npc-runtime serve` by itself")
