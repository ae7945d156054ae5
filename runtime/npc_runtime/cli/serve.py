"""`serve`: the sidecar beside a game."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import anyio

from npc_runtime.cli import console
from npc_runtime.config import Settings
from npc_runtime.content.library import Library
from npc_runtime.lane import stuck_lanes
from npc_runtime.room import open_room
from npc_runtime.server.file_mailbox import FileMailbox
from npc_runtime.server.guard import Gate, gate
from npc_runtime.server.hub import Hub
from npc_runtime.server.limits import Limits
from npc_runtime.server.live import Room
from npc_runtime.server.run import Service, bind, on_signals


def serve(library: Library, settings: Settings, *, as_json: bool = False, seed: int | None = None) -> int:
    """Serve games until the user or the system ends it.

    Args:
        library: The characters.
        settings: What the person configured.
        as_json: Whether stdout carries one JSON line when ready, and nothing else.
        seed: Makes replies repeatable; None for new ones each time.

    Returns:
        The exit code.

    Raises:
        NpcError: The server cannot start.
    """
    asked = settings.server
    rule = gate(asked.host, token=asked.token, origins=asked.allowed_origins)
    for problem in library.problems:
        console.log(f"! {problem}")
    sock = bind(asked.host, asked.port)

    def ready(url: str) -> None:
        line = {"ready": True, "url": url, "pid": os.getpid()}
        where = url
        if asked.mailbox is not None:
            line["mailbox"] = str(asked.mailbox)
            where += f" and in {asked.mailbox}"
        console.out(json.dumps(line) if as_json else f"npc-runtime is ready at {where} (Ctrl+C ends it)")
        sys.stdout.flush()

    before = stuck_lanes()
    with sock, FileMailbox(asked.mailbox) if asked.mailbox is not None else nullcontext() as mailbox:
        if not as_json:
            console.log("Loading the models …")
        room = partial(open_room, library, settings, seed=seed)
        anyio.run(_serve, room, partial(_service, rule, sock, asked.limits, mailbox), ready)
    if stuck_lanes() > before:  # an orderly end would tear the engine out of its native call, and abort
        console.flush()
        os._exit(0)
    return 0


def _service(rule: Gate, sock: socket.socket, limits: Limits, mailbox: FileMailbox | None, room: Room) -> Service:
    hub = Hub(room, limits=limits)
    if mailbox is not None:
        hub.also(mailbox.run)
    return Service(hub, rule, sock)


async def _serve(
    room: Callable[[], AbstractAsyncContextManager[Room]],
    serving: Callable[[Room], Service],
    ready: Callable[[str], None],
) -> None:
    service: Service | None = None

    def end() -> None:
        if service is not None:
            service.stop()
        else:
            loop.call_soon_threadsafe(loading.cancel)  # a signal may interrupt the loop anywhere

    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as loading, on_signals(end):
        async with room() as loaded:
            service = serving(loaded)
            await service.run(ready)
