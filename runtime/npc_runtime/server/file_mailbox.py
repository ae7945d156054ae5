"""A mailbox for games that can only read and write files: `npc-runtime serve --mailbox DIR`.

One folder per game below `DIR`; `DIR/game` is there from the start, for games that cannot make folders::

    DIR/game/in/0001.json      the game writes: a message, or a list of messages; `hello` comes first
    DIR/game/in/more.jsonl     or appends: a message per line; open, append, close for each message
    DIR/game/out/000001.json   the runtime writes: one message per file, named after its `seq`
    DIR/game/read.txt          the game writes: the number of the last file it has read
    DIR/game/status.json       the runtime writes: {"open": true} while there is a session; after it
                               {"open": false, "reason": why it ended}
    DIR/game/sound/            WAV files, one per clause, of which `speech.audio` tells the `path`

The game says `hello`, waits until `out/000001.json` is the `welcome`, and goes on with 000002, 000003, … A file in
`out` is complete as soon as it is there. Whatever is taken out of `in` is gone from there; numbers say the order, and
may be used again. A game that can rename writes to a name that does not end in `.json` or `.jsonl`, and renames; others
may write in the open: a file that makes no sense yet has half a second to become complete. No file is kept open for
later messages: once it is taken, what is written to it reaches nobody, and on Windows it cannot be taken, nor anything
after it. Instead of writing `read.txt`, a game may delete what it has read.

Without a session, anything but `hello` is dropped. A game that has not read for `limits.poll_seconds`, or for which too
much waits, is told why and loses its session; what waits stays until the next `hello`, as do the sounds. A `hello`
always begins a new session, for a game that was started anew, and empties `out`; a game that may have crashed before
therefore deletes or empties `out/000001.json` before it says hello. Files in `in` that are older than a minute when the
runtime starts are thrown away: a game that gets no answer says hello again. Two games have two folders, and so have two
sessions.
"""

import json
import logging
import os
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread

from npc_runtime import events
from npc_runtime.errors import InputError, NpcError, OutputError, SetupError
from npc_runtime.files import cannot_write
from npc_runtime.lock import held
from npc_runtime.server.audio_files import AudioFiles
from npc_runtime.server.connection import Connection
from npc_runtime.server.glance import Glance
from npc_runtime.server.hub import Hub
from npc_runtime.server.letters import Letters
from npc_runtime.server.mailbox import Frame
from npc_runtime.server.outfiles import SOUNDS, OutFiles
from npc_runtime.server.refusals import TooSlowError, limit

_log = logging.getLogger(__name__)
_OWN = "game"
"""The folder that is there from the start."""
_LOCK = ".lock"
_STALE_SECONDS = 60.0
_SETTLE_SECONDS = 0.5
_IDLE_SECONDS = 0.5
"""Between two looks at the folders of games that do not play."""
_QUIET_SECONDS = 0.25
"""Between two looks at the folder of a game that plays, when nothing has been said for a while."""
_BUSY_SECONDS = 0.05
_BUSY_FOR = 5.0
"""Seconds after a message in which the next is expected."""
_FOLDERS = 64
_SOUNDS = 64
"""WAV files of one session."""
_BATCH = 64
"""Messages that are written before it is looked whether too much waits."""
_HOW = "write the number of the last message you have read to read.txt"


class _Box:
    """The folder of one game."""

    def __init__(self, folder: Path, *, most: int, stale: float) -> None:
        self.folder = folder
        self.pending: deque[object] = deque()
        """What the game has said and no session has taken in."""
        self._letters = Letters(folder / "in", most=most, settle=_SETTLE_SECONDS, stale=stale)
        self._swept = False
        self.playing = False
        self.complained = False
        """Whether the log says already what is wrong with it."""

    def due(self, now: float) -> bool:
        """Whether the game may have said something; does not block."""
        return self._letters.due(now)

    def look(self, now: float) -> int:
        """Add to what is pending, and return how much; blocks.

        Raises:
            OSError: See `Letters.look`.
        """
        found = self._letters.look(now)
        self.pending.extend(found)
        return len(found)

    def wait(self, now: float) -> bool:
        """While there is no session: whether the game wants one; what else it says is dropped. Blocks.

        Raises:
            OSError: See `Letters.look`.
            OutputError: The folder cannot be written to.
        """
        found = self.look(now)
        if not self._swept:
            out = OutFiles(self.folder)
            out.empty()  # whatever an earlier run has left
            out.status(_closed("there is no session yet: the first message is `hello`"))
            self._swept = True
        if found:
            self.drop()
        return bool(self.pending)

    def drop(self) -> None:
        """Forget what was meant for a session that is over; what cannot be read may have been a hello."""
        while self.pending and not (_is_hello(self.pending[0]) or isinstance(self.pending[0], InputError)):
            self.pending.popleft()


