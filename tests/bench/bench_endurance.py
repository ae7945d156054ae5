"""Can the runtime be left on for days? Memory over many turns and sessions, and what it uses while nobody talks.

Run: python tests/bench/bench_endurance.py [--turns N] [--sessions N] [--real N] [--idle SECONDS] [--why] [--json]

In this process, with engines that follow a script: many turns of one live session, typed, spoken and interrupted ones,
then many sessions of one turn each. With the real engines: a server, its memory (PSS where the system tells it, else
USS) after more and more typed turns, and its share of one core while a game is connected and nobody talks. Sound counts
as played as soon as it is there. Growth is that of the second half: in the first, bounded stores fill up, such as the
history, the latest traces, and the prompts that the language model keeps (`llm.cache_mb`). `--why` shows which lines of
Python hold what was added; tracing takes memory of its own, so that the figures of this process mean little then.
Goals: <= 1 KB per scripted turn and session, <= 20 KB per real turn, idle <= 1 % of one core.
"""

import ctypes
import gc
import json
import os
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import anyio
import anyio.lowlevel
import numpy as np
import psutil
from _common import ROOT, finish, goal, machine, parser, table
from _lines import LINES

from npc_runtime import events
from npc_runtime.bench.sidecar import SERVE, Sidecar, sidecar
from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.engines import Engines
from npc_runtime.lane import LIVE
from npc_runtime.llm.backend import Completion, Delta, Finish, ReplyFormat
from npc_runtime.room import Room
from npc_runtime.server.live import LiveSession
from npc_runtime.server.protocol import Hello, client_messages
from npc_runtime.speech import ClipHead, ClipPiece, Samples, TimedPhone, Transcript, VoiceColour
from npc_runtime.stt.audio_file import RATE, read_audio
from npc_runtime.traces import Traces
from npc_runtime.tts.wav import pcm16

GOALS = {"scripted": 1.0, "real": 20.0, "idle": 1.0}
Row = dict[str, Any]
"""Of a table; memory in MB."""

_SETTLED = 100
"""Scripted turns after which everything that is loaded once is there."""
_FIRST = 10
"""Real turns after which it is."""
_LINES = 12
"""Lines that `--why` shows."""
_WRITTEN = 3.0
"""Seconds in which what turns have left is written: nobody speaks as fast as a script."""
_VOICE_RATE = 22_050
_WORD = _VOICE_RATE // 4
_REPLIES = (
    "[emotion joy weak] Good day to you. What can I do for you, stranger?",
    "[emotion anger strong] That blade is a disgrace. Leave it here. [action refuse_service]",
    "[emotion interest normal] They say that the bridge is out. [emotion sadness weak] My brother built it.",
)


class Ears:
    """Always hears the same."""

    busy = False

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        return Transcript("Brynja, can you mend my sword?", language)


