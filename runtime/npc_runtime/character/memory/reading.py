"""Reading the memory database: the rows that are visible in the present branch, as values.

Each function runs within a transaction in which `temp.path` is up to date (`branch.Timeline.look`).
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from npc_runtime.character.memory.records import Fact, Memory, Summary

MEMORY_COLUMNS = (
    "t.seq, s.npc, s.player, t.game_time, t.kind, t.text, t.importance, t.pleasure, t.arousal, t.dominance, t.source"
)
FACT_COLUMNS = "t.seq, t.subject, t.predicate, t.object, t.valid_from, t.valid_to, t.confidence, t.several, t.source"
SUMMARY_COLUMNS = "s.npc, s.player, t.level, t.first, t.last, t.game_time, t.text"
JOINED = "CROSS JOIN temp.path p ON p.branch = t.branch AND t.seq <= p.upto JOIN scope s ON s.id = t.scope"
"""What makes rows `t` of a table of the log the visible ones, with who they belong to."""


def scope_ids(connection: sqlite3.Connection, npc: str, player: str | None) -> tuple[int, ...]:
    """The scopes that a character may recall from: with a player, what is private to it and what concerns nobody."""
    rows = connection.execute("SELECT id FROM scope WHERE npc = ? AND player IN ('', ?)", (npc, player or ""))
    return tuple(sorted(row[0] for row in rows))


def marks(values: Sequence[object]) -> str:
    """Placeholders for a list in SQL."""
    return ", ".join("?" * len(values))


def memory(row: Sequence[Any], *, score: float = 0.0, relevance: float = 0.0) -> Memory:
    """A row of `MEMORY_COLUMNS` as a value."""
    return Memory(
        id=row[0],
        npc=row[1],
        player=row[2] or None,
        game_time=row[3],
        kind=row[4],
        text=row[5],
        importance=row[6],
        pad=(row[7], row[8], row[9]),
        source=row[10],
        score=score,
        relevance=relevance,
    )


def fact(row: Sequence[Any]) -> Fact:
    """A row of `FACT_COLUMNS` as a value."""
    return Fact(
        id=row[0],
        subject=row[1],
        predicate=row[2],
        object=row[3],
        valid_from=row[4],
        valid_to=row[5],
        confidence=row[6],
        several=bool(row[7]),
        source=row[8],
    )


def summary(row: Sequence[Any]) -> Summary:
    """A row of `SUMMARY_COLUMNS` as a value."""
    return Summary(
        npc=row[0], player=row[1] or None, level=row[2], first=row[3], last=row[4], game_time=row[5], text=row[6]
    )


def read_recent(connection: sqlite3.Connection, npc: str, player: str | None, limit: int) -> list[Memory]:
    """The latest experiences, oldest first."""
    query = f"SELECT {MEMORY_COLUMNS} FROM event t {JOINED} WHERE t.scope = ? ORDER BY t.seq DESC LIMIT ?"
    rows: list[Sequence[Any]] = []
    for scope in scope_ids(connection, npc, player):  # one at a time, so that the index gives the order
        rows += connection.execute(query, (scope, limit))
    rows.sort(key=lambda row: -row[0])
    return [memory(row) for row in reversed(rows[:limit])]


def read_talk(connection: sqlite3.Connection, npc: str, player: str, after: int, limit: int) -> list[Memory]:
    """The latest of what a character and a player said to each other after a place in the log, oldest first."""
    query = (
        f"SELECT {MEMORY_COLUMNS} FROM event t {JOINED} WHERE s.npc = ? AND s.player = ? AND t.seq > ?"
        " AND t.source IN ('heard', 'said') ORDER BY t.seq DESC LIMIT ?"
    )
    return [memory(row) for row in reversed(connection.execute(query, (npc, player, after, limit)).fetchall())]


def read_memories(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Sequence[Any]]:
    """Rows of `MEMORY_COLUMNS` by their ids."""
    query = f"SELECT {MEMORY_COLUMNS} FROM event t JOIN scope s ON s.id = t.scope WHERE t.seq IN ({marks(ids)})"
    return {row[0]: row for row in connection.execute(query, tuple(ids))}


def read_facts(connection: sqlite3.Connection, scopes: Sequence[int], after: int = 0) -> list[Fact]:
    """Facts that were learned after a place in the log, in the order of learning."""
    query = (
        f"SELECT {FACT_COLUMNS} FROM fact t {JOINED} WHERE t.scope IN ({marks(scopes)}) AND t.seq > ? ORDER BY t.seq"
    )
    return [fact(row) for row in connection.execute(query, (*scopes, after))]


def read_summaries(
    connection: sqlite3.Connection, npc: str, player: str | None, level: int, limit: int
) -> list[Summary]:
    """The latest summaries, oldest first."""
    scopes = scope_ids(connection, npc, player)
    query = (
        f"SELECT {SUMMARY_COLUMNS} FROM summary t {JOINED} WHERE t.scope IN ({marks(scopes)}) AND t.level = ?"
        " ORDER BY t.seq DESC LIMIT ?"
    )
    rows = connection.execute(query, (*scopes, level, limit)).fetchall()
    return [summary(row) for row in reversed(rows)]


def read_states(connection: sqlite3.Connection, npc: str, player: str | None) -> dict[str, Any]:
    """The states towards exactly this player, or towards nobody in particular."""
    query = f"SELECT t.name, t.document FROM state t {JOINED} WHERE s.npc = ? AND s.player = ? ORDER BY t.name, t.seq"
    return _documents(connection.execute(query, (npc, player or "")))


def _documents(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    latest: dict[str, str] = {row[0]: row[1] for row in rows}
    return {name: json.loads(document) for name, document in latest.items()}
