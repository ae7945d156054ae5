"""HTTP to services: answers are bounded, and what is sent goes where the person said and tells no more than it must."""

import ipaddress
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OPENAI_URL = "https://api.openai.com/v1"
CONNECT = 3.0
"""Seconds until a connection stands."""
_KEEP_SECONDS = 60.0
"""How long an unused connection is kept: a new one costs a quarter of a second, and players think before they speak."""
_NO_KEY = "none"
"""Servers without a key ignore what they get; the client must send something."""


class TooMuchError(Exception):
    """A service sends more than its answer can have, or sends it packed."""


class _Bounded:
    """A body that ends in an error when it is too long."""

    def __init__(self, stream: Any, most_bytes: int) -> None:
        self._stream = stream
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._left -= len(piece)
            if self._left < 0:
                raise TooMuchError
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def bounded_client(
    library: Any, base_url: str, *, most_bytes: int, timeout: float | None = None, connect_timeout: float = CONNECT
) -> Any:
    """An HTTP client for one service.

    Args:
        library: Either `httpx2` or `httpx`: the SDKs of services differ in which one they take.
        base_url: The service's address.
        most_bytes: Of one answer; beyond it, and for one that comes packed, reading raises `TooMuchError`.
        timeout: Seconds in which nothing comes; None: somebody else watches the time.
        connect_timeout: Seconds until the connection stands.
    """
    body: Any = type("Bounded", (_Bounded, library.AsyncByteStream), {})

    async def bound(response: Any) -> None:
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise TooMuchError
        response.stream = body(response.stream, most_bytes)

    return library.AsyncClient(
        # A redirect could carry the player's words to anybody.
        follow_redirects=False,
        timeout=library.Timeout(timeout, connect=connect_timeout, pool=connect_timeout),
        limits=library.Limits(keepalive_expiry=_KEEP_SECONDS),
        event_hooks={"response": [bound]},
        # A server on this machine is not behind the person's proxy.
        trust_env=not is_local(base_url),
        # Packed bytes could unpack to any size, and little is gained by them.
        headers={"Accept-Encoding": "identity"},
    )


def openai_client(
    base_url: str, key: str, *, most_bytes: int, timeout: float | None = None, connect_timeout: float = CONNECT
) -> "AsyncOpenAI":
    """A client for a service with OpenAI's interface. To be called in a thread: the import takes a third of a second.

    Args:
        base_url: Its address, up to `/v1`.
        key: Its key; empty if it wants none.
        most_bytes: See `bounded_client`, as for the times.
        timeout: Seconds in which nothing comes.
        connect_timeout: Seconds until the connection stands.
    """
    import httpx2
    import openai

    http = bounded_client(httpx2, base_url, most_bytes=most_bytes, timeout=timeout, connect_timeout=connect_timeout)
    client = openai.AsyncOpenAI(
        base_url=base_url, api_key=key or _NO_KEY, max_retries=0, timeout=http.timeout, http_client=http
    )
    if not _is_openai(base_url):  # which organisation pays at OpenAI is nobody else's business
        client.organization = client.project = None
    return client


async def leave(stream: Any) -> None:
    """End an answer of the SDK, read to its end or not.

    Its chain of generators is closed here: left to the garbage collector, which runs in whichever thread makes garbage,
    it would be closed while the event loop may be at work on it.

    Args:
        stream: An `openai.AsyncStream`.
    """
    await stream.close()
    chain = getattr(stream, "_iterator", None)
    if chain is not None:
        await chain.aclose()


def is_local(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_openai(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and f".{parts.hostname}".endswith(".openai.com")
