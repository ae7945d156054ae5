"""Branches: what a world remembers, as a tree that the player's save games grow.

A branch sees its own rows and those that its ancestors had when it left them. Saving marks a place; loading begins a
new branch there, so nothing is copied, and what happened after the mark is not seen. Rows that neither a world nor a
save game can reach are removed, and a branch that only one other continues is joined with it: however often a player
saves and loads, there are no more branches than save games, and one.
"""

import sqlite3
from collections.abc import Mapping

from npc_runtime.character.memory.schema import LOG_TABLES

_HEAD = 1 << 60
"""Larger than any number in the log: a world's own branch is seen to its end."""


def next_numbers(connection: sqlite3.Connection, count: int) -> int:
    """Take places in the log, within a transaction; the first of them."""
    connection.execute("UPDATE meta SET value = value + ? WHERE name = 'seq'", (count,))
    return _meta(connection, "seq") - count + 1


def rows_disappeared(connection: sqlite3.Connection) -> None:
    """Tell everyone who keeps copies of rows, in whatever process, to read them anew."""
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")


class Timeline:
    """Where one world stands in the tree.

    Args:
        world: Its name. Worlds share a database and nothing else.
    """

    def __init__(self, world: str) -> None:
        self._world = world
        self._seen: tuple[int, int] | None = None

    @property
    def version(self) -> tuple[int, int]:
        """The database, and a number that changes whenever rows may have disappeared; valid after `look`."""
        assert self._seen is not None
        return self._seen

    def look(self, connection: sqlite3.Connection, epoch: int) -> None:
        """Make the table `temp.path`, (branch, upto), tell what is visible now; within any transaction.

        Args:
            connection: To any database.
            epoch: Another number for another database.
        """
        now = (epoch, _meta(connection, "generation"))
        if now == self._seen:
            return
        self._seen = None
        connection.execute("CREATE TABLE IF NOT EXISTS temp.path (branch INTEGER PRIMARY KEY, upto INTEGER NOT NULL)")
        connection.execute("DELETE FROM temp.path")
        found = connection.execute("SELECT head FROM world WHERE name = ?", (self._world,)).fetchone()
        branch, upto = (found[0], _HEAD) if found else (None, _HEAD)
        while branch is not None:
            connection.execute("INSERT INTO temp.path VALUES (?, ?)", (branch, upto))
            # A branch is left after it has begun: what is seen of its ancestors does not depend on where.
            branch, upto = connection.execute("SELECT parent, fork FROM branch WHERE id = ?", (branch,)).fetchone()
        self._seen = now

    def lose_sight(self) -> None:
        """Take it that a transaction in which `look` was called has been undone."""
        self._seen = None

    def head(self, connection: sqlite3.Connection) -> int:
        """The branch that is written to; begun if there is none. Within a transaction that writes."""
        found = connection.execute("SELECT head FROM world WHERE name = ?", (self._world,)).fetchone()
        return int(found[0]) if found else self._move(connection, None, 0)

    def fixed(self, connection: sqlite3.Connection) -> int:
        """The last number in the world's branch that others rely on: what comes later may be replaced."""
        head = self.head(connection)
        row = connection.execute(
            "SELECT max(ifnull((SELECT max(seq) FROM mark WHERE branch = ?), 0),"
            " ifnull((SELECT max(fork) FROM branch WHERE parent = ?), 0))",
            (head, head),
        ).fetchone()
        return int(row[0])

    def save(self, connection: sqlite3.Connection, slot: str) -> None:
        """Mark this moment; an older mark of that name is gone."""
        connection.execute(
            "INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)",
            (self._world, slot, self.head(connection), _meta(connection, "seq")),
        )

    def load(self, connection: sqlite3.Connection, slot: str) -> bool:
        """Go on from a mark; False if there is none of that name."""
        found = connection.execute(
            "SELECT branch, seq FROM mark WHERE world = ? AND slot = ?", (self._world, slot)
        ).fetchone()
        if found is None:
            return False
        self._move(connection, *found)
        tidy(connection)
        return True

    def begin(self, connection: sqlite3.Connection) -> None:
        """Go on without any memories; save games keep theirs."""
        self._move(connection, None, 0)
        tidy(connection)

    def slots(self, connection: sqlite3.Connection) -> tuple[str, ...]:
        """The names of the save games, the latest last."""
        rows = connection.execute("SELECT slot FROM mark WHERE world = ? ORDER BY seq, slot", (self._world,))
        return tuple(row[0] for row in rows)

    def _move(self, connection: sqlite3.Connection, parent: int | None, fork: int) -> int:
        branch = next_numbers(connection, 1)
        connection.execute("INSERT INTO branch VALUES (?, ?, ?, ?)", (branch, parent, fork, _HEAD))
        connection.execute("INSERT OR REPLACE INTO world VALUES (?, ?)", (self._world, branch))
        rows_disappeared(connection)
        return branch


def tidy(connection: sqlite3.Connection) -> None:
    """Remove what nobody can reach, and join branches that only one other continues; within a transaction."""
    branches: dict[int, tuple[int | None, int]] = {}
    last: dict[int, int] = {}
    for branch, parent, fork, end in connection.execute("SELECT id, parent, fork, last FROM branch"):
        branches[branch], last[branch] = (parent, fork), end
    needed = _needed(connection, branches)
    for branch in branches:
        if branch not in needed:
            _cut(connection, branch, -1)
            connection.execute("DELETE FROM branch WHERE id = ?", (branch,))
        elif needed[branch] < last[branch]:
            _cut(connection, branch, needed[branch])
            connection.execute("UPDATE branch SET last = ? WHERE id = ?", (needed[branch], branch))
    into: dict[int, int] = {}
    for branch in sorted(needed):
        parent, fork = branches[branch]
        if parent is None:
            continue
        parent = into.get(parent, parent)
        if needed[parent] == fork:
            _join(connection, branch, parent)
            into[branch], needed[parent] = parent, needed[branch]


def _needed(connection: sqlite3.Connection, branches: Mapping[int, tuple[int | None, int]]) -> dict[int, int]:
    """Branch → the last number in it that anybody can reach; branches that nobody can reach are not in it."""
    needed = {row[0]: row[1] for row in connection.execute("SELECT branch, max(seq) FROM mark GROUP BY branch")}
    needed.update({row[0]: _HEAD for row in connection.execute("SELECT head FROM world")})
    for branch in sorted(branches, reverse=True):  # a branch is younger than its parent: its number is larger
        parent, fork = branches[branch]
        if branch in needed and parent is not None:
            needed[parent] = max(needed.get(parent, 0), fork)
    return needed


def _cut(connection: sqlite3.Connection, branch: int, last: int) -> None:
    connection.execute(
        "DELETE FROM vector WHERE event IN (SELECT seq FROM event WHERE branch = ? AND seq > ?)", (branch, last)
    )
    for table in LOG_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE branch = ? AND seq > ?", (branch, last))


def _join(connection: sqlite3.Connection, branch: int, parent: int) -> None:
    for table in (*LOG_TABLES, "mark"):
        connection.execute(f"UPDATE {table} SET branch = ? WHERE branch = ?", (parent, branch))
    connection.execute("UPDATE branch SET parent = ? WHERE parent = ?", (parent, branch))
    connection.execute("UPDATE branch SET last = (SELECT last FROM branch WHERE id = ?) WHERE id = ?", (branch, parent))
    connection.execute("UPDATE world SET head = ? WHERE head = ?", (parent, branch))
    connection.execute("DELETE FROM branch WHERE id = ?", (branch,))


def _meta(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])
