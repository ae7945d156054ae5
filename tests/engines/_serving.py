"""The real server in a process of its own, and what games say to it and get."""

import http.client
import importlib.util
import itertools
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import numpy as np

from npc_runtime.bench.clips import bounds
from npc_runtime.speech import Samples
from npc_runtime.stt.audio_file import RATE, read_audio
from npc_runtime.tts.wav import pcm16

Message = dict[str, Any]
Exchange = list[tuple[Message, bytes]]
"""Messages with their sound."""

AUDIO = Path(__file__).parents[1] / "fixtures" / "audio"
_FRAME = RATE // 50
"""Samples of the pieces that a microphone gives."""
SCRIPT = Path(sys.executable).with_name("npc-runtime" + (".exe" if os.name == "nt" else ""))
_PATIENCE = 45.0
"""Seconds in which everything that is waited for must have come, on a machine that is busy with other things, too."""


def reference_client() -> ModuleType:
    """The module that ships with the assets."""
    path = Path(__file__).parents[2] / "assets" / "clients" / "python" / "npc_client.py"
    spec = importlib.util.spec_from_file_location("npc_client", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_CLIENT = reference_client()


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    ready: Message
    """The line with which it said so."""
    log: Path
    """What it writes to stderr."""

    @property
    def ws(self) -> str:
        return str(self.ready["url"]).replace("http", "ws", 1) + "/v1/ws"

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """A request; answers the status and the parsed body. Bytes are sent as they are, all else as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()

        def request() -> tuple[int, Any]:
            connection = http.client.HTTPConnection(urlsplit(self.ready["url"]).netloc, timeout=_PATIENCE)
            try:
                connection.request(method, path, data, dict(headers or {}))
                response = connection.getresponse()
                text = response.read()
                return response.status, json.loads(text) if text else None
            finally:
                connection.close()

        return await anyio.to_thread.run_sync(request)

    async def health(self) -> Message:
        status, body = await self.ask("GET", "/v1/health")
        assert status == 200
        found: Message = body
        return found

    async def until(self, true: Callable[[Message], bool], *, within: float) -> None:
        """Wait until the health of the server is as it should be."""
        deadline = time.monotonic() + within
        while not true(health := await self.health()):
            assert time.monotonic() < deadline, health
            await anyio.sleep(0.02)

    async def idle(self, *, within: float) -> None:
        """Wait until no engine works."""
        await self.until(lambda health: "busy" not in health["engines"].values(), within=within)

    @asynccontextmanager
    async def game(self, **hello: Any) -> AsyncIterator["Game"]:
        """A game that has said hello, by the reference client; it says nothing about actions."""
        async with _CLIENT.NpcClient(self.ws, **{"answers": False, **hello}) as npc:
            yield Game(npc)


class Game:
    """A game that plays sound at once, and takes everything in order.

    Args:
        npc: The reference client, connected.
    """

    def __init__(self, npc: Any) -> None:
        self.npc = npc
        self.send = npc.send
        self.hear = npc.send_audio
        self._seq = int(npc.welcome["seq"])

    async def receive(self) -> tuple[Message, bytes]:
        """The next message, which must be the next one by its number."""
        with anyio.fail_after(_PATIENCE):
            message, pcm = await self.npc.receive()
        self._seq += 1
        assert message["seq"] == self._seq
        return message, pcm

    async def until(self, last: Callable[[Message], bool], *, plays: bool = True) -> Exchange:
        """Receive up to a message.

        Args:
            last: Which one it is.
            plays: Whether sound counts as played as soon as it is here; otherwise it takes its time.
        """
        got: Exchange = []
        while not got or not last(got[-1][0]):
            got.append(await self.receive())
            if plays and got[-1][0]["type"] == "speech.audio":
                await self.send("playback", **played(*got[-1]))
        return got

    async def say(self, text: str, to: str) -> Exchange:
        """Write something, and receive the whole answer."""
        await self.send("player.text", text=text, to=to)
        return await self.answer()

    async def answer(self) -> Exchange:
        """Receive from what was heard until the character has answered and is idle."""
        got = await self.until(is_heard)
        for last in (begins, ends, is_idle):
            got += await self.until(last)
        return got

    async def turn_to(self, character: str) -> None:
        """Face somebody, and hear the greeting out."""
        await self.send("talk.start", character=character)
        await self.until(ends)
        await self.until(is_idle)

    async def refused(self, code: str) -> Message:
        """The error that must come next."""
        message, _ = await self.receive()
        assert message["type"] == "error" and message["code"] == code, message
        assert message["message"] and not message["fatal"]
        return message


@contextmanager
def started(
    state: Path, log: Path, command: Sequence[str | Path] = (SCRIPT,), **environ: str
) -> Iterator["subprocess.Popen[str]"]:
    """A server on a free port that begins to load; ended at once, if it still runs, with the context.

    Args:
        state: Its folder for state, made if it is not there.
        log: Receives what it writes to stderr.
        command: Runs `npc-runtime`.
        environ: Its settings.
    """
    state.mkdir(exist_ok=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("NPC_RUNTIME_")}
    clean |= {"NPC_RUNTIME_LLM__LOCAL_PORTS": ""}
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*command, "serve", "--json", "--port", "0", "--state", state, "--seed", "1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=clean | environ,
            cwd=state,
            encoding="utf-8",
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def serving(state: Path, log: Path, **environ: str) -> Iterator[Server]:
    """A server that is ready; see `started`."""
    with started(state, log, **environ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text(encoding="utf-8")
        yield Server(process, json.loads(line), log)


class Microphone:
    """One that is never closed, in a quiet room in which a player says one line; in real time.

    Args:
        send: Takes a piece of sound.
        name: The recording of the line.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]], name: str) -> None:
        self.spoken_at = math.inf
        """When the last voiced sample was sent, on the clock of the event loop."""
        self._send = send
        self._samples = read_audio(AUDIO / name)

    async def run(self) -> None:
        """Stream until cancelled."""
        noise = np.random.default_rng(0).standard_normal((50, _FRAME)).astype(np.float32) * np.float32(2e-4)
        voiced = bounds(self._samples)
        assert voiced is not None
        start = anyio.current_time()
        for number in itertools.count():
            at = number * _FRAME
            line = self._samples[at : at + _FRAME]
            frame = noise[number % len(noise)].copy()
            frame[: len(line)] += line
            await anyio.sleep_until(start + (at + _FRAME) / RATE)
            await self._send(pcm16(frame))
            if at < voiced[1] <= at + _FRAME:
                self.spoken_at = anyio.current_time()