class FileMailbox:
    """Serves games through a folder. Open it first: `with FileMailbox(folder) as mailbox`.

    Args:
        folder: Made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._boxes: dict[str, _Box] = {}
        self._stale = 0.0
        self._crowded = False
        self._glance = Glance(folder)
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Make the folder and keep other runtimes out of it.

        Raises:
            OutputError: It cannot be written to.
            SetupError: Another runtime uses it.
        """
        try:
            self._make()
            lock = self._folder / _LOCK
            self._held.enter_context(held(lock, on_wait=self._refuse))
            lock.touch()
            self._stale = lock.stat().st_mtime - _STALE_SECONDS
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for box in self._boxes.values():
            shutil.rmtree(box.folder / SOUNDS, ignore_errors=True)
        self._held.close()

    async def run(self, hub: Hub) -> None:
        """Serve until cancelled; sessions end as those of the hub do."""
        async with anyio.create_task_group() as tasks:
            while True:
                now = anyio.current_time()
                if self._glance.due(now):
                    await anyio.to_thread.run_sync(self._find, hub.limits.body_bytes)
                due = [box for box in self._boxes.values() if not box.playing and box.due(now)]
                for box in await anyio.to_thread.run_sync(_wanting, due, now) if due else ():
                    box.playing = True
                    tasks.start_soon(self._play, hub, box)
                await anyio.sleep(_IDLE_SECONDS)

    async def _play(self, hub: Hub, box: _Box) -> None:
        """All sessions in one folder until nothing more is pending there."""
        try:
            while box.pending:
                sounds = AudioFiles(box.folder / SOUNDS, keep=_SOUNDS)  # kept after the end: the game still plays them
                with hub.connect(sound="file", files=sounds) as connection:
                    await _Visit(hub, box, connection).run()
                box.drop()
        except Exception as error:
            _log.error("unexpected failure in mailbox %s", box.folder, exc_info=error)
        finally:
            box.playing = False

    def _find(self, most: int) -> None:
        """Get to know the folders of games; blocks."""
        names = self._names()
        for gone in [name for name, box in self._boxes.items() if name not in names and not box.playing]:
            del self._boxes[gone]
        for name in names:
            if name not in self._boxes:
                self._boxes[name] = _Box(self._folder / name, most=most, stale=self._stale)

    def _names(self) -> list[str]:
        """What the folders are called; makes the mailbox again when somebody has removed it."""
        try:
            with os.scandir(self._folder) as entries:
                names = [each.name for each in entries if each.name[0] != "." and each.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            with suppress(OSError):
                self._make()
            names = []
        except OSError:
            names = []
        known = sorted(names, key=lambda name: (name not in self._boxes, name))
        if len(known) > _FOLDERS and not self._crowded:
            self._crowded = True
            _log.warning("mailbox %s: more than %d folders; the others are not looked at", self._folder, _FOLDERS)
        return known[:_FOLDERS]

    def _make(self) -> None:
        for part in ("in", "out"):
            (self._folder / _OWN / part).mkdir(parents=True, exist_ok=True)

    def _refuse(self) -> None:
        hint = "end it, or give this one another folder"
        raise SetupError(f"Another runtime uses the mailbox {self._folder}.", hint=hint)


def _wanting(boxes: list[_Box], now: float) -> list[_Box]:
    """Boxes of games that want to begin; blocks."""
    found: list[_Box] = []
    for box in boxes:
        try:
            if box.wait(now):
                found.append(box)
        except FileNotFoundError:
            continue  # a folder without `in` is nobody's yet
        except (OSError, NpcError) as error:
            if not box.complained:
                box.complained = True
                _log.warning("mailbox %s cannot be used: %s", box.folder, error)
    return found


class _Visit:
    """One session in one folder."""

    def __init__(self, hub: Hub, box: _Box, connection: Connection) -> None:
        self._limits = hub.limits
        self._box = box
        self._connection = connection
        self._out = OutFiles(box.folder)
        self._turns = anyio.CapacityLimiter(1)
        """One thread at a time works in the folder."""
        self._moved = anyio.current_time()
        """When something was last said by either side."""
        self._alive = self._moved
        """When the game last showed that it is there."""
        self._begun = False
        """Whether the game has said anything."""
        self._written = anyio.Event()

    async def run(self) -> None:
        """From the first message to the end; what the game says for its next session stays pending."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._carry)
            tasks.start_soon(self._read)
            await self._connection.run()
            with anyio.move_on_after(self._limits.close_seconds):
                await self._written.wait()
            tasks.cancel_scope.cancel()

    async def _read(self) -> None:
        """Hand over what the game writes, up to the end or a second hello."""
        pending = self._box.pending
        while True:
            while pending:
                if self._begun and _is_hello(pending[0]):
                    self._connection.end(1000, "the game said hello again")
                if self._begun and self._connection.ending is not None:
                    return  # but the first is taken even if there was no place, or it would be tried for ever
                self._begun = True
                value = pending.popleft()
                if isinstance(value, InputError):
                    await self._connection.receive_nonsense(value)
                else:
                    await self._connection.receive_value(value)
            await anyio.sleep(_BUSY_SECONDS if anyio.current_time() - self._moved < _BUSY_FOR else _QUIET_SECONDS)
            await self._look()

    async def _look(self) -> None:
        """See what the game has written, and whether it is still there."""
        now = anyio.current_time()
        try:
            found = self._box.due(now) and await self._in_thread(self._box.look, now)
        except OSError as error:
            self._connection.end(1011, error=cannot_write(self._box.folder / "in", error))
            return
        if found:
            self._moved = now
        heard = self._out.due(now) and await self._in_thread(self._out.collect)
        if heard or found or not len(self._out):
            self._alive = now
        elif now - self._alive > self._limits.poll_seconds:
            if await self._in_thread(self._out.recount):
                self._alive = now
            else:
                message = f"The game has read nothing for {self._limits.poll_seconds:g} s."
                self._end(limit("idle", message, _HOW))

    async def _carry(self) -> None:
        """Write what there is for the game until the session is over, and then that it is."""
        box = self._connection.outgoing
        try:
            await self._in_thread(self._out.empty)
            while not box.closed or box.since(0):
                await self._write(box.since(0)[:_BATCH])
                await self._bound()
                await box.wait(0)
            ending = self._connection.ending
            await self._in_thread(self._out.status, _closed(ending.reason if ending else ""))
        except OutputError as error:
            _log.warning("mailbox %s: %s", self._box.folder, error)
            self._connection.end(1011, error=error)
        self._written.set()

    async def _write(self, frames: list[Frame]) -> None:
        if not frames:
            return
        begins = any(isinstance(frame.event, events.Welcome) for frame in frames)
        if begins:  # before the welcome itself, so that a game that has it finds its session open
            await self._in_thread(self._out.status, json.dumps({"open": True}))
        await self._in_thread(self._out.write, frames)
        self._connection.outgoing.forget(frames[-1].seq)
        self._moved = anyio.current_time()
        if begins:
            self._alive = self._moved

    async def _bound(self) -> None:
        """End the session when more waits than a game may leave unread."""
        if self._full() and (not await self._in_thread(self._out.recount) or self._full()):
            self._end(TooSlowError(f"The game does not read: {len(self._out)} messages wait for it.", hint=_HOW))

    def _full(self) -> bool:
        return self._out.bytes > self._limits.unsent_bytes or len(self._out) > self._limits.mailbox_files

    def _end(self, error: NpcError) -> None:
        self._connection.end(1008, error=error)

    async def _in_thread(self, work: Callable[..., Any], *given: object) -> Any:
        return await anyio.to_thread.run_sync(work, *given, limiter=self._turns)


def _is_hello(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "hello"


def _closed(reason: str) -> str:
    return json.dumps({"open": False, "reason": reason}, ensure_ascii=False)
