"""A local model whose process is killed, or hangs, at one point of a reply, and the turn that goes on regardless."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import psutil

from npc_runtime.actions.ledger import Ledger
from npc_runtime.breaker import Breaker
from npc_runtime.cast import Cast
from npc_runtime.character.nature import Natures
from npc_runtime.clock import MonotonicClock
from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.failover import Switch
from npc_runtime.lives import Lives
from npc_runtime.llm.backend import Completion, Delta, Finish
from npc_runtime.llm.chain import ModelChain, Terms
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.member import Member
from npc_runtime.llm.reply import ActionTag, ParserEvent, SentenceEnd, Words
from npc_runtime.scene import Player, Scene
from npc_runtime.thinking import Mindset, Thinking
from npc_runtime.trace import Trace

SMITH = CharacterFile.model_validate(
    {
        "name": "Brynja Ironhand",
        "persona": {"summary": "Blacksmith of Hollowfen, who trusts nobody from the Guild."},
        "style": {"tone": "blunt", "response_length": "medium", "sample_lines": ["Aye. Steel doesn't lie."]},
    }
)
LEAVE = ActionDefinition.model_validate({"name": "leave", "description": "Go away when the player says goodbye."})
LINE = "Goodbye, I will leave now. What do you think about the mine?"

Point = tuple[str, float]
"""Where it happens: `never`; `before` the reply; while it is `reading`, after so many seconds; after `tokens`."""


class Doomed(LocalModel):
    """Whose process does not survive a point of the next reply."""

    point: Point = ("never", 0)
    hang = False
    at = 0.0
    """Time of the event loop at which it happened."""
    tokens = 0

    def strike(self) -> None:
        """It happens."""
        pid = self.process.pid
        if pid is None or self.at:
            return
        self.at = anyio.current_time()
        if self.hang:
            os.kill(pid, signal.SIGSTOP)
        else:
            psutil.Process(pid).kill()

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        where, how_much = self.point
        if where == "before":
            self.strike()
        async with super().stream(request) as items:

            async def doomed() -> AsyncIterator[Delta | Finish]:
                async for item in items:
                    yield item
                    self.tokens += 1
                    if where == "tokens" and self.tokens == how_much:
                        self.strike()

            if where == "reading":
                asyncio.get_running_loop().call_later(how_much, self.strike)
            yield doomed()


class Spare(LocalModel):
    """Notes when it goes on."""

    began = 0.0
    """Time of the event loop of the first piece since that was set to zero."""

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        async with super().stream(request) as items:

            async def noted() -> AsyncIterator[Delta | Finish]:
                async for item in items:
                    self.began = self.began or anyio.current_time()
                    yield item

            yield noted()


@dataclass
class Told:
    """What became of one turn."""

    words: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    """Of these, what was spoken when it happened."""
    sentences: int = 0
    actions: int = 0
    switches: list[Switch] = field(default_factory=list)
    delay_ms: float = 0.0
    """From when it happened until the other model went on; 0 if nothing was left to be said."""
    model: str = ""

    @property
    def twice(self) -> bool:
        """Whether what was said when it happened was said once more right behind it."""
        seam = len(self.before)
        return any(
            self.words[seam - length : seam] == self.words[seam : seam + length]
            for length in range(1, seam + 1)
            if len(self.words) >= seam + length and any(map(str.isalnum, "".join(self.words[seam : seam + length])))
        )


class Pair:
    """Two processes with the same model, of which the first one fails."""

    def __init__(self, gguf: Path, *, timeout: float = 20.0) -> None:
        config = ChildConfig("xllamacpp", str(gguf), "", 2048, 1, 0, 1, 2, 0)
        clock = MonotonicClock()
        self.first = Doomed("first", config, timeout=timeout, again=False)
        self.second = Spare("second", config, again=False)
        members = (
            Member(self.first, Breaker(clock, failures=10**6), local=True),
            Member(self.second, Breaker(clock), local=True, context_tokens=2048, eager=True),
        )
        self._chain = ModelChain(members)

    async def start(self) -> None:
        """Start both."""
        await self.first.start()
        await self.second.start()

    async def aclose(self) -> None:
        """End both."""
        await self._chain.aclose()

    async def turn(self, point: Point, *, seed: int = 1, hang: bool = False) -> Told:
        """One turn, from the player's words to what is to be spoken and done."""
        await self.first.start()
        first = self.first
        first.point, first.hang, first.at, first.tokens = point, hang, 0.0, 0
        self.second.began = 0.0
        told = Told()
        chain = self._chain.on_terms(Terms(switched=told.switches.append))
        clock = MonotonicClock()
        life = Lives(clock).of(SMITH, Player())
        cast = Cast(
            now=Scene,
            id="brynja",
            character=SMITH,
            actions=(LEAVE,),
            system="You are Brynja Ironhand. Blacksmith of Hollowfen. You are blunt.",
            player=Player(),
            scene=Scene(),
            nature=Natures(Library()).of(SMITH),
            life=life,
            ledger=Ledger(),
        )
        thinking = Thinking(cast, chain, Trace(clock, 0), clock, context_tokens=2048, temperature=0.5, seed=seed)
        send, receive = anyio.create_memory_object_stream[ParserEvent](1000)

        async def think() -> None:
            async with send:
                await thinking.run(LINE, Mindset(inner=life.inner, label="neutral"), send)

        async with anyio.create_task_group() as tasks, receive:
            tasks.start_soon(think)
            async for event in receive:
                _take(told, event, struck=bool(first.at))
        if first.at and self.second.began:
            told.delay_ms = (self.second.began - first.at) * 1000
        told.model = thinking.usage.model if thinking.usage else ""
        return told


def _take(told: Told, event: ParserEvent, *, struck: bool) -> None:
    if isinstance(event, Words):
        told.words.append(event.text.strip())
        if not struck:
            told.before.append(event.text.strip())
    told.sentences += isinstance(event, SentenceEnd)
    told.actions += isinstance(event, ActionTag)


def points(count: int, tokens: int) -> Sequence[Point]:
    """So many points, spread over a reply of so many tokens."""
    reading: list[Point] = [("reading", seconds) for seconds in (0.0, 0.01, 0.03, 0.06)]
    first: list[Point] = [("before", 0), *reading[: max(1, count // 6)]]
    left = count - len(first)
    return [*first, *(("tokens", 1 + round(step * (tokens - 1) / max(left - 1, 1))) for step in range(left))]