def played(message: Message, pcm: bytes) -> Message:
    """A report that a piece of sound, and all before it, has been played."""
    return {"turn": message["turn"], "played_ms": end_ms(message, pcm), "done": False}


def end_ms(message: Message, pcm: bytes) -> float:
    """Where a piece of sound ends in its turn."""
    return float(message["start_ms"]) + len(pcm) / 2 * 1000 / int(message["rate"])


def is_heard(message: Message) -> bool:
    return bool(message["type"] == "heard" and message["final"])


def begins(message: Message) -> bool:
    return bool(message["type"] == "turn.begin")


def ends(message: Message) -> bool:
    return bool(message["type"] == "turn.end")


def is_idle(message: Message) -> bool:
    return bool(message["type"] == "state" and message["stage"] == "idle")


def sounds(message: Message) -> bool:
    return bool(message["type"] == "speech.audio")


def sound(got: Exchange) -> Samples:
    """All sound of an exchange at 16 kHz."""
    import soxr

    pieces = [(message["rate"], pcm) for message, pcm in got if sounds(message)]
    pcm = np.frombuffer(b"".join(pcm for _, pcm in pieces), "<i2").astype(np.float32) / np.float32(32768)
    samples: Samples = soxr.resample(pcm, pieces[0][0], RATE)
    return samples


def recording(name: str) -> bytes:
    """A player's line as a microphone gives it: PCM s16le at 16 kHz."""
    return pcm16(read_audio(AUDIO / name))
