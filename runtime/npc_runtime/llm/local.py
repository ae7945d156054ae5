"""The local language model: a supervised process with an engine, spoken to as one would speak to an online service."""

import itertools
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from npc_runtime.content.told import base
from npc_runtime.errors import EngineError, ModelError
from npc_runtime.llm.backend import Completion, Delta, Finish, ReplyFormat, Role
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.process import ModelProcess
from npc_runtime.llm.prompt import estimated_tokens
from npc_runtime.llm.templates import CHATML, Template
from npc_runtime.service_http import leave

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_log = logging.getLogger(__name__)

_SAMPLING: dict[str, Any] = {
    "top_k": 40,
    "min_p": 0.05,
    "repeat_penalty": 1.1,
    "repeat_last_n": 96,
}

_COUNT_TIMEOUT = 0.5
"""Seconds that counting may take; it takes milliseconds unless the engine hangs."""
_MOST_COUNTS = 4096
"""Texts whose number of tokens is kept: the same lines come again turn after turn."""
_BETWEEN = -1
"""No token: stands between two texts."""
_SMALL = 900_000_000
"""Parameters: models that are said to have a billion have at least as many."""
_SMALL_BYTES = 700_000_000
"""Files of quantised models with about a billion parameters are this large."""


class LocalModel:
    """A model file behind one of the local engines.

    Args:
        name: What `usage` calls it.
        config: How to serve it.
        template: How its family expects a conversation.
        parameters: How many it has, if that is known.
        timeout: Seconds without a new token after which the engine counts as hanging and is replaced.
        again: Whether an engine that fails before the first token is asked once more when it has been replaced. Where
            another model stands by, that one answers sooner.
        languages: All that it knows, as ISO 639-1 codes; empty if that is not known.
    """

    def __init__(
        self,
        name: str,
        config: ChildConfig,
        *,
        template: Template = CHATML,
        parameters: int = 0,
        timeout: float = 20.0,
        again: bool = True,
        languages: Collection[str] = (),
    ) -> None:
        self._name = name
        self._languages = frozenset(languages)
        self._small = parameters < _SMALL if parameters else os.path.getsize(config.model) < _SMALL_BYTES
        self.context = config.context
        """Tokens of one conversation."""
        self.template = template
        """How its family expects a conversation."""
        self._timeout = timeout
        self._again = again
        self._slots = _Slots(config.slots)
        self._starting = anyio.Lock()
        self._live = 0
        """Replies in progress."""
        self._warming: set[anyio.CancelScope] = set()
        self._counts: OrderedDict[str, int] = OrderedDict()
        """Tokens by text, the latest used last."""
        self._client: AsyncOpenAI | None = None
        self.process = ModelProcess(config)
        """The child process."""

    @property
    def name(self) -> str:
        """What `usage` calls it."""
        return self._name

    @property
    def reply_format(self) -> ReplyFormat:
        """Tags, which a grammar binds it to."""
        return "tags"

    @property
    def small(self) -> bool:
        """Whether the model is small: below about a billion parameters."""
        return self._small

    def knows(self, language: str) -> bool:
        """Whether it knows a language; a model of which that is not known counts as knowing any."""
        return not self._languages or base(language) in self._languages

    async def start(self) -> None:
        """Start the process if it is not running."""
        async with self._starting:
            if self.ready:
                return
            await self._close_client()
            await self._start_process()
            self._client = await anyio.to_thread.run_sync(_client, self.process.url, self.process.api_key)

    async def _start_process(self) -> None:
        """Start the process; one that cannot use the graphics processor works without it."""
        try:
            await self.process.start()
        except (ModelError, EngineError) as error:
            if not self.process.config.gpu_layers:
                raise
            _log.warning("%s It is loaded without the graphics processor, and will be slower.", error.message)
            self.process.config = replace(self.process.config, gpu_layers=0)
            await self.process.start()

    @property
    def ready(self) -> bool:
        """Whether the process runs and can be asked."""
        return self.process.running and self._client is not None

    @property
    def busy(self) -> bool:
        """Whether it works."""
        return self._live > 0 or bool(self._warming)

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        """Answer. An engine that crashes or hangs before the first token is replaced, and asked once more."""
        self._live += 1
        for scope in self._warming:  # what it has read by now is kept, and need not be read again
            scope.cancel()
        replies = self._reply(request)
        try:
            yield replies
        finally:
            with anyio.CancelScope(shield=True):
                await replies.aclose()
            self._live -= 1

    async def _reply(self, request: Completion, speaker: Role = "assistant") -> AsyncGenerator[Delta | Finish, None]:
        for attempt in itertools.count():
            started = False
            try:
                async for item in self._attempt(request, speaker):
                    started = True
                    yield item
                return
            except EngineError:
                if started or attempt or not self._again:
                    raise

    async def _attempt(self, request: Completion, speaker: Role) -> AsyncIterator[Delta | Finish]:
        import httpx2
        import openai

        await self.start()
        assert self._client is not None
        body = _SAMPLING | {"cache_prompt": True, "id_slot": self._slots.slot(request.conversation)}
        if request.grammar is not None:
            body["grammar"] = request.grammar
        response: Any = None
        try:
            with anyio.fail_after(self._timeout):
                response = await self._client.completions.create(
                    model="local",
                    prompt=self.template.prompt(
                        request.messages,
                        speaker,
                        begun=request.written + request.opening,
                        player=request.player,
                        character=request.character,
                    ),
                    max_tokens=request.max_tokens,
                    temperature=request.temperature,
                    seed=request.seed,
                    stop=self.template.stops(player=request.player, character=request.character),
                    stream=True,
                    stream_options={"include_usage": True},
                    extra_body=body,
                )
            opening = request.opening
            async for item in self._items(response):
                if opening and isinstance(item, Delta):
                    item, opening = Delta(opening + item.text), ""
                yield item
        except openai.APIStatusError as error:
            raise EngineError(f"The language model refused the request: {error.message}") from error
        except (openai.APIError, httpx2.HTTPError, TimeoutError, ConnectionError) as error:
            hung = isinstance(error, TimeoutError | openai.APITimeoutError)
            await self.process.stop(kill=True)
            what = f"did not answer for {self._timeout:.0f} s" if hung else "stopped in the middle of its work"
            raise EngineError(f"The language model {what} and has been restarted.") from error
        finally:
            if response is not None:
                # Closing the connection is what tells the engine to stop: it must happen in a cancelled turn, too.
                with anyio.CancelScope(shield=True):
                    await leave(response)

    async def _items(self, response: Any) -> AsyncIterator[Delta | Finish]:
        complete = True
        while True:
            with anyio.fail_after(self._timeout):
                chunk = await anext(response, None)
            if chunk is None:
                raise ConnectionError("the answer broke off")
            for choice in chunk.choices:
                if choice.finish_reason == "length":
                    complete = False
                if choice.text:
                    yield Delta(choice.text)
            if chunk.usage is not None:
                details = chunk.usage.prompt_tokens_details
                yield Finish(
                    complete=complete,
                    prompt_tokens=chunk.usage.prompt_tokens,
                    cached_tokens=(details.cached_tokens or 0) if details else 0,
                    completion_tokens=chunk.usage.completion_tokens,
                )
                return

    async def warm(self, request: Completion, *, said: str = "") -> None:
        """Read a prompt into its slot, up to where the player speaks; gives way at once to whoever waits for words."""
        if self._live:
            return
        scope = anyio.CancelScope()
        self._warming.add(scope)
        try:
            with scope:
                ahead = replace(request, max_tokens=1, grammar=None, written=self.template.plain(said), opening="")
                async for _ in self._reply(ahead, speaker="user"):
                    pass
        finally:
            self._warming.discard(scope)

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, by the model's own tokenizer if that runs."""
        known = {text: self._counts[text] for text in texts if text in self._counts}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        counted = await self._tokenized(new) if new else []
        if counted is None:
            return [known[text] if text in known else estimated_tokens(text) for text in texts]
        known.update(zip(new, counted, strict=True))
        for text in known:
            self._counts[text] = known[text]
            self._counts.move_to_end(text)
        while len(self._counts) > _MOST_COUNTS:
            self._counts.popitem(last=False)
        return [known[text] for text in texts]

    async def _tokenized(self, texts: Sequence[str]) -> list[int] | None:
        """The same of the running engine, in one request; None if it gives no answer."""
        import openai

        client = self._client
        if client is None or not self.process.running:
            return None
        content = [part for text in texts for part in (_BETWEEN, text)]
        try:
            with anyio.fail_after(_COUNT_TIMEOUT):
                answer: Any = await client.post(
                    f"{self.process.url}/tokenize",
                    body={"content": content, "add_special": False, "parse_special": False},
                    cast_to=object,
                )
            counts: list[int] = []
            for token in answer["tokens"]:
                if token == _BETWEEN:
                    counts.append(0)
                else:
                    counts[-1] += 1
        except (openai.APIError, TimeoutError, LookupError, TypeError):
            return None
        return counts if len(counts) == len(texts) else None

    async def aclose(self) -> None:
        """End the process."""
        await self._close_client()
        await self.process.stop()

    async def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def _client(url: str, api_key: str) -> "AsyncOpenAI":
    """Made in a thread: importing the SDK takes a third of a second."""
    import openai

    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=api_key, max_retries=0)


class _Slots:
    """Which of the server's slots keeps whose prompt warm: the one used longest ago goes to whoever is new."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._by_conversation: OrderedDict[str, int] = OrderedDict()

    def slot(self, conversation: str) -> int:
        """The slot of a conversation."""
        if conversation not in self._by_conversation:
            if len(self._by_conversation) < self._count:
                self._by_conversation[conversation] = len(self._by_conversation)
            else:
                _, free = self._by_conversation.popitem(last=False)
                self._by_conversation[conversation] = free
        self._by_conversation.move_to_end(conversation)
        return self._by_conversation[conversation]
