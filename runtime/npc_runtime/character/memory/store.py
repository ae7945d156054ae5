"""The memory store: what a turn leaves behind is committed to it, and save games branch it.

Synchronous, for one thread of its own. Every public call is one transaction.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from npc_runtime.character.memory.archive import export, remove
from npc_runtime.character.memory.branch import Timeline
from npc_runtime.character.memory.database import Database
from npc_runtime.character.memory.reading import (
    read_facts,
    read_recent,
    read_states,
    read_summaries,
    read_talk,
    scope_ids,
)
from npc_runtime.character.memory.records import Changes, Fact, Memory, Summary, clean_name
from npc_runtime.character.memory.writing import write
from npc_runtime.errors import InputError, NpcError

Result = TypeVar("Result")


class MemoryStore:
    """What the characters of one world remember.

    A failing disk stops nothing: `warn` is told, and memory goes on in the computer's memory. Every call may raise an
    `OutputError` when another process keeps the database locked; then nothing was changed.

    Args:
        folder: The state folder; `memory.db` is made in it. None: the computer's memory alone.
        world: Whose save games they are, such as the name of the game: worlds see nothing of one another.
        warn: Told, in words for the person who plays, when the file was moved aside or cannot be written.
    """

    def __init__(
        self, folder: Path | None, *, world: str = "default", warn: Callable[[NpcError], None] = lambda _: None
    ) -> None:
        self._database = Database(folder, warn)
        self._timeline = Timeline(clean_name(world))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; nothing else may be called afterwards."""
        self._database.close()

    @property
    def path(self) -> Path | None:
        """The file that remembers; None in the computer's memory."""
        return self._database.path

    @property
    def version(self) -> tuple[int, int]:
        """Which database, and a number that changes whenever something may have disappeared; valid within `read`."""
        return self._timeline.version

    def commit(self, changes: Changes) -> tuple[int, ...]:
        """Store what a turn leaves behind, all of it or nothing; once this returns, the process may die at any moment.

        Returns:
            The ids of the experiences, in their order.

        Raises:
            ValueError: A name is empty, or a state is no JSON or too long.
        """
        return self.write(lambda connection: write(connection, self._timeline, changes))

    def recent(self, npc: str, player: str | None, *, limit: int = 20) -> list[Memory]:
        """The latest experiences that a character may recall with a player, oldest first; forgotten ones too."""
        return self.read(lambda connection: read_recent(connection, npc, player, limit))

    def talk(self, npc: str, player: str, *, after: int = 0, limit: int = 400) -> list[Memory]:
        """What a character and a player said to each other after the experience `after`: the latest, oldest first."""
        return self.read(lambda connection: read_talk(connection, npc, player, after, limit))

    def facts(self, npc: str, player: str | None) -> list[Fact]:
        """Everything a character was told, in the order of learning; `facts.standing` says what holds when."""
        return self.read(lambda connection: read_facts(connection, scope_ids(connection, npc, player)))

    def summaries(self, npc: str, player: str | None, *, level: int = 1, limit: int = 5) -> list[Summary]:
        """The latest summaries of a level, oldest first."""
        return self.read(lambda connection: read_summaries(connection, npc, player, level, limit))

    def states(self, npc: str, player: str | None) -> dict[str, Any]:
        """The states of a character towards a player, or, without one, its own: name → JSON value."""
        return self.read(lambda connection: read_states(connection, npc, player))

    def save(self, slot: str) -> None:
        """Mark this moment under a name; an older mark of that name is replaced. Survives a power failure.

        Raises:
            ValueError: The name is empty.
        """
        name = clean_name(slot)
        self.write(lambda connection: self._timeline.save(connection, name), durable=True)

    def load(self, slot: str) -> None:
        """Go back to a mark: everything is as it was then, and what is stored from now on does not touch the mark.

        Raises:
            InputError: There is no save game of that name; nothing was changed.
        """
        name = clean_name(slot)
        if not self.write(lambda connection: self._timeline.load(connection, name)):
            raise InputError(
                f"The characters have no memory of a save game called `{name}`.",
                hint="it was made without them, or with another state folder",
                code="unknown_slot",
            )

    def begin(self) -> None:
        """Begin a new game: nothing is remembered, and save games keep what they have."""
        self.write(self._timeline.begin)

    def slots(self) -> tuple[str, ...]:
        """The names of the save games, the latest last."""
        return self.read(self._timeline.slots)

    def worlds(self) -> tuple[str, ...]:
        """The names of all worlds that are in the database."""
        return self.read(
            lambda connection: tuple(row[0] for row in connection.execute("SELECT name FROM world ORDER BY name"))
        )

    def characters(self) -> tuple[str, ...]:
        """The ids of all characters that remember something, in whatever world or save game."""
        query = "SELECT DISTINCT npc FROM scope ORDER BY npc"
        return self.read(lambda connection: tuple(row[0] for row in connection.execute(query)))

    def export(self, npc: str | None = None, player: str | None = None) -> dict[str, Any]:
        """What is remembered now, as JSON-able data.

        Args:
            npc: One character only; None: all.
            player: What concerns one player only; None: everything.
        """
        return self.read(lambda connection: export(connection, npc, player))

    def forget(self, npc: str, player: str | None = None) -> int:
        """Remove what a character remembers, from every save game; it cannot be brought back.

        Args:
            npc: The character.
            player: Only what is private to this player; None: all.

        Returns:
            How many experiences are gone.
        """
        return self._remove(npc, player)

    def delete_player(self, player: str) -> int:
        """Remove what any character remembers of a player, in every world and save game; it cannot be brought back.

        Returns:
            How many experiences are gone.
        """
        return self._remove(None, player)

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run queries that see one moment. `temp.path` (branch, upto) tells what is visible.

        Args:
            work: May be called again with another connection.
        """
        return self._database.read(lambda connection: self._looking(connection, work))

    def write(self, work: Callable[[sqlite3.Connection], Result], *, durable: bool = False) -> Result:
        """Run statements that take effect together, or not at all.

        Args:
            work: May be called again with another connection.
            durable: Whether this, and everything before it, must survive a power failure.
        """

        def run(connection: sqlite3.Connection) -> Result:
            self._timeline.head(connection)
            return self._looking(connection, work)

        return self._database.write(run, durable=durable)

    def _looking(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            self._timeline.look(connection, self._database.epoch)
            return work(connection)
        except BaseException:
            self._timeline.lose_sight()
            raise

    def _remove(self, npc: str | None, player: str | None) -> int:
        gone = self.write(lambda connection: remove(connection, npc, player))
        self._database.wipe()
        return gone
