"""A language model behind an OpenAI-compatible service: online, or a server that runs on this machine anyway."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from pydantic import SecretStr

from npc_runtime.errors import ServiceError
from npc_runtime.llm import service_failures as failures
from npc_runtime.llm.backend import Completion, Delta, Finish, Message, ReplyFormat
from npc_runtime.llm.calibration import Calibration
from npc_runtime.llm.keys import find_key
from npc_runtime.llm.online_client import make_client
from npc_runtime.llm.online_events import Ended, Used, chat_events, response_events
from npc_runtime.llm.online_models import closest, model_names
from npc_runtime.llm.online_request import Shape, adapted, chat_body, first_shape, responses_body
from npc_runtime.llm.online_text import OnlineText
from npc_runtime.llm.prompt import PER_MESSAGE, estimated_tokens
from npc_runtime.llm.providers import KnownModel, Provider
from npc_runtime.service_http import TooMuchError, leave

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

_MOST_ATTEMPTS = 5
"""To find the form of request that a service accepts, in one reply."""
_GRACE = 0.5
"""Seconds in which a service may say what a finished reply has cost."""
_MODELS_SECONDS = 1.0
"""A failed turn does not wait longer for the names of other models."""
_NO_KEY = SecretStr("")


class OnlineModel:
    """One model of one service.

    Args:
        provider: The service.
        model: Its name of the model; empty: the provider's default, or the first that the server has.
        key: The key from the settings; empty: the provider's variable or the system keyring is asked.
        variable: Which variable sets `key`, for messages.
        reply_format: How the model says what the character feels and does; None: as the provider's models do best.
        small: Whether long prompts and many choices are too much for it.
        connect_timeout: Seconds until the connection stands.
        first_token_timeout: Seconds from the request to the first token.
        timeout: Seconds between two tokens.
    """

    def __init__(
        self,
        provider: Provider,
        model: str = "",
        *,
        key: SecretStr = _NO_KEY,
        variable: str = "NPC_RUNTIME_LLM__API_KEY",
        reply_format: ReplyFormat | None = None,
        small: bool = False,
        connect_timeout: float = 3.0,
        first_token_timeout: float = 8.0,
        timeout: float = 20.0,
    ) -> None:
        self._provider = provider
        self._model = model or provider.model
        self._given_key = key
        self._variable = variable
        self._rules = reply_format or provider.reply_format
        self._small = small
        self._connect_timeout = connect_timeout
        self._first_token_timeout = first_token_timeout
        self._timeout = timeout
        self._shape = first_shape(provider, self._model, self._rules)
        self._starting = anyio.Lock()
        self._client: AsyncOpenAI | None = None
        self._key = _NO_KEY
        self._kept = False
        """Whether a connection may have been kept from an earlier reply."""
        self._live = 0
        """Replies in progress."""
        self._warming: set[anyio.CancelScope] = set()
        self._calibration = Calibration()

    @property
    def name(self) -> str:
        """What `usage` calls it."""
        return f"{self._provider.id}/{self._model}" if self._model else self._provider.id

    @property
    def small(self) -> bool:
        """Whether long prompts and many choices are too much for it."""
        return self._small

    @property
    def reply_format(self) -> ReplyFormat:
        """For which form of reply prompts must have the rules."""
        return self._rules

    @property
    def known(self) -> KnownModel:
        """What is known about the model, such as its price."""
        return self._provider.known(self._model)

    @property
    def busy(self) -> bool:
        """Whether it works."""
        return self._live > 0 or bool(self._warming)

    async def start(self) -> None:
        """Make ready to ask; does nothing if ready. Nothing is sent, but where nobody said which model to use.

        Raises:
            ServiceError: A key is missing, or no model is set and the service names none.
        """
        async with self._starting:
            if self._client is None:
                self._key = await find_key(self._provider, self._given_key, variable=self._variable)
                self._client = await anyio.to_thread.run_sync(self._make_client)
            if not self._model:
                names = await self._names()
                if not names:
                    raise ServiceError(
                        f"{self._provider.name} does not say which models it has.",
                        hint="check that it runs, or set llm.model",
                        failing="connect" if self._provider.local else "request",
                    )
                self._model = names[0]

    def _make_client(self) -> "AsyncOpenAI":
        return make_client(self._provider, self._key, connect_timeout=self._connect_timeout)

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        """Answer; leaving the context closes the connection at once, which is what stops the model.

        Raises:
            ServiceError: The service failed; those `Delta`s that arrived stay valid.
        """
        self._live += 1
        for scope in self._warming:
            scope.cancel()
        replies = self._reply(request)
        try:
            yield replies
        finally:
            with anyio.CancelScope(shield=True):
                await replies.aclose()
            self._live -= 1

    async def _reply(self, request: Completion) -> AsyncGenerator[Delta | Finish, None]:
        await self.start()
        response: AsyncStream[object] | None = None
        try:
            deadline = anyio.current_time() + self._first_token_timeout
            response, shape = await self._opened(request, deadline)
            async for item in self._items(request, shape, response, deadline):
                yield item
        finally:
            if response is not None:
                with anyio.CancelScope(shield=True):
                    await leave(response)

    async def _opened(self, request: Completion, deadline: float) -> "tuple[AsyncStream[object], Shape]":
        """The service's answer, as soon as it begins, and how it was asked for."""
        attempts = 0
        while True:
            attempts += 1
            shape = self._shape  # another session may find out meanwhile what the service refuses
            answer, complaint = await self._attempt(request, shape, deadline)
            if not isinstance(answer, ServiceError):
                return answer, shape
            changed = adapted(shape, complaint) if complaint and attempts < _MOST_ATTEMPTS else None
            if changed is None:
                raise answer
            if self._shape == shape:
                self._shape = changed

    async def _attempt(
        self, request: Completion, shape: Shape, deadline: float
    ) -> "tuple[AsyncStream[object] | ServiceError, str]":
        """The answer or why there is none, and what the service says is wrong with the request."""
        import openai

        chat = shape.api == "chat"
        body = (chat_body if chat else responses_body)(request, shape, self._model, self._rules)
        try:
            with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
                response = await self._post("/chat/completions" if chat else "/responses", body)
        except openai.APIStatusError as error:
            return await self._refused(error)
        except self._expected() as error:
            return self._failed(error, begun=False), ""
        self._kept = True
        kind = response.response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/event-stream":
            return response, ""
        with anyio.CancelScope(shield=True):
            await leave(response)
        what = "a web page" if "html" in kind else f"'{failures.one_line(kind, most=60) or 'something unnamed'}'"
        return failures.not_the_api(self._provider.name, what), ""

    async def _post(self, path: str, body: dict[str, Any]) -> "AsyncStream[object]":
        import httpx2
        import openai

        assert self._client is not None
        ask: Callable[[], Awaitable[AsyncStream[object]]] = partial(
            self._client.post, path, body=body, cast_to=object, stream=True, stream_cls=openai.AsyncStream[object]
        )
        try:
            return await ask()
        except openai.APIConnectionError as error:
            # A server may close a kept connection just when it is used again; that is no failure of its own.
            closed = isinstance(error.__cause__, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError)
            if not (closed and self._kept):
                raise
            self._kept = False
        return await ask()

    async def _items(
        self, request: Completion, shape: Shape, response: "AsyncStream[object]", deadline: float
    ) -> AsyncIterator[Delta | Finish]:
        read = chat_events if shape.api == "chat" else response_events
        text = OnlineText(request, shape)
        used: Used | None = None
        ended: Ended | None = None
        begun = False
        while not text.endless:
            try:
                with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
                    chunk = await anext(response, _NOTHING)
                events = [] if chunk is _NOTHING else list(read(chunk))
            except self._expected() as error:
                if ended is not None:  # what it cost is not worth a reply
                    break
                failure = self._failed(error, begun=begun)
                raise failure from None
            if chunk is _NOTHING:
                break
            for event in events:
                if isinstance(event, Used):
                    used = event
                elif isinstance(event, Ended):
                    if event.why == "failed":
                        raise self._broke_off(event.message)
                    ended = event
                    deadline = anyio.current_time() + _GRACE
                elif ended is None:
                    if piece := text.feed(event):
                        yield Delta(piece)
                    begun = True
                    deadline = anyio.current_time() + self._timeout
        if ended is None and not text.endless:
            raise failures.broken(self._provider.name, "breaks off before its end")
        rest = text.close()
        if text.empty:
            why = ", as the model ran out of tokens" if ended and ended.why == "length" else ""
            raise failures.broken(self._provider.name, f"is empty{why}")
        if rest:
            yield Delta(rest)
        yield self._finish(request, used, text, complete=ended is not None and ended.why == "done")

    def _finish(self, request: Completion, used: Used | None, text: OnlineText, *, complete: bool) -> Finish:
        estimate = sum(estimated_tokens(message.text) + PER_MESSAGE for message in request.messages)
        if used is None or not used.prompt:
            return Finish(
                complete=complete,
                prompt_tokens=math.ceil(estimate * self._calibration.ratio),
                completion_tokens=used.completion if used else math.ceil(text.characters / 3),
            )
        self._calibration.learn(used.prompt, estimate)
        return Finish(
            complete=complete,
            prompt_tokens=used.prompt,
            cached_tokens=min(used.cached, used.prompt),
            completion_tokens=used.completion,
        )

    # -- failures

    def _expected(self) -> tuple[type[Exception], ...]:
        """What goes wrong with strangers; a mistake of ours is not among it."""
        import httpx2
        import openai

        return (
            openai.APIError,
            httpx2.HTTPError,
            httpx2.InvalidURL,
            TooMuchError,
            TimeoutError,
            OSError,
            ValueError,
            RecursionError,
        )

    def _failed(self, error: Exception, *, begun: bool) -> ServiceError:
        import httpx2
        import openai

        name, cause = self._provider.name, error.__cause__
        if isinstance(error, openai.APIStatusError):
            return self._broke_off(error.message)
        if isinstance(error, TooMuchError):
            return failures.broken(name, "is far longer than a reply can be")
        connecting = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
        if isinstance(cause, connecting) or isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
            host = urlsplit(self._provider.base_url).netloc
            return failures.unreachable(name, host, error, seconds=self._connect_timeout, local=self._provider.local)
        if isinstance(error, TimeoutError | openai.APITimeoutError):
            if begun:
                return failures.silent(name, self._timeout, "further token")
            return failures.silent(name, self._first_token_timeout, "token")
        if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
            return self._broke_off(error.message)
        if isinstance(error, ValueError | RecursionError):
            return failures.broken(name, "makes no sense")
        return failures.broken(name, "breaks off")

    def _broke_off(self, message: str) -> ServiceError:
        said = failures.one_line(message, secret=self._key.get_secret_value())
        return ServiceError(
            f"{self._provider.name} failed in the middle of its work" + (f": {said}" if said else "."),
            hint="it may work the next time",
        )

    async def _refused(self, error: Any) -> tuple[ServiceError, str]:
        """What an answer with an error status means, and what it says about the request."""
        status, headers = error.status_code, error.response.headers
        told = error.body.get("message") if isinstance(error.body, dict) else None
        text = told if isinstance(told, str) else str(error.message)
        said = failures.one_line(text, secret=self._key.get_secret_value())
        if failures.says_unknown_model(status, said):
            return failures.unknown_model(
                self._provider.name, self._model, closest(self._model, await self._names())
            ), ""
        variable = " or ".join([self._variable, *self._provider.keys[:1]])
        failure = failures.refused(
            self._provider.name,
            status,
            headers,
            said,
            variable=variable,
            has_key=bool(self._key.get_secret_value()),
        )
        # Servers of llama.cpp call it a failure of their own when a request has a form that they do not know.
        return failure, said if failure.failing in ("request", "prompt") or status == 500 else ""

    async def _names(self) -> list[str]:
        """The models that the service has; empty if it does not say."""
        assert self._client is not None
        try:
            with anyio.fail_after(_MODELS_SECONDS):
                return model_names(await self._client.get("/models", cast_to=object))
        except self._expected():
            return []

    # -- beside replies

    async def warm(self, request: Completion, *, said: str = "") -> None:
        """Have a server on this machine read a prompt; services are paid for each of those, so they are left alone."""
        if self._live or not self._provider.local:
            return
        scope = anyio.CancelScope()
        self._warming.add(scope)
        try:
            with scope:
                ahead = replace(
                    request,
                    messages=(*request.messages, Message("user", said or "…")),
                    max_tokens=1,
                    grammar=None,
                    written="",
                    opening="",
                )
                async for _ in self._reply(ahead):
                    pass
        except ServiceError:  # whoever really asks will be told
            return
        finally:
            self._warming.discard(scope)

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has at most, judging by what the service has counted so far."""
        return [math.ceil(estimated_tokens(text) * self._calibration.ratio) for text in texts]

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


_NOTHING = object()
"""Stands for the end of a stream."""
