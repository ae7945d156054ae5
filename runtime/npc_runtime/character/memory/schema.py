"""The tables of the memory database, and how an older database becomes one of today.

Everything that save games must bring back is a row with a place in the log (`seq`, which only ever counts up) and a
branch; rows are added, and removed only when no save game can reach them. `branch.py` says which rows are visible.
"""

import sqlite3

from npc_runtime.errors import SetupError

APPLICATION_ID = 0x6E706331
"""`npc1`: tells our database from any other SQLite file."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        # `seq`: the last number given away. `generation`: counts up when rows disappear or a world changes its branch.
        "INSERT INTO meta VALUES ('seq', 0), ('generation', 0)",
        # A branch leaves its parent after the row `fork`, and has no rows after `last`.
        "CREATE TABLE branch (id INTEGER PRIMARY KEY, parent INTEGER, fork INTEGER NOT NULL, last INTEGER NOT NULL)",
        "CREATE INDEX branch_parent ON branch (parent)",
        "CREATE TABLE world (name TEXT PRIMARY KEY, head INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE mark (world TEXT, slot TEXT, branch INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY (world, slot)) WITHOUT ROWID",
        "CREATE INDEX mark_branch ON mark (branch)",
        # `player` is '' for what concerns no player.
        "CREATE TABLE scope (id INTEGER PRIMARY KEY, npc TEXT NOT NULL, player TEXT NOT NULL, UNIQUE (npc, player))",
        "CREATE TABLE event (seq INTEGER PRIMARY KEY, branch INTEGER NOT NULL, scope INTEGER NOT NULL,"
        " game_time REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, importance REAL NOT NULL,"
        " pleasure REAL NOT NULL, arousal REAL NOT NULL, dominance REAL NOT NULL, source TEXT NOT NULL)",
        "CREATE TABLE fact (seq INTEGER PRIMARY KEY, branch INTEGER NOT NULL, scope INTEGER NOT NULL,"
        " subject TEXT NOT NULL, predicate TEXT NOT NULL, object TEXT, valid_from REAL NOT NULL, valid_to REAL,"
        " confidence REAL NOT NULL, several INTEGER NOT NULL, source INTEGER NOT NULL)",
        "CREATE TABLE summary (seq INTEGER PRIMARY KEY, branch INTEGER NOT NULL, scope INTEGER NOT NULL,"
        " level INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, game_time REAL NOT NULL,"
        " text TEXT NOT NULL)",
        "CREATE TABLE state (seq INTEGER PRIMARY KEY, branch INTEGER NOT NULL, scope INTEGER NOT NULL,"
        " name TEXT NOT NULL, document TEXT NOT NULL)",
        "CREATE TABLE reminder (seq INTEGER PRIMARY KEY, branch INTEGER NOT NULL, scope INTEGER NOT NULL,"
        " event INTEGER NOT NULL, recalls INTEGER NOT NULL, game_time REAL NOT NULL)",
        "CREATE INDEX event_scope ON event (scope, seq)",
        "CREATE INDEX fact_scope ON fact (scope, seq)",
        "CREATE INDEX summary_scope ON summary (scope, seq)",
        "CREATE INDEX state_name ON state (scope, name, seq)",
        "CREATE INDEX reminder_scope ON reminder (scope, seq)",
        "CREATE INDEX reminder_event ON reminder (event, seq)",
        "CREATE INDEX event_branch ON event (branch, seq)",
        "CREATE INDEX fact_branch ON fact (branch, seq)",
        "CREATE INDEX summary_branch ON summary (branch, seq)",
        "CREATE INDEX state_branch ON state (branch, seq)",
        "CREATE INDEX reminder_branch ON reminder (branch, seq)",
        # Derived from the text of an event: no part of the log. float16, little-endian.
        "CREATE TABLE vector (event INTEGER PRIMARY KEY, embedder TEXT NOT NULL, data BLOB NOT NULL)",
    ),
)
"""The statements that take a database from version n to n + 1, by n."""

LOG_TABLES = ("event", "fact", "summary", "state", "reminder")


class NewerDatabaseError(SetupError):
    """The database was made by a newer version of this program."""


class ForeignDatabaseError(SetupError):
    """The file is a database of another program."""


def prepare(connection: sqlite3.Connection) -> None:
    """Bring a database, which may be empty, to the newest version; either wholly or not at all.

    Args:
        connection: In autocommit mode.

    Raises:
        NewerDatabaseError: It is of a version that is not known here.
        ForeignDatabaseError: It belongs to another program.
        sqlite3.Error: It cannot be read or written.
    """
    if version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited for its turn.
        for statements in MIGRATIONS[version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version(connection: sqlite3.Connection) -> int:
    """Which version a database has; 0 for an empty one.

    Raises:
        NewerDatabaseError: It is of a version that is not known here.
        ForeignDatabaseError: It belongs to another program.
        sqlite3.Error: It cannot be read.
    """
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application != APPLICATION_ID and not empty:
        raise ForeignDatabaseError("the file belongs to another program")
    if number > len(MIGRATIONS):
        raise NewerDatabaseError(f"the file has version {number}, this program knows {len(MIGRATIONS)}")
    return number
