"""Sessions over HTTP, for games that have nothing else: post messages, ask for messages."""

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from npc_runtime import events
from npc_runtime.errors import InputError
from npc_runtime.server import answers
from npc_runtime.server.body import json_body
from npc_runtime.server.hub import Hub
from npc_runtime.server.polled import Polled

_ANSWER_BYTES = 2 << 20
"""About as much as one answer holds; the rest comes with the next."""


class Sessions:
    """The endpoints below `/v1/sessions`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        """What to serve."""
        return [
            Route("/v1/sessions", self.open, methods=["POST"]),
            Route("/v1/sessions/{id}/messages", self.post, methods=["POST"]),
            Route("/v1/sessions/{id}/messages", self.poll, methods=["GET"]),
            Route("/v1/sessions/{id}", self.close, methods=["DELETE"]),
        ]

    async def open(self, request: Request) -> Response:
        """Answer `hello` with `welcome`."""
        hello = await json_body(request, self._hub.limits)
        polled = await self._hub.start_polled()
        connection = polled.connection
        with polled.in_use():  # opening may mean loading models
            await connection.receive_value(hello)
            await connection.outgoing.wait(0)
        first = connection.outgoing.since(0)[:1]
        if first and isinstance(first[0].event, events.Welcome):
            return Response(str(first[0].data), media_type="application/json")
        polled.end()
        error = first[0].event if first else None
        return answers.refused(error if isinstance(error, events.Error) else None)

    async def post(self, request: Request) -> Response:
        """Take in a list of messages."""
        polled = self._find(request)
        with polled.in_use():
            body = await json_body(request, self._hub.limits)
            values = body if isinstance(body, list) else [body]
            for value in values:
                await polled.connection.receive_value(value)
        return answers.answer({"accepted": len(values)}, 202)

    async def poll(self, request: Request) -> Response:
        """Answer the messages after `after`, waiting up to `wait` seconds for the first of them."""
        polled = self._find(request)
        after = int(answers.number(request.query_params, "after", 0))
        patience = min(answers.number(request.query_params, "wait", 0), self._hub.limits.wait_seconds)
        box = polled.connection.outgoing
        with polled.in_use():
            box.forget(after)
            with anyio.move_on_after(patience):
                await box.wait(after)
        found = box.since(after, most=_ANSWER_BYTES)
        if box.closed and not found:
            polled.end()
            raise _no_session()
        return answers.messages(found)

    async def close(self, request: Request) -> Response:
        """End a session."""
        polled = self._find(request)
        polled.end()
        await polled.connection.over.wait()
        return Response(status_code=204)

    def _find(self, request: Request) -> Polled:
        polled = self._hub.polled.get(request.path_params["id"])
        if polled is None:
            raise _no_session()
        return polled


def _no_session() -> InputError:
    return InputError("There is no such session (any more).", hint="`POST /v1/sessions` opens one", code="no_session")
