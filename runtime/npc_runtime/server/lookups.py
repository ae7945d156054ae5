"""What can be looked up without a session: health, characters, traces, the schema of the protocol."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from npc_runtime import __version__
from npc_runtime.server import protocol
from npc_runtime.server.answers import answer
from npc_runtime.server.hub import Hub


class Lookups:
    """The endpoints that only answer."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        """What to serve."""
        return [
            Route("/v1/health", self.health),
            Route("/v1/characters", self.characters),
            Route("/v1/traces", self.traces),
            Route("/v1/schema", self.schema),
        ]

    async def health(self, request: Request) -> Response:
        """Whether all is well, and what there is."""
        return answer(
            {
                "ok": True,
                "protocol": protocol.VERSION,
                "runtime": {"version": __version__},
                "sessions": self._hub.sessions,
                "endpoints": ["/v1/ws", "/v1/sessions", "/v1/say", *(route.path for route in self.routes())],
                **self._hub.room.health(reset=request.query_params.get("reset") == "1"),
            }
        )

    async def characters(self, _: Request) -> Response:
        """Who can be talked to."""
        return answer({"characters": [asdict(character) for character in self._hub.room.characters()]})

    async def traces(self, _: Request) -> Response:
        """The latest turns with their marks."""
        return answer({"traces": [dict(trace) for trace in self._hub.room.traces()]})

    async def schema(self, _: Request) -> Response:
        """The JSON Schema of every message."""
        return answer({"$schema": "https://json-schema.org/draft/2020-12/schema", **protocol.json_schema()})
