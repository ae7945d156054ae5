"""HTTP answers: JSON for what went well, and an `error` message with the fitting status for what did not."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from npc_runtime.errors import InputError, NpcError, UsageError
from npc_runtime.events import Error
from npc_runtime.server.mailbox import Frame
from npc_runtime.server.refusals import bug

_STATUS = {
    "bad_json": 400,
    "message_too_big": 413,
    "no_session": 404,
    "rate_limited": 429,
    "timeout": 504,
    "too_late": 408,
    "internal": 500,
    "engine": 500,
}


def answer(value: object, status: int = 200) -> Response:
    """A JSON value."""
    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")


def messages(frames: Iterable[Frame]) -> Response:
    """A list of messages that are JSON text already."""
    return Response("[" + ",".join(str(frame.data) for frame in frames) + "]", media_type="application/json")


def refusal(
    code: str, message: str, hint: str = "", *, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """An `error` message instead of what was asked for."""
    body = {"type": "error", "code": code, "message": message, "hint": hint, "fatal": False}
    return Response(json.dumps(body, ensure_ascii=False), status, headers=headers, media_type="application/json")


def refused(event: Error | None) -> Response:
    """The answer to a request that a session refused with an `error`; None if it ended without one."""
    if event is None:
        return refusal("internal", "The session ended without an answer.", status=500)
    status = _STATUS.get(event.code) or (503 if event.fatal else 400)
    return refusal(event.code, event.message, event.hint, status=status)


def failure(error: NpcError) -> Response:
    """The answer to a request that failed."""
    return refusal(error.code, error.message, error.hint, status=status_of(error))


def status_of(error: NpcError) -> int:
    """The HTTP status of a failure: 4xx if the game can do something about it."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    return 400 if isinstance(error, InputError | UsageError) else 503


async def on_failure(_: Request, error: Exception) -> Response:
    """Starlette's handler of our own failures."""
    assert isinstance(error, NpcError)
    return failure(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's handler of unknown paths and methods."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "bad_request")
    message = {
        404: f"There is nothing at {request.url.path[:200]}.",
        405: f"{request.method} is not possible at {request.url.path[:200]}.",
    }.get(error.status_code, error.detail)
    headers: Mapping[str, str] | None = error.headers
    return refusal(code, message, "`GET /v1/health` shows what there is", status=error.status_code, headers=headers)


async def on_bug(_: Request, error: Exception) -> Response:
    """Starlette's handler of everything else; it goes on to the log from there."""
    return failure(bug("answering a request", error))


def number(query: Mapping[str, Any], name: str, default: float) -> float:
    """A number from the query of a request.

    Raises:
        InputError: It is not a number, or negative.
    """
    text = query.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"`{name}` must be a number from 0 on, not {str(text)[:40]!r}.", code="bad_request")
    return value
