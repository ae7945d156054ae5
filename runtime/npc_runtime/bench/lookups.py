"""Lookups: what the server tells about itself over HTTP, on a connection of its own."""

import http.client
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import anyio.to_thread

from npc_runtime.errors import EngineError

_SECONDS = 10.0


class Lookups:
    """Asks one server, one question after another, over one connection that stays open.

    Args:
        url: Where the server is, `http://…`.
        token: What the server asks for, if it does.
    """

    def __init__(self, url: str, *, token: str = "") -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._connection.close()

    async def busy(self) -> bool | None:
        """Whether any engine works now; None if the server does not tell."""
        engines = (await self._get("/v1/health")).get("engines")
        return "busy" in engines.values() if isinstance(engines, Mapping) else None

    async def lag(self, *, reset: bool = False) -> Mapping[str, float]:
        """How late the server's event loop was, in milliseconds: `p50`, `p99`, `max`; empty if it does not tell.

        Args:
            reset: Whether to begin anew afterwards.
        """
        health = await self._get("/v1/health?reset=1" if reset else "/v1/health")
        return dict(health.get("loop_lag_ms", {}))

    async def traces(self) -> Sequence[Mapping[str, Any]]:
        """The latest turns with their marks, oldest first."""
        traces: Sequence[Mapping[str, Any]] = (await self._get("/v1/traces"))["traces"]
        return traces

    async def _get(self, path: str) -> Mapping[str, Any]:
        return await anyio.to_thread.run_sync(self._ask, path)

    def _ask(self, path: str) -> Mapping[str, Any]:
        try:
            try:
                status, body = self._answer(path)
            except (OSError, http.client.HTTPException):  # servers close connections that were not used for a while
                self._connection.close()
                status, body = self._answer(path)
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"The server does not answer {path} any more: {error!r}.") from error
        if status != 200:
            raise EngineError(f"The server answers {path} with {status}.")
        answer: Mapping[str, Any] = json.loads(body)
        return answer

    def _answer(self, path: str) -> tuple[int, bytes]:
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()
