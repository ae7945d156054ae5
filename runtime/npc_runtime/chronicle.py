"""The chronicle: what the characters of one world remember, for all sessions of a process, in a thread of its own.

Nobody waits for what can be done later: making vectors and summaries happens in the background and makes way.
"""

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from npc_runtime.character.memory.digest import digest
from npc_runtime.character.memory.embedder import Embedder, EmbedderName, find_embedder
from npc_runtime.character.memory.lending import Attentive, Yielding
from npc_runtime.character.memory.lines import Line
from npc_runtime.character.memory.recall import Recall
from npc_runtime.character.memory.records import Changes, Memory, clean_name
from npc_runtime.character.memory.remembering import Count, candidates, fitting
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.character.memory.trouble import readable
from npc_runtime.errors import NpcError, OutputError
from npc_runtime.events import Pad
from npc_runtime.lane import BACKGROUND, LIVE, Lane, Ticket

WARM = LIVE + 1
"""Rank of what a question will have to wait for unless it is done before."""
CLOSING_S = 3.0
"""How long closing waits for the last summaries; what is not done then is done after the next conversation."""
REST_S = 0.25
"""Between two portions of old memories that get their vectors: the cores belong to the game and to the voices."""
_PORTION = 8
"""Memories of a portion."""
_PATIENCE_S = 15.0  # longer than another process may keep the database locked
_MOST_TALKS = 256
"""Conversations, the latest, of which the language and the names are known."""

