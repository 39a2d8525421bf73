"""Opening the journal's file: where it may be, how it is connected to, and what its failures are called.

Everything here blocks. Must not know what is done with the connection.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from asyncup.bulk.errors import JournalUnusable
from asyncup.bulk.journal.schema import MIGRATIONS, check_readable, migrate

__all__ = ["checked_place", "connected", "translated"]

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # see journal_writer
    "PRAGMA cache_size = -8192",  # 8 MiB: what is not there is in the system's cache
    "PRAGMA wal_autocheckpoint = 4000",  # pages of 4 KiB: fewer, larger checkpoints than the default
    "PRAGMA journal_size_limit = 67108864",
)
_WAIT_FOR_READERS_S = 30.0


def checked_place(path: str, source_folder: str | os.PathLike[str] | None) -> str:
    """Return the journal's real path.

    Raises:
        JournalUnusable: it is inside the source, or cannot be a file.
    """
    try:
        place = Path(path).resolve()
        inside = source_folder is not None and place.is_relative_to(Path(source_folder).resolve())
        is_folder, has_folder = place.is_dir(), place.parent.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise JournalUnusable(f"{path!r} cannot be the name of a file: {error}", hint="Check the path") from error
    if inside:
        raise JournalUnusable(
            f"the journal {place} is inside {os.fspath(source_folder or '')}, which is to be uploaded",
            hint="Put it elsewhere",
        )
    if is_folder or not has_folder:
        what = "is a folder" if is_folder else "is in a folder that does not exist"
        raise JournalUnusable(f"the journal {place} {what}", hint="Name a file in a folder that exists")
    return os.fspath(place)


@contextmanager
def translated(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise JournalUnusable(
            f"{path} cannot be used as a journal: {error}", hint="Check the path and its disk"
        ) from error


def connected(path: str, *, migrating: bool) -> sqlite3.Connection:
    """Open the database, read-only when it is not to be migrated."""
    with translated(path):
        uri = f"{Path(path).absolute().as_uri()}?mode={'rwc' if migrating else 'ro'}"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=_WAIT_FOR_READERS_S, check_same_thread=migrating
        )
        try:
            if migrating:
                # Before WAL is switched on: that would write to a file that is not ours.
                migrate(connection)
                for pragma in _PRAGMAS:
                    connection.execute(pragma)
            elif check_readable(connection) < len(MIGRATIONS):
                connection = _migrated_copy(connection)
        except JournalUnusable as error:
            connection.close()
            raise JournalUnusable(f"{path}: {error.message}", hint=error.hint) from None
        except BaseException:
            connection.close()
            raise
        return connection


def _migrated_copy(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a temporary copy of an older version's journal: who only looks must not change the file."""
    with closing(connection):
        # A temporary database is on the disk, and gone when it is closed.
        copy = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        connection.backup(copy)
    migrate(copy)
    return copy
