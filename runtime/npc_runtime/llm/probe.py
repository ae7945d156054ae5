"""Probe: one short question over HTTP to a port of this machine, with an answer that cannot do harm.

No proxy of the environment is asked, no redirect is followed, nothing but 127.0.0.1 is connected to, and what answers
is bounded in bytes and in time: whoever listens at a usual port may be anybody.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

HOST = "127.0.0.1"
CONNECT = 0.15
"""Seconds to connect; on this machine it takes less than one thousandth. (Windows tries a closed port for two.)"""
ANSWER = 0.8
"""Seconds to answer, together for all questions."""
MOST_BYTES = 1 << 20
"""Of one answer: enough for a thousand models with all that servers say about each."""
_AT_ONCE = 3
"""Connections: simple servers have room for five that wait, and the sixth is let in a second later."""
_HEADERS = 32 << 10
_PIECE = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    """HTTP status."""
    body: Any = None
    """Decoded JSON; None for anything else."""
    server: str = ""
    """The name of its software, as the header `Server` has it."""

    @property
    def locked(self) -> bool:
        """Whether it wants a key."""
        return self.status in (401, 403)


async def listening(port: int) -> bool:
    """Whether anything accepts connections at a port of this machine."""
    try:
        with anyio.fail_after(CONNECT):
            stream = await anyio.connect_tcp(HOST, port)
    except (OSError, TimeoutError):
        return False
    await anyio.aclose_forcefully(stream)
    return True


async def ask(port: int, paths: Sequence[str], *, key: str = "") -> Mapping[str, Answer]:
    """Ask a server several questions, a few at the same time.

    Args:
        port: Of this machine.
        paths: What to GET.
        key: Sent as bearer token, if given.

    Returns:
        Path → answer, without those that were not answered in time, or not in HTTP.
    """
    answers: dict[str, Answer] = {}
    free = anyio.Semaphore(_AT_ONCE)

    async def one(path: str) -> None:
        async with free:
            answer = await _get(port, path, key)
        if answer is not None:
            answers[path] = answer

    with anyio.move_on_after(ANSWER):
        async with anyio.create_task_group() as tasks:
            for path in paths:
                tasks.start_soon(one, path)
    return answers


async def _get(port: int, path: str, key: str) -> Answer | None:
    import h11

    headers = [("Host", f"{HOST}:{port}"), ("Accept", "application/json"), ("Connection", "close")]
    if key:
        headers.append(("Authorization", f"Bearer {key}"))
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADERS)
    try:
        request = talk.send(h11.Request(method="GET", target=path, headers=headers))
        assert request is not None
        async with await anyio.connect_tcp(HOST, port) as stream:
            await stream.send(request + (talk.send(h11.EndOfMessage()) or b""))
            status, server, body = 0, "", bytearray()
            while True:
                event = talk.next_event()
                if event is h11.NEED_DATA:
                    try:
                        talk.receive_data(await stream.receive(_PIECE))
                    except anyio.EndOfStream:
                        talk.receive_data(b"")
                elif isinstance(event, h11.Response):
                    status = event.status_code
                    server = dict(event.headers).get(b"server", b"").decode("latin-1")
                elif isinstance(event, h11.Data):
                    body += event.data
                    if len(body) > MOST_BYTES:
                        return None
                elif isinstance(event, h11.EndOfMessage):
                    return Answer(status, _json(bytes(body)) if status == 200 else None, server)
                elif not isinstance(event, h11.InformationalResponse):
                    return None
    except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, h11.ProtocolError):
        return None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
