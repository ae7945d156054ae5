"""The first thing that a request meets: may it come in at all?"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from npc_runtime.server.answers import refusal
from npc_runtime.server.guard import Gate


class Gatekeeper:
    """ASGI middleware that refuses requests, and handshakes of WebSockets before they are upgraded.

    Args:
        app: What is behind the gate.
        gate: The rule.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse."""
        if scope["type"] in ("http", "websocket"):
            local = (scope.get("server") or ("",))[0]
            no = self._gate.refusal(dict(Headers(scope=scope)), local=local, method=scope.get("method", "GET"))
            if no is not None:
                headers = {"WWW-Authenticate": "Bearer"} if no.status == 401 else None
                response = refusal(no.code, no.message, no.hint, status=no.status, headers=headers)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
