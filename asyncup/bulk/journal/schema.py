"""The journal's tables, as the steps that lead to them from an empty file.

A released step is never edited: a change of the tables is a new step at the end. A file tells by `user_version` how
many steps it has seen. Must not know what a run does with the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from asyncup.bulk.errors import JournalUnusable

__all__ = ["APPLICATION_ID", "MIGRATIONS", "check_readable", "migrate"]

APPLICATION_ID = 0x61737570
"""Marks a SQLite file as a journal of ours: "asup"."""

_VERSION_1 = (
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        source TEXT NOT NULL,
        destination TEXT NOT NULL,
        matching TEXT NOT NULL,
        entry_order TEXT NOT NULL,
        large_from INTEGER NOT NULL,
        source_read INTEGER NOT NULL DEFAULT 0,
        begun INTEGER NOT NULL DEFAULT 1,
        first_begun_at_s REAL NOT NULL,
        last_begun_at_s REAL NOT NULL
    )
    """,
    # `file` is text, or a blob of UTF-8 with surrogates when it is not Unicode. `destination_key` is what must not be
    # there twice. The last columns come last because they are empty until the end.
    """
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        row INTEGER,
        file NOT NULL,
        destination TEXT,
        destination_key BLOB,
        state TEXT NOT NULL CHECK (
            state IN ('PENDING', 'SENDING', 'COMMITTING', 'DONE', 'FAILED', 'SKIPPED', 'BROKEN')
        ),
        large INTEGER NOT NULL,
        order_key,
        attempts INTEGER NOT NULL DEFAULT 0,
        size INTEGER,
        device INTEGER,
        inode INTEGER,
        mtime_ns INTEGER,
        ctime_ns INTEGER,
        expected_size INTEGER,
        expected_md5 TEXT,
        overwrite INTEGER,
        columns TEXT,
        session_id TEXT,
        part_size INTEGER,
        job_id INTEGER,
        parts INTEGER,
        seconds REAL,
        calls INTEGER,
        bytes_written INTEGER,
        error_type TEXT,
        error TEXT,
        md5s BLOB
    )
    """,
    # What an input is known by: its row, or its file where there are no rows.
    "CREATE UNIQUE INDEX entry_row ON entry (row) WHERE row IS NOT NULL",
    "CREATE UNIQUE INDEX entry_file ON entry (file) WHERE row IS NULL",
    "CREATE UNIQUE INDEX entry_destination ON entry (destination_key) WHERE destination_key IS NOT NULL",
    "CREATE INDEX entry_pending ON entry (large, order_key, id) WHERE state = 'PENDING'",
    "CREATE INDEX entry_under_way ON entry (state) WHERE state IN ('SENDING', 'COMMITTING')",
    "CREATE INDEX entry_session ON entry (session_id) WHERE session_id IS NOT NULL",
    # Counts are kept by the database itself, so that they are right after whatever happened to a group of changes.
    """
    CREATE TABLE tally (
        state TEXT NOT NULL,
        large INTEGER NOT NULL,
        files INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (state, large)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO tally (state, large)
    SELECT state.column1, class.column1
    FROM (VALUES ('PENDING'), ('SENDING'), ('COMMITTING'), ('DONE'), ('FAILED'), ('SKIPPED'), ('BROKEN')) AS state,
        (VALUES (0), (1)) AS class
    """,
    """
    CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
        UPDATE tally SET files = files + 1, bytes = bytes + ifnull(NEW.size, 0)
        WHERE state = NEW.state AND large = NEW.large;
    END
    """,
    """
    CREATE TRIGGER entry_changed AFTER UPDATE OF state, large, size ON entry
    WHEN OLD.state IS NOT NEW.state OR OLD.large IS NOT NEW.large OR OLD.size IS NOT NEW.size BEGIN
        UPDATE tally SET files = files - 1, bytes = bytes - ifnull(OLD.size, 0)
        WHERE state = OLD.state AND large = OLD.large;
        UPDATE tally SET files = files + 1, bytes = bytes + ifnull(NEW.size, 0)
        WHERE state = NEW.state AND large = NEW.large;
    END
    """,
)

_VERSION_2 = (
    "ALTER TABLE entry ADD COLUMN leftover TEXT CHECK (leftover IN ('OUTDATED', 'DAMAGED'))",
    """
    CREATE TRIGGER entry_withdrawn AFTER DELETE ON entry BEGIN
        UPDATE tally SET files = files - 1, bytes = bytes - ifnull(OLD.size, 0)
        WHERE state = OLD.state AND large = OLD.large;
    END
    """,
)

MIGRATIONS: Sequence[Sequence[str]] = (_VERSION_1, _VERSION_2)
"""Statements that lead from each version to the next; the first from an empty file."""


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring a file that nobody else has open to the newest version: all steps or none.

    Raises:
        JournalUnusable: it is another program's file, or a newer version's.
    """
    version = 0 if _is_empty(connection) else check_readable(connection, newest=len(steps))
    if version == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for step in steps[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def check_readable(connection: sqlite3.Connection, *, newest: int = len(MIGRATIONS)) -> int:
    """Return the version of a journal.

    Raises:
        JournalUnusable: it is no journal, or a newer version's.
    """
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalUnusable("it is a database, but no journal of asyncup", hint="Name another file")
    version = _pragma(connection, "user_version")
    if version > newest:
        raise JournalUnusable(
            f"it is a journal of version {version}, and this asyncup knows versions up to {newest}",
            hint="Use the asyncup that began it, or a newer one",
        )
    return version


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not tables and _pragma(connection, "application_id") == 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
