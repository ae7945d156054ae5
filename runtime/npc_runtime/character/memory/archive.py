"""What the player may ask of memory: to see it, and to have it removed for good."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from npc_runtime.character.memory.branch import rows_disappeared
from npc_runtime.character.memory.reading import (
    FACT_COLUMNS,
    JOINED,
    MEMORY_COLUMNS,
    SUMMARY_COLUMNS,
    fact,
    marks,
    memory,
    summary,
)
from npc_runtime.character.memory.schema import LOG_TABLES

FORMAT = 1
"""Version of the exported data."""
_OF_A_QUERY = frozenset({"npc", "player", "score", "relevance", "fits"})


def export(connection: sqlite3.Connection, npc: str | None, player: str | None) -> dict[str, Any]:
    """What is visible in the present branch, as JSON-able data; see `MemoryStore.export`."""

    def rows(columns: str, table: str) -> list[Sequence[Any]]:
        query = (
            f"SELECT s.npc, s.player, {columns} FROM {table} t {JOINED}"
            " WHERE (? IS NULL OR s.npc = ?) AND (? IS NULL OR s.player = ?) ORDER BY t.seq"
        )
        return connection.execute(query, (npc, npc, player, player)).fetchall()

    def records(columns: str, table: str, value: Callable[[Sequence[Any]], Any]) -> list[dict[str, Any]]:
        return [
            {"npc": row[0], "player": row[1] or None, **_plain(asdict(value(row[2:])))} for row in rows(columns, table)
        ]

    states = {(row[0], row[1], row[2]): row[3] for row in rows("t.name, t.document", "state")}
    return {
        "format": FORMAT,
        "experiences": records(MEMORY_COLUMNS, "event", memory),
        "facts": records(FACT_COLUMNS, "fact", fact),
        "summaries": records(SUMMARY_COLUMNS, "summary", summary),
        "states": [
            {"npc": who, "player": whom or None, "name": name, "document": json.loads(document)}
            for (who, whom, name), document in sorted(states.items())
        ],
    }


def remove(connection: sqlite3.Connection, npc: str | None, player: str | None) -> int:
    """Remove rows from every branch, within a transaction; see `MemoryStore.forget`.

    Returns:
        How many experiences there were, in all branches.
    """
    query = "SELECT id FROM scope WHERE (? IS NULL OR npc = ?) AND (? IS NULL OR player = ?)"
    scopes = tuple(row[0] for row in connection.execute(query, (npc, npc, player, player)))
    which = f"scope IN ({marks(scopes)})"
    count = int(connection.execute(f"SELECT count(*) FROM event WHERE {which}", scopes).fetchone()[0])
    connection.execute(f"DELETE FROM vector WHERE event IN (SELECT seq FROM event WHERE {which})", scopes)
    for table in LOG_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE {which}", scopes)
    connection.execute(f"DELETE FROM scope WHERE id IN ({marks(scopes)})", scopes)
    rows_disappeared(connection)
    return count


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Without what stands beside it, and what only a query gives a memory."""
    return {name: value for name, value in record.items() if name not in _OF_A_QUERY}
