"""The body of a request: JSON of bounded size that arrives in bounded time."""

import anyio
from starlette.requests import ClientDisconnect, Request

from npc_runtime.errors import InputError
from npc_runtime.server import reading
from npc_runtime.server.limits import Limits
from npc_runtime.server.refusals import limit, too_big

_SWALLOWED = 16
"""How many times the limit is read on and forgotten, so that who sends before reading gets the answer."""


async def json_body(request: Request, limits: Limits) -> object:
    """The value that the body stands for.

    Raises:
        InputError: It is too big, too slow, or not JSON.
    """
    most = limits.body_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most * _SWALLOWED:
        raise too_big(int(declared), most, "The body")
    pieces: list[bytes] = []
    size = 0
    with anyio.move_on_after(limits.request_seconds) as patience:
        try:
            async for piece in request.stream():
                size += len(piece)
                if size <= most:
                    pieces.append(piece)
                else:
                    pieces.clear()
                if size > most * _SWALLOWED:
                    break
        except ClientDisconnect:
            raise InputError("The game went away while it was sending.", code="bad_request") from None
    if patience.cancelled_caught:
        raise limit("too_late", f"The body did not arrive within {limits.request_seconds:g} s.", "send it at once")
    if size > most:
        raise too_big(size, most, "The body")
    return reading.parse(b"".join(pieces))
