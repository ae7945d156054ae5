"""A member of a chain: one language model, whether it can be asked now, and what it takes."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import anyio

from npc_runtime.breaker import Breaker
from npc_runtime.errors import NpcError
from npc_runtime.failover import readable
from npc_runtime.llm.backend import Completion, Finish, LanguageModel
from npc_runtime.llm.fit import fitted, simplified
from npc_runtime.llm.prompt import estimated_tokens
from npc_runtime.spending import Price, Spent, cost_of

_log = logging.getLogger(__name__)


@runtime_checkable
class Starting(Protocol):
    """A model that may have to be started again."""

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        ...


class Member:
    """One model of a chain. Sessions share it.

    Args:
        model: Made, yet started only when it is needed. Between two items of its stream it holds no cancel scope.
        breaker: Of its own.
        local: Whether it runs on this machine: it costs nothing, and can be started again.
        price: What it costs; None if that is not known.
        context_tokens: Its window; None where the one that requests are made for is no larger.
        eager: Whether it is started with the chain, ready to take over.
    """

    def __init__(
        self,
        model: LanguageModel,
        breaker: Breaker,
        *,
        local: bool = False,
        price: Price | None = None,
        context_tokens: int | None = None,
        eager: bool = False,
    ) -> None:
        self.model = model
        self.breaker = breaker
        self.local = local
        self.eager = eager
        self.trouble: NpcError | None = None
        """How it failed last; None if it works."""
        self._price = price
        self._context_tokens = context_tokens
        self._started = False
        self._closed = False
        self._lock = anyio.Lock()
        self._starting: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """What `usage` calls it."""
        return self.model.name

    @property
    def ready(self) -> bool:
        """Whether it can be asked at once."""
        return self.model.ready if isinstance(self.model, Starting) else True

    async def start(self) -> None:
        """Start it if it is not ready.

        Raises:
            NpcError: It cannot be started.
        """
        async with self._lock:
            if not (self._started and self.ready):
                await self.model.start()
                self._started = True

    def prepare(self) -> None:
        """Start it in the background, unless it is ready or has failed too often lately."""
        begun = self._starting is not None and not self._starting.done()
        if self._closed or begun or self.ready or not self.breaker.allows():
            return
        self._starting = asyncio.create_task(self._prepare(), name=f"start {self.name}")

    async def _prepare(self) -> None:
        # It is no trial of the breaker's: whoever needs an answer meanwhile waits for the same start.
        try:
            await self.start()
        except Exception as error:
            _log.warning("%s cannot be started: %s", self.name, self.failed(error).message)

    def failed(self, error: Exception) -> NpcError:
        """It has failed.

        Returns:
            How, in words for a person.
        """
        self.breaker.failed(error)
        self.trouble = readable(error)
        return self.trouble

    def succeeded(self) -> None:
        """It has answered."""
        self.breaker.succeeded()
        self.trouble = None

    async def request(self, request: Completion, *, small: bool) -> Completion:
        """A request in a way that suits it.

        Args:
            request: What is asked.
            small: Whether that was made for a small model.
        """
        if self.model.small and not small:
            request = simplified(request)
        if self._context_tokens is not None:
            request = await fitted(request, context_tokens=self._context_tokens, count=self.model.count)
        return request

    async def read(self, request: Completion, *, small: bool) -> None:
        """Have a prompt read that it may have to answer soon; the arguments are those of `request`."""
        asked = await self.request(request, small=small)
        *before, last = asked.messages
        await self.model.warm(replace(asked, messages=tuple(before)), said=last.text)

    def read_ahead(self, request: Completion, *, small: bool) -> None:
        """The same in the background; what else was being read so is left."""
        if not self._closed:
            if self._reading is not None:
                self._reading.cancel()
            self._reading = asyncio.create_task(self._read_ahead(request, small), name=f"read ahead {self.name}")

    async def _read_ahead(self, request: Completion, small: bool) -> None:
        try:
            await self.read(request, small=small)
        except Exception as error:  # it will be told when it is asked
            _log.info("%s could not read ahead: %s", self.name, readable(error).message)

    def spent(self, request: Completion, finish: Finish | None, pieces: int, *, read: bool = False) -> Spent | None:
        """What an answer has taken.

        Args:
            request: What was asked.
            finish: What the model says it took; None if it was left or failed before it could.
            pieces: Of the reply that came: about a token each.
            read: Whether it has read the prompt, for which a service charges though nobody waited for more.

        Returns:
            What is known or can be guessed; None if it has taken nothing.
        """
        if finish is None:
            if not pieces and (self.local or not read):
                return None
            prompt = sum(estimated_tokens(message.text) for message in request.messages)
            finish = Finish(complete=False, prompt_tokens=prompt, completion_tokens=pieces)
        return Spent(
            model=finish.model or self.name,
            prompt_tokens=finish.prompt_tokens,
            cached_tokens=finish.cached_tokens,
            completion_tokens=finish.completion_tokens,
            cost=None if self.local or self._price is None else cost_of(finish, self._price),
            local=self.local,
        )

    async def aclose(self) -> None:
        """Stop it."""
        self._closed = True
        tasks = [task for task in (self._starting, self._reading) if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.model.aclose()


def first_able(members: Sequence[Member], *, may_spend: bool) -> Member | None:
    """Who would answer now: the first that can be asked at once, else the first that can be started."""
    able = [member for member in members if member.breaker.allows() and (may_spend or member.local)]
    return next((member for member in able if member.ready), able[0] if able else None)
