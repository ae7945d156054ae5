"""The supervised child process: started, watched, replaced when it crashes or hangs, gone when we are gone."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import anyio.abc

from npc_runtime.errors import EngineError, MissingPackageError, ModelError
from npc_runtime.llm import libgomp
from npc_runtime.llm.child import ChildConfig

_START_TIMEOUT = 120.0
"""Seconds a model may take to load; a hostile file can make a loader run forever."""

_EXTRAS = ("llama-cpp-python", "transformers")
"""Engines that are installed by an extra of their own name."""
_LIBGOMP_HINT = "on Debian or Ubuntu: sudo apt install libgomp1; on Fedora: sudo dnf install libgomp"


class ModelProcess:
    """One child process that serves one model.

    Args:
        config: What to serve; its `api_key` is replaced by a new random one at each start.
        start_timeout: Seconds the model may take to load.
    """

    def __init__(self, config: ChildConfig, *, start_timeout: float = _START_TIMEOUT) -> None:
        self.config = config
        """What to serve, from the next start on."""
        self._start_timeout = start_timeout
        self._process: anyio.abc.Process | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self.url = ""
        """Base address of the running server."""
        self.api_key = ""
        """The key the running server asks for."""
        self.starts = 0
        """How often the process has been started."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process and wait until the model is loaded.

        Raises:
            MissingPackageError: The engine or a library it needs is not installed.
            ModelError: The engine cannot load the file.
            EngineError: The engine did not come up for another reason.
        """
        await self.stop()
        self.api_key = secrets.token_urlsafe(24)
        self.starts += 1
        # -P: a mod's folder must not be able to put modules of its own in our way.
        command = [sys.executable, "-P", "-m", "npc_runtime.llm.child"]
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows: no console window beside the game
        self._folder = TemporaryDirectory(prefix="npc-runtime-", ignore_cleanup_errors=True)
        self._process = await anyio.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | libgomp.environment(Path(self._folder.name)),
            creationflags=flags,
        )
        answer: dict[str, Any] | None = None
        with anyio.move_on_after(self._start_timeout):
            answer = await self._handshake(self._process)
        if answer is None or "url" not in answer:
            await self.stop(kill=True)
            raise self._failure(answer)
        self.url = answer["url"]

    async def _handshake(self, process: anyio.abc.Process) -> dict[str, Any]:
        assert process.stdin is not None and process.stdout is not None
        line = b""
        try:
            await process.stdin.send(replace(self.config, api_key=self.api_key).line())
            while not line.endswith(b"\n"):
                line += await process.stdout.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError, OSError):
            code = await process.wait()
            return {"error": "crash", "message": f"it ended with code {code}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def stop(self, *, kill: bool = False) -> None:
        """End the process, if there is one.

        Args:
            kill: Do not wait for it to end by itself.
        """
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()
        process, self._process = self._process, None
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            if process.returncode is None and not kill and process.stdin is not None:
                await process.stdin.aclose()
                with anyio.move_on_after(2):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            await process.aclose()

    def _failure(self, answer: dict[str, Any] | None) -> Exception:
        engine, model = self.config.engine, self.config.model
        if answer is None:
            return EngineError(
                f"The language model did not load within {self._start_timeout:.0f} s: {model}",
                hint="the file may be damaged or far too large for this machine; try another with llm.model",
            )
        kind, message = answer.get("error"), answer.get("message", "")
        if kind == "missing":
            hint = f"install the extra {engine}" if engine in _EXTRAS else f"pip install {message}"
            return MissingPackageError(f"The engine {engine} is not installed (no module '{message}').", hint=hint)
        if kind == "native":
            hint = _LIBGOMP_HINT if "libgomp" in message else "npc-runtime doctor shows what is missing"
            return MissingPackageError(f"The engine {engine} cannot be loaded: {message}", hint=hint)
        hint = "download the file again, or choose another model with llm.model"
        what = "crashed while loading" if kind == "crash" else "cannot load"
        return ModelError(f"The engine {engine} {what} {os.path.basename(model)}: {message}", hint=hint)
