"""Writing to the memory database: what a turn leaves behind becomes rows of the present branch."""

import itertools
import sqlite3
from collections.abc import Iterable, Iterator

from npc_runtime.character.memory.branch import Timeline, next_numbers
from npc_runtime.character.memory.reading import JOINED
from npc_runtime.character.memory.records import (
    Changes,
    Experience,
    Fact,
    StateDocument,
    Summary,
    as_document,
    clean,
    clean_name,
    clean_number,
    clean_pad,
)


def write(connection: sqlite3.Connection, timeline: Timeline, changes: Changes) -> tuple[int, ...]:
    """Store changes, within a transaction; see `MemoryStore.commit`."""
    head, fixed = timeline.head(connection), timeline.fixed(connection)
    facts = sum(len(experience.facts) for experience in changes.experiences)
    rows = facts + sum(map(len, (changes.experiences, changes.summaries, changes.states, changes.recalled)))
    first = next_numbers(connection, rows)
    writer = _Writer(connection, head, fixed, itertools.count(first))
    ids = tuple(writer.experience(experience) for experience in changes.experiences)
    for summary in changes.summaries:
        writer.summary(summary)
    for state in changes.states:
        writer.state(state)
    for event in dict.fromkeys(changes.recalled):
        writer.recalled(event, clean_number(changes.game_time))
    return ids


class _Writer:
    """Puts rows into a branch; what nobody relies on, after `fixed`, may be replaced."""

    def __init__(self, connection: sqlite3.Connection, head: int, fixed: int, numbers: Iterator[int]) -> None:
        self._connection = connection
        self._head = head
        self._fixed = fixed
        self._numbers = numbers

    def experience(self, experience: Experience) -> int:
        number, scope = next(self._numbers), self._scope(experience.npc, experience.player)
        self._insert(
            "event",
            number,
            scope,
            clean_number(experience.game_time),
            clean_name(experience.kind),
            clean(experience.text),
            clean_number(experience.importance, 0.0, 1.0),
            *clean_pad(experience.pad),
            clean_name(experience.source),
        )
        for fact in experience.facts:
            self._fact(fact, scope, number)
        return number

    def summary(self, summary: Summary) -> None:
        self._insert(
            "summary",
            next(self._numbers),
            self._scope(summary.npc, summary.player),
            summary.level,
            summary.first,
            summary.last,
            clean_number(summary.game_time),
            clean(summary.text),
        )

    def state(self, state: StateDocument) -> None:
        scope, name = self._scope(state.npc, state.player), clean_name(state.name)
        self._connection.execute(
            "DELETE FROM state WHERE scope = ? AND name = ? AND seq > ? AND branch = ?",
            (scope, name, self._fixed, self._head),
        )
        self._insert("state", next(self._numbers), scope, name, as_document(state.document))

    def recalled(self, event: int, game_time: float) -> None:
        known = self._connection.execute(f"SELECT t.scope FROM event t {JOINED} WHERE t.seq = ?", (event,)).fetchone()
        if known is None:  # it was loaded away meanwhile
            return
        before = self._connection.execute(
            f"SELECT t.recalls FROM reminder t {JOINED} WHERE t.event = ? ORDER BY t.seq DESC LIMIT 1", (event,)
        ).fetchone()
        self._connection.execute(
            "DELETE FROM reminder WHERE event = ? AND seq > ? AND branch = ?", (event, self._fixed, self._head)
        )
        recalls = before[0] + 1 if before else 1
        self._insert("reminder", next(self._numbers), known[0], event, recalls, game_time)

    def _fact(self, fact: Fact, scope: int, source: int) -> None:
        self._insert(
            "fact",
            next(self._numbers),
            scope,
            clean_name(fact.subject),
            clean_name(fact.predicate),
            None if fact.object is None else clean_name(fact.object),
            clean_number(fact.valid_from),
            None if fact.valid_to is None else clean_number(fact.valid_to),
            clean_number(fact.confidence, 0.0, 1.0),
            int(fact.several),
            source,
        )

    def _scope(self, npc: str, player: str | None) -> int:
        names = (clean_name(npc), clean_name(player) if player else "")
        self._connection.execute("INSERT OR IGNORE INTO scope (npc, player) VALUES (?, ?)", names)
        row = self._connection.execute("SELECT id FROM scope WHERE npc = ? AND player = ?", names).fetchone()
        return int(row[0])

    def _insert(self, table: str, number: int, scope: int, *values: str | float | None) -> None:
        row: Iterable[str | float | None] = (number, self._head, scope, *values)
        places = ", ".join("?" * (3 + len(values)))
        self._connection.execute(f"INSERT INTO {table} VALUES ({places})", tuple(row))