class Mind:
    """Has three answers; follows no prompt."""

    name = "script"
    small = False
    reply_format: ReplyFormat = "tags"
    busy = False

    def __init__(self) -> None:
        self._asked = 0

    async def start(self) -> None:
        """Always ready."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def warm(self, request: Completion, *, said: str = "") -> None:
        """Nothing to read ahead."""

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        self._asked += 1

        async def items() -> AsyncIterator[Delta | Finish]:
            for word in _REPLIES[self._asked % len(_REPLIES)].split(" "):
                yield Delta(word + " ")
                await anyio.lowlevel.checkpoint()
            yield Finish(complete=True, prompt_tokens=900, completion_tokens=30)

        yield items()


class Mouth:
    """A quarter of a second of noise for each word."""

    busy = False

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        words = len(text.split())

        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            phones = tuple(TimedPhone("a", _WORD) for _ in range(words))
            yield ClipHead(phones, words * _WORD, _VOICE_RATE, "exact", "en")
            for word in range(words):
                await anyio.lowlevel.checkpoint()
                noise = np.random.default_rng(word).standard_normal(_WORD).astype(np.float32) * np.float32(0.1)
                yield ClipPiece(noise, _VOICE_RATE, last=word == words - 1)

        yield parts()


class Scripted:
    """What a room needs of engines."""

    turns = None
    """No second opinion on pauses."""
    context_tokens = 2048

    def __init__(self) -> None:
        self.ears, self.mind, self.mouth = Ears(), Mind(), Mouth()

    def busy(self) -> dict[str, bool]:
        return {}


class Player:
    """A game that reads everything and plays it at once.

    Args:
        live: The session, entered.
    """

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._interrupts = False
        self._over = anyio.Event()

    async def read(self) -> None:
        async for event in self._live.events:
            match event:
                case events.SpeechAudio() if self._interrupts:
                    self._interrupts = False
                    await self._send("interrupt")
                case events.SpeechAudio():
                    played = event.start_ms + len(event.pcm) / 2 * 1000 / event.rate
                    await self._send("playback", turn=event.turn, played_ms=played)
                case events.TurnEnd():
                    self._over.set()

    async def turn(self, number: int, spoken: bytes) -> None:
        """Say something: in turn by writing, by voice, and by writing without letting the answer be finished."""
        self._over = anyio.Event()
        self._interrupts = number % 3 == 2
        if number % 3 == 1:
            await self._send("listen.start", mode="push_to_talk", rate=RATE)
            for start in range(0, len(spoken), 1280):
                await self._live.audio(spoken[start : start + 1280])
            await self._send("listen.stop")
        else:
            await self._send("player.text", text=f"Tell me something new, for the {number}th time.")
        with anyio.fail_after(60):
            await self._over.wait()

    async def turn_to(self, character: str) -> None:
        """Face somebody; whoever is met for the first time greets."""
        self._over = anyio.Event()
        await self._send("talk.start", character=character)
        with anyio.move_on_after(1):
            await self._over.wait()

    async def _send(self, type: str, **fields: Any) -> None:
        await self._live.handle(client_messages().validate_python({"type": type, **fields}))


@asynccontextmanager
async def playing(room: Room, character: str) -> AsyncIterator[Player]:
    """A session of a player who faces somebody."""
    async with room.open_session(Hello(type="hello", protocol=1)) as live, anyio.create_task_group() as tasks:
        player = Player(live)
        tasks.start_soon(player.read)
        await player.turn_to(character)
        yield player
        tasks.cancel_scope.cancel()


async def scripted(turns: int, sessions: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Many turns and many sessions in this process.

    Returns:
        Its memory after some of the turns, and after some of the sessions; what holds the memory that turns added, if
        that is traced.
    """
    library = Library.load([ROOT])
    spoken = pcm16(read_audio(ROOT / "tests" / "fixtures" / "audio" / "brynja_name.flac"))
    after_turns: list[Row] = []
    after_sessions: list[Row] = []
    held: tracemalloc.Snapshot | None = None
    with TemporaryDirectory() as folder, Traces(Path(folder)) as traces:
        room = Room(library, cast(Engines, Scripted()), Settings(), traces, seed=1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(room.run)
            async with playing(room, "brynja") as player:
                for number in range(1, turns + 1):
                    await player.turn(number, spoken)
                    if number in (_SETTLED, turns // 2, turns):
                        await anyio.sleep(_WRITTEN)
                        after_turns.append({"after turns": number, "all": resident_mb()})
                    if number == turns // 2 and tracemalloc.is_tracing():
                        held = tracemalloc.take_snapshot()
            why = added(held) if held is not None else []
            for number in range(1, sessions + 1):
                async with playing(room, "brynja") as player:
                    await player.turn(number, spoken)
                if number in (1, sessions // 2, sessions):
                    await anyio.sleep(_WRITTEN)
                    after_sessions.append({"after sessions": number, "all": resident_mb()})
            tasks.cancel_scope.cancel()
    return after_turns, after_sessions, why


async def real(turns: int, idle_seconds: float) -> tuple[list[Row], list[Row]]:
    """A server with real engines.

    Returns:
        Its memory after some of the turns, and its share of one core.
    """
    rows: list[Row] = []
    async with sidecar(SERVE) as server:
        process = psutil.Process(server.pid)
        async with connected(server) as socket:
            for number in range(1, turns + 1):
                await say(socket, number)
                if number in (1, _FIRST, turns // 4, turns // 2, turns):
                    rows.append({"after turns": number, **memory_mb(process)})
            cpu = [{"while": "nobody talks", "%": await share_of_core(process, idle_seconds)}]
            await socket.send(json.dumps({"type": "listen.start", "mode": "open_mic", "rate": RATE}))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stream_room, socket)
                quiet = await share_of_core(process, idle_seconds)
                tasks.cancel_scope.cancel()
            cpu.append({"while": "an open microphone hears a quiet room", "%": quiet})
    return rows, cpu


def growth_kb(rows: Sequence[Row]) -> float:
    """What each turn or session of the second half added."""
    (count, *_, before), (last, *_, after) = (list(row.values()) for row in rows[-2:])
    return float((after - before) * 1000 / (last - count))


@asynccontextmanager
async def connected(server: Sidecar) -> AsyncIterator[Any]:
    """A WebSocket on which hello has been said."""
    import websockets

    address = server.url.replace("http", "ws", 1) + "/v1/ws"
    async with websockets.connect(address, max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"type": "hello", "protocol": 1, "audio": {"out": "base64"}}))
        yield socket


async def say(socket: Any, number: int) -> None:
    """One typed turn, to somebody else every few turns."""
    whom = list(LINES)[number // 3 % len(LINES)]
    if number % 3 == 0:
        await socket.send(json.dumps({"type": "talk.start", "character": whom}))
    text = LINES[whom][number % len(LINES[whom])].text
    await socket.send(json.dumps({"type": "player.text", "text": text, "to": whom}))
    answer: int | None = None
    heard = False
    with anyio.fail_after(120):
        while True:
            message = json.loads(await socket.recv())
            heard = heard or message["type"] == "heard"
            if message["type"] == "turn.begin" and heard and answer is None:
                answer = message["turn"]
            elif message["type"] == "speech.audio":
                played = {"type": "playback", "turn": message["turn"], "played_ms": 1e9, "done": True}
                await socket.send(json.dumps(played))
            elif message["type"] == "turn.end" and message["turn"] == answer:
                return


async def stream_room(socket: Any) -> None:
    """A microphone in a quiet room, in real time, until cancelled."""
    noise = pcm16(np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * np.float32(2e-4))
    start = anyio.current_time()
    for number in range(1 << 30):
        await anyio.sleep_until(start + number * 0.02)
        at = number % 50 * 640
        await socket.send(noise[at : at + 640])


async def share_of_core(process: psutil.Process, seconds: float) -> float:
    """How much of one core a process and its children use, in percent, once what was going on is over."""
    await anyio.sleep(3)
    before, start = cpu_seconds(process), time.perf_counter()
    await anyio.sleep(seconds)
    return (cpu_seconds(process) - before) / (time.perf_counter() - start) * 100


def cpu_seconds(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def memory_mb(process: psutil.Process) -> Row:
    """Memory of a process, of its children, and of all, in MB."""
    own, children = used_mb(process), sum(used_mb(child) for child in process.children(recursive=True))
    return {"runtime": round(own, 2), "language model": round(children, 2), "all": round(own + children, 2)}


def used_mb(process: psutil.Process) -> float:
    memory = process.memory_full_info()
    return float(getattr(memory, "pss", 0) or memory.uss) / 1e6


def resident_mb() -> float:
    """What this process uses, without the free memory that the C library would keep for later."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
    return round(psutil.Process().memory_info().rss / 1e6, 2)


def added(before: tracemalloc.Snapshot) -> list[Row]:
    """The lines of Python that hold the most of what was added since a snapshot."""
    found = tracemalloc.take_snapshot().compare_to(before, "lineno")[:_LINES]
    return [{"line": str(one.traceback), "KB": one.size_diff / 1e3, "blocks": one.count_diff} for one in found]


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--turns", type=int, default=1000, help=f"scripted turns, more than {2 * _SETTLED}")
    made.add_argument("--sessions", type=int, default=200, help="scripted sessions of one turn each, at least 4")
    made.add_argument("--real", type=int, default=100, help="turns with the real engines, at least 4; 0: none")
    made.add_argument("--idle", type=float, default=20.0, help="seconds in which nobody talks")
    made.add_argument("--why", action="store_true", help="show what holds the memory that scripted turns added")
    args = made.parse_args()
    before = machine()
    if args.why:
        tracemalloc.start()
    after_turns, after_sessions, why = anyio.run(scripted, args.turns, args.sessions)
    tables = {"scripted turns, MB": after_turns, "scripted sessions, MB": after_sessions}
    goals = [
        goal("KB per scripted turn", growth_kb(after_turns), GOALS["scripted"], at_least=False),
        goal("KB per scripted session", growth_kb(after_sessions), GOALS["scripted"], at_least=False),
    ]
    if args.why:
        tables["what scripted turns added"] = why
    if args.real:
        rows, cpu = anyio.run(real, args.real, args.idle)
        tables |= {"server with real engines, MB": rows, "share of one core": cpu}
        goals.append(goal("KB per real turn", growth_kb(rows), GOALS["real"], at_least=False))
        goals.append(goal("% of a core while nobody talks", cpu[0]["%"], GOALS["idle"], at_least=False))
    if not args.json:
        print(f"{before['cores']} cores, load {before['load_1min']} before")
        for title, rows in tables.items():
            table(title, rows)
    return finish(args.json, {"machine": before, **tables}, goals)


if __name__ == "__main__":
    sys.exit(main())