Result = TypeVar("Result")
Otherwise = TypeVar("Otherwise")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What comes to a character's mind."""

    lines: tuple[str, ...]
    """For a prompt, in the order of time."""
    ids: tuple[int, ...]
    """Of the experiences among them, for `Changes.recalled`."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """A conversation."""

    npc: str
    player: str
    language: str
    names: Mapping[str, str]


class Chronicle:
    """Memory for live sessions; an asynchronous context manager, to be entered once the engines are loaded.

    Opening waits for nothing: the file is opened by the first call, and the embedder is loaded meanwhile. Until it is
    there, and for good if it cannot be loaded, memories are found by their words. Whatever happens to the file or to
    the embedder is told once and fails no turn.

    Args:
        folder: The state folder; `memory.db` is made in it. None: nothing is kept beyond the life of this object.
        world: Whose save games they are, such as the name of the game.
        embedder: Which embedder to use.
        warn: Told about trouble, on the event loop, in words for the person who plays.
        find: Loads an embedder; called in a thread.

    Raises:
        ValueError: The name of the world is empty.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        world: str = "default",
        embedder: EmbedderName = "auto",
        warn: Callable[[NpcError], None],
        find: Callable[[EmbedderName], Embedder | None] = find_embedder,
    ) -> None:
        self._folder = folder
        self._world = clean_name(world)
        self._embedder: EmbedderName = embedder
        self._warn = warn
        self._find = find
        self._lent: Embedder | None = None  # of the lane's thread, too, once it is there
        self._told: set[str] = set()
        self._talks: OrderedDict[tuple[str, str], _Talk] = OrderedDict()
        """The latest last."""
        self._lane: Lane
        self._loop: asyncio.AbstractEventLoop
        self._context: AbstractAsyncContextManager[None]
        # Of the lane's thread alone.
        self._opened: MemoryStore | None = None
        self._searching: Recall | None = None
        # What has to be done in the background: conversations, with whether they are over; and that there are texts.
        self._due, self._dues = anyio.create_memory_object_stream[tuple[_Talk, bool]](_MOST_TALKS)
        self._unread, self._readings = anyio.create_memory_object_stream[None](1)

    async def __aenter__(self) -> Self:
        self._context = self._running()
        await self._context.__aenter__()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._context.__aexit__(exc_type, exc, tb)

    async def recall(
        self,
        query: str,
        *,
        npc: str,
        player: str | None,
        now: float,
        language: str,
        names: Mapping[str, str],
        room: int,
        count: Count,
        mood: Pad = (0.0, 0.0, 0.0),
        recent: int = 0,
        least: float = 0.0,
    ) -> Remembered:
        """What comes to a character's mind; nothing where that cannot be found out.

        Args:
            query: What is being talked about, such as the player's words.
            npc: Who remembers.
            player: With whom; None: nobody's private memories.
            now: Game time, seconds.
            language: What the character and the memories speak, an ISO 639-1 code.
            names: What the character, the player and others are called, by their ids.
            room: Tokens for all lines, each with the end of its line.
            count: The tokens of texts, such as `LanguageModel.count`.
            mood: What the character feels.
            recent: How many of the latest utterances of the two the prompt holds anyway.
            least: See `candidates`.
        """
        self._note(npc, player, language, names)
        if room <= 0:
            return Remembered((), ())

        def work(_: Ticket) -> list[Line]:
            talk = self._store().talk(npc, player, limit=recent) if player is not None and recent > 0 else []
            return candidates(
                self._recall(),
                query,
                npc=npc,
                player=player,
                now=now,
                language=language,
                mood=mood,
                names=names,
                known={memory.id for memory in talk},
                least=least,
            )

        nothing: list[Line] = []
        kept = await fitting(await self._calm(work, nothing), room, count)
        return Remembered(
            tuple(line.whole for line in kept), tuple(line.memory for line in kept if line.memory is not None)
        )

    async def commit(self, changes: Changes) -> tuple[int, ...]:
        """Store what a turn leaves behind, all of it or nothing; not even cancelling stops it.

        Returns:
            The ids of the experiences, in their order; empty if nothing was stored, which has been told then.
        """
        nothing: tuple[int, ...] = ()
        with anyio.CancelScope(shield=True):
            ids = await self._calm(lambda _: self._store().commit(changes), nothing)
        if ids:
            with suppress(anyio.WouldBlock, anyio.ClosedResourceError):
                self._unread.send_nowait(None)
            for npc, player in {(experience.npc, experience.player or "") for experience in changes.experiences}:
                self._digest_soon(npc, player, over=False)
        return ids

    def conclude(self, npc: str, player: str, language: str, names: Mapping[str, str]) -> None:
        """Have a conversation that is over summarised, soon.

        Args:
            npc: Who remembers.
            player: With whom.
            language: ISO 639-1 code of the conversation.
            names: What the two are called, by their ids.
        """
        self._note(npc, player, language, names)
        self._digest_soon(npc, player, over=True)

    async def warm(self, npc: str, player: str, language: str) -> None:
        """Make what the first question of a conversation would have to wait for; to be called when one begins.

        Args:
            npc: Who will remember.
            player: With whom.
            language: What the character and the memories speak, an ISO 639-1 code.
        """
        await self._calm(
            lambda ticket: self._recall().prepare(npc, player, language, check=ticket.check), None, rank=WARM
        )

    async def meaning(self, work: Callable[[Embedder], Result], *, rank: int = LIVE) -> Result | None:
        """Do something with the embedder, in the thread in which it works.

        Args:
            work: What to do, with a few texts at a time: above the rank `LIVE` it makes way, and is begun anew later.
            rank: Lower goes first.

        Returns:
            What it came to; None without an embedder, be it that it is not loaded yet, and where it fails.
        """
        lent = self._lent
        if lent is None:
            return None
        return await self._calm(lambda ticket: work(Yielding(lent, ticket.check)), None, rank=rank)

    async def recent(self, npc: str, player: str | None, limit: int = 20) -> list[Memory]:
        """The latest experiences that a character may recall with a player, oldest first; none if that fails."""
        nothing: list[Memory] = []
        return await self._calm(lambda _: self._store().recent(npc, player, limit=limit), nothing)

    async def states(self, npc: str, player: str | None) -> dict[str, Any]:
        """The states of a character towards a player, or, without one, its own: name → JSON value.

        Raises:
            NpcError: They cannot be read now. They may be there: do not replace them.
        """
        return await self._run(lambda _: self._store().states(npc, player))

    async def save(self, slot: str) -> None:
        """Mark this moment under a name; an older mark of that name is replaced.

        Raises:
            NpcError: It could not be marked.
            ValueError: The name is empty.
        """
        await self._run(lambda _: self._store().save(slot))

    async def load(self, slot: str) -> None:
        """Go back to a mark: everything is as it was then.

        Raises:
            InputError: There is no such mark; nothing was changed.
            NpcError: It could not be loaded; nothing was changed.
            ValueError: The name is empty.
        """
        await self._run(lambda _: self._store().load(slot))

    async def begin(self) -> None:
        """Begin a new game: nothing is remembered, and save games keep what they have.

        Raises:
            NpcError: It could not be done; nothing was changed.
        """
        await self._run(lambda _: self._store().begin())

    async def slots(self) -> tuple[str, ...]:
        """The names of the save games, the latest last.

        Raises:
            NpcError: They cannot be read now.
        """
        return await self._run(lambda _: self._store().slots())

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        self._lane = Lane("memory", patience=_PATIENCE_S)
        digested, failure = anyio.Event(), None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._load_embedder)
                tasks.start_soon(self._read_all, self._readings)
                tasks.start_soon(self._digest_all, self._dues, digested)
                try:
                    yield
                    self._due.close()
                    with anyio.move_on_after(CLOSING_S):
                        await digested.wait()
                except Exception as error:  # raised below, as it is: here it would be put into a group
                    failure = error
                tasks.cancel_scope.cancel()
            if failure is not None:
                raise failure
        finally:
            for stream in (self._due, self._dues, self._unread, self._readings):
                stream.close()
            with anyio.CancelScope(shield=True):
                with suppress(NpcError):
                    await self._lane.run(lambda _: self._opened.close() if self._opened is not None else None)
                await anyio.to_thread.run_sync(self._lane.close)

    async def _load_embedder(self) -> None:
        try:
            found = await anyio.to_thread.run_sync(self._find, self._embedder, abandon_on_cancel=True)
        except Exception as error:  # native code and packages of others
            trouble = readable(error)
            hint = f"{trouble.hint.rstrip('.')}; until then memories are found by their words".removeprefix("; ")
            return self._tell(NpcError(trouble.message, hint=hint, code=trouble.code))
        if found is None:
            return
        lent = Attentive(found)
        await self._calm(lambda _: self._recall().use(lent), None)
        self._lent = lent
        for talk in tuple(self._talks.values()):
            await self.warm(talk.npc, talk.player, talk.language)
        with suppress(anyio.WouldBlock, anyio.ClosedResourceError):
            self._unread.send_nowait(None)

    async def _read_all(self, readings: MemoryObjectReceiveStream[None]) -> None:
        """Give texts their vectors."""
        async for _ in readings:
            left = 1
            while left:
                left = await self._calm(
                    lambda ticket: self._recall().embed_some(_PORTION, check=ticket.check), 0, rank=BACKGROUND
                )
                await anyio.sleep(REST_S)

    async def _digest_all(self, dues: MemoryObjectReceiveStream[tuple[_Talk, bool]], digested: anyio.Event) -> None:
        async for talk, over in dues:

            def work(ticket: Ticket, talk: _Talk = talk, over: bool = over) -> None:
                digest(self._store(), talk.npc, talk.player, talk.language, talk.names, over=over, check=ticket.check)

            await self._calm(work, None, rank=BACKGROUND)
        digested.set()

    def _note(self, npc: str, player: str | None, language: str, names: Mapping[str, str]) -> None:
        if player is not None:
            self._talks[npc, player] = _Talk(npc, player, language, dict(names))
            self._talks.move_to_end((npc, player))
            if len(self._talks) > _MOST_TALKS:
                self._talks.popitem(last=False)

    def _digest_soon(self, npc: str, player: str, *, over: bool) -> None:
        talk = self._talks.get((npc, player))
        if talk is not None:
            # Where there is no room, the next commit comes back to it.
            with suppress(anyio.WouldBlock, anyio.ClosedResourceError):
                self._due.send_nowait((talk, over))

    async def _run(self, work: Callable[[Ticket], Result], *, rank: int = LIVE) -> Result:
        try:
            return await self._lane.run(work, rank=rank)
        except sqlite3.Error as error:
            raise readable(error) from error

    async def _calm(
        self, work: Callable[[Ticket], Result], otherwise: Otherwise, *, rank: int = LIVE
    ) -> Result | Otherwise:
        """Do something without which a turn goes on."""
        try:
            return await self._run(work, rank=rank)
        except Exception as error:  # not even a bug of ours may cost the player an answer
            self._tell(readable(error))
        return otherwise

    def _tell(self, error: NpcError) -> None:
        if error.message not in self._told:
            self._told.add(error.message)
            self._warn(error)

    def _tell_soon(self, error: NpcError) -> None:
        """The same from the lane's thread."""
        with suppress(RuntimeError):  # the loop is gone, and with it whoever would be told
            self._loop.call_soon_threadsafe(self._tell, error)

    def _store(self) -> MemoryStore:
        if self._opened is None:
            try:
                self._opened = MemoryStore(self._folder, world=self._world, warn=self._tell_soon)
            except (NpcError, sqlite3.Error, OSError) as error:
                trouble = readable(error)
                hint = f"{trouble.hint}; until then what happens is forgotten when the program ends"
                self._tell_soon(OutputError(trouble.message, hint=hint, code="memory_unwritable"))
                self._opened = MemoryStore(None, world=self._world, warn=self._tell_soon)
        return self._opened

    def _recall(self) -> Recall:
        if self._searching is None:
            self._searching = Recall(self._store())
        return self._searching
