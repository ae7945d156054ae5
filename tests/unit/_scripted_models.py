"""Language models that follow a script, one for each answer."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from npc_runtime.llm.backend import Completion, Delta, Finish, LanguageModel, ReplyFormat
from npc_runtime.llm.chain import ModelChain
from npc_runtime.llm.member import Member

Script = Sequence[str | Exception]
"""What it writes, piece by piece; an error ends it."""


@dataclass
class Clock:
    """Time that stands still until it is set."""

    at: float = 1000.0

    def now(self) -> float:
        return self.at


@dataclass
class Writer:
    """Writes its scripts, one after another, the last one again and again; or what `write` says."""

    name: str
    scripts: Sequence[Script] = ()
    small: bool = False
    reply_format: ReplyFormat = "tags"
    write: Callable[[Completion], Script] | None = None
    start_error: Exception | None = None
    ready: bool = True
    languages: Sequence[str] = ()
    """That it knows; all of them if there is none."""
    requests: list[Completion] = field(default_factory=list)
    warmed: list[tuple[Completion, str]] = field(default_factory=list)
    started: int = 0
    stopped: int = 0

    def knows(self, language: str) -> bool:
        return not self.languages or language in self.languages

    async def start(self) -> None:
        self.started += 1
        if self.start_error is not None:
            raise self.start_error
        self.ready = True

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        self.requests.append(request)
        script = self.write(request) if self.write else self.scripts[min(len(self.requests), len(self.scripts)) - 1]

        async def items() -> AsyncIterator[Delta | Finish]:
            for piece in script:
                if isinstance(piece, Exception):
                    raise piece
                yield Delta(piece)
            yield Finish(complete=True, prompt_tokens=100, cached_tokens=40, completion_tokens=len(script))

        try:
            yield items()
        finally:
            self.stopped += 1

    async def warm(self, request: Completion, *, said: str = "") -> None:
        self.warmed.append((request, said))

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def aclose(self) -> None:
        self.ready = False


def is_a_model(model: Writer) -> LanguageModel:
    """What type checkers see in it."""
    return model


async def told(chain: ModelChain, request: Completion) -> tuple[str, Finish | None]:
    """All that a chain passes on."""
    text, finish = "", None
    async with chain.stream(request) as items:
        async for item in items:
            if isinstance(item, Delta):
                assert finish is None
                text += item.text
            else:
                finish = item
    return text, finish


def standing(*members: Member) -> list[str]:
    """How the breakers stand."""
    return [member.breaker.state for member in members]
