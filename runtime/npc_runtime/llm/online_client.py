"""The way to an online service: an openai client that bounds what comes back, and whose key goes nowhere else."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pydantic import SecretStr

from npc_runtime.llm.providers import Provider
from npc_runtime.llm.service_failures import TooMuchError

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

MOST_BYTES = 4 << 20
"""Of one answer: a reply is some kilobytes, and a list of models some hundred."""
_KEEP_SECONDS = 60.0
"""How long an unused connection is kept: a new one costs a quarter of a second, and players think before they speak."""
_NO_KEY = "none"
"""Servers without a key ignore what they get; the client must send something."""


def make_client(provider: Provider, key: SecretStr, *, connect_timeout: float) -> "AsyncOpenAI":
    """A client for one service. To be called in a thread: importing the SDK takes a third of a second.

    Args:
        provider: The service.
        key: Its key; empty if it needs none.
        connect_timeout: Seconds until the connection stands.
    """
    import httpx2
    import openai

    async def bound(response: "httpx2.Response") -> None:
        response.stream = _bounded_stream(response)

    own = provider.id == "openai"
    # The SDK's own client would follow a redirect, which could carry the player's words to anybody.
    http = httpx2.AsyncClient(
        follow_redirects=False,
        timeout=httpx2.Timeout(None, connect=connect_timeout, pool=connect_timeout),
        limits=httpx2.Limits(keepalive_expiry=_KEEP_SECONDS),
        event_hooks={"response": [bound]},
        # A server on this machine is not behind the person's proxy.
        trust_env=not provider.local,
        # Packed bytes could unpack to any size. Tokens gain nothing from it.
        headers={"Accept-Encoding": "identity"},
    )
    client = openai.AsyncOpenAI(
        base_url=provider.base_url,
        api_key=key.get_secret_value() or _NO_KEY,
        max_retries=0,
        http_client=http,
    )
    if not own:  # which organisation pays at OpenAI is nobody else's business
        client.organization = client.project = None
    return client


def _bounded_stream(response: "httpx2.Response") -> "httpx2.AsyncByteStream":
    import httpx2

    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise TooMuchError
    inner = response.stream
    assert isinstance(inner, httpx2.AsyncByteStream)

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            seen = 0
            async for piece in self._stream:
                seen += len(piece)
                if seen > MOST_BYTES:
                    raise TooMuchError
                yield piece

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Bounded(inner)
