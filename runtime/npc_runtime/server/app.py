"""The application: every endpoint, behind the gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import WebSocketRoute

from npc_runtime.errors import NpcError
from npc_runtime.server import answers
from npc_runtime.server.gatekeeper import Gatekeeper
from npc_runtime.server.guard import Gate
from npc_runtime.server.http import Sessions
from npc_runtime.server.hub import Hub
from npc_runtime.server.lookups import Lookups
from npc_runtime.server.one_shot import OneShot
from npc_runtime.server.websocket import Sockets


def create_app(hub: Hub, gate: Gate) -> Starlette:
    """The ASGI application of protocol v1.

    Args:
        hub: The connections; entered and left by the application's lifespan.
        gate: Who may connect.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with hub:
            yield

    return Starlette(
        routes=[
            WebSocketRoute("/v1/ws", Sockets(hub).serve),
            *Sessions(hub).routes(),
            *OneShot(hub).routes(),
            *Lookups(hub).routes(),
        ],
        middleware=[
            Middleware(Gatekeeper, gate=gate),
            Middleware(
                CORSMiddleware,
                allow_origins=sorted(gate.origins),
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
            ),
        ],
        exception_handlers={
            NpcError: answers.on_failure,
            HTTPException: answers.on_http_error,
            Exception: answers.on_bug,
        },
        lifespan=lifespan,
    )
