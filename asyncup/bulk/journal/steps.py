"""What happens to entries of the journal, one function per step, each for the journal's thread.

Which change is allowed when is the table in `entry`; here it becomes SQL. Must not know threads or groups.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import replace
from typing import Any, assert_never

from asyncup.bulk.errors import JournalMismatch
from asyncup.bulk.journal.entry import (
    ALLOWED_FROM,
    LEADS_TO,
    NOT_IN_VAULT,
    REOPENED,
    Change,
    CommitStarted,
    Done,
    Entry,
    Failed,
    LeftInVault,
    Matching,
    Order,
    Released,
    RunKey,
    SessionClosed,
    SessionOpened,
    Skipped,
    State,
)
from asyncup.bulk.journal.rows import ENTRY, entry_of, identity_cells, order_expression, stored_md5s

__all__ = ["begin_run", "change", "claim", "claim_these", "release_all", "reopen", "run_key", "withdraw"]


def run_key(connection: sqlite3.Connection) -> RunKey | None:
    """Return what the journal was begun for; None when it is new."""
    row = connection.execute("SELECT source, destination, matching FROM run").fetchone()
    return None if row is None else RunKey(source=row[0], destination=row[1], matching=Matching(row[2]))


def begin_run(connection: sqlite3.Connection, key: RunKey, *, order: Order, large_from: int, now_s: float) -> None:
    """Begin a run, or go on with it. What was being sent when the last one died is pending again; commits are kept.

    Raises:
        JournalMismatch: the journal is of another run.
    """
    known = run_key(connection)
    if known is None:
        connection.execute(
            "INSERT INTO run (id, source, destination, matching, entry_order, large_from, first_begun_at_s, "
            "last_begun_at_s) VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            (key.source, key.destination, key.matching, order, large_from, now_s, now_s),
        )
        return
    for name in ("source", "destination", "matching"):
        then, now = getattr(known, name), getattr(key, name)
        if then != now:
            raise JournalMismatch(
                f"the journal is of another run: its {name} is {str(then)!r}, not {str(now)!r}",
                hint="Give every source and destination a journal of its own",
            )
    connection.execute("UPDATE entry SET state = 'PENDING' WHERE state IN ('SENDING', 'COMMITTING') AND job_id IS NULL")
    sorted_by = connection.execute("SELECT entry_order, large_from FROM run").fetchone()
    if sorted_by != (order, large_from):
        _sort(connection, "state = 'PENDING'", order, large_from)
    connection.execute(
        "UPDATE run SET entry_order = ?, large_from = ?, begun = begun + 1, last_begun_at_s = ?",
        (order, large_from, now_s),
    )


def claim(connection: sqlite3.Connection, *, large: bool, most: int) -> list[Entry]:
    """Take the next pending entries of a lane class: they are SENDING from now on, and their attempt counts."""
    rows = connection.execute(
        f"{ENTRY} WHERE state = 'PENDING' AND large = ? ORDER BY order_key, id LIMIT ?", (large, most)
    ).fetchall()
    ids = [(row[0],) for row in rows]
    connection.executemany("UPDATE entry SET state = 'SENDING', attempts = attempts + 1 WHERE id = ?", ids)
    return [_claimed(entry_of(row)) for row in rows]


def claim_these(connection: sqlite3.Connection, ids: Collection[int]) -> list[Entry]:
    """Take some pending entries, as `claim` does; those that are not pending are left out."""
    rows = list[Any]()
    for entry_id in ids:
        rows += connection.execute(f"{ENTRY} WHERE id = ? AND state = 'PENDING'", (entry_id,)).fetchall()
        connection.execute(
            "UPDATE entry SET state = 'SENDING', attempts = attempts + 1 WHERE id = ? AND state = 'PENDING'",
            (entry_id,),
        )
    return [_claimed(entry_of(row)) for row in rows]


def release_all(connection: sqlite3.Connection, not_begun: Collection[int]) -> None:
    """Make all entries that are SENDING pending again; for those of `not_begun` the attempt does not count."""
    connection.executemany(
        "UPDATE entry SET attempts = attempts - 1 WHERE id = ? AND state = 'SENDING'", [(each,) for each in not_begun]
    )
    connection.execute("UPDATE entry SET state = 'PENDING' WHERE state IN ('SENDING', 'COMMITTING') AND job_id IS NULL")


def _claimed(entry: Entry) -> Entry:
    return replace(entry, state=State.SENDING, attempts=entry.attempts + 1)


def change(connection: sqlite3.Connection, entry_id: int, what: Change) -> None:
    """Record a change of one entry.

    Raises:
        RuntimeError: the entry is in no state in which this can happen: a bug of the caller.
    """
    cells = _cells(what)
    leads_to = LEADS_TO.get(type(what))
    if leads_to is not None:
        cells["state"] = leads_to.value
    names = ", ".join(f"{name} = :{name}" for name in cells)
    if isinstance(what, Released) and not what.begun:
        names += ", attempts = attempts - 1"
    allowed = ", ".join(f"'{state.value}'" for state in sorted(ALLOWED_FROM[type(what)]))
    statement = f"UPDATE entry SET {names} WHERE id = :id AND state IN ({allowed})"  # noqa: S608 - names are ours
    if connection.execute(statement, cells | {"id": entry_id}).rowcount != 1:
        row = connection.execute("SELECT state FROM entry WHERE id = ?", (entry_id,)).fetchone()
        state = "not in the journal" if row is None else row[0]
        raise RuntimeError(f"{type(what).__name__} cannot be recorded: entry {entry_id} is {state}")


def _cells(what: Change) -> dict[str, Any]:  # noqa: PLR0911 - one return for each kind
    no_session = {"session_id": None, "part_size": None, "job_id": None}
    match what:
        case SessionOpened():
            return {"session_id": what.session_id, "part_size": what.part_size}
        case CommitStarted():
            sent = {"md5s": stored_md5s(what.md5s), "parts": what.parts} if what.md5s else {}
            return {"job_id": what.job_id, **sent, **_identity(what)}
        case Done():
            return no_session | {
                **_identity(what),
                "size": what.size,
                "leftover": None,
                "md5s": stored_md5s(what.md5s),
                "parts": what.parts,
                "error_type": None,
                "error": None,
                **_effort(what),
            }
        case Failed():
            kept = {"session_id": what.session_id, "job_id": None}
            return kept | {"error_type": what.error_type, "error": what.error, **_effort(what)}
        case Skipped():
            return {"error_type": None, "error": what.reason, "calls": what.calls}
        case Released():
            return {"job_id": None}
        case SessionClosed():
            return no_session
        case LeftInVault():
            return {"leftover": what.leftover}
    assert_never(what)


def _identity(what: Done | CommitStarted) -> dict[str, Any]:
    """What was sent is what a later run compares with, not what the file was when it was found."""
    return {} if what.identity is None else identity_cells(what.identity)


def _effort(what: Done | Failed) -> dict[str, Any]:
    return {"seconds": what.seconds, "calls": what.calls, "bytes_written": what.bytes_written}


def withdraw(connection: sqlite3.Connection, ids: Collection[int]) -> int:
    """Forget inputs that nobody wants to have sent any more, except where something of them may be in Vault."""
    states = ", ".join(f"'{state.value}'" for state in sorted(NOT_IN_VAULT))
    statement = (
        f"DELETE FROM entry WHERE id = ? AND state IN ({states}) AND session_id IS NULL AND leftover IS NULL "  # noqa: S608 - names are ours
        "AND (state != 'PENDING' OR attempts = 0 OR large)"
    )
    return connection.executemany(statement, [(each,) for each in ids]).rowcount if ids else 0


def reopen(connection: sqlite3.Connection, states: Collection[State]) -> int:
    """Make all entries of some states PENDING again, and return how many they are."""
    if not REOPENED.issuperset(states):
        raise ValueError(f"only entries that are {', '.join(sorted(REOPENED))} can be reopened")
    order, large_from = connection.execute("SELECT entry_order, large_from FROM run").fetchone()
    which = ", ".join(f"'{state.value}'" for state in states)
    return _sort(connection, f"state IN ({which})", Order(order), large_from, ", state = 'PENDING'")


def _sort(connection: sqlite3.Connection, where: str, order: Order, large_from: int, also: str = "") -> int:
    """Place entries in the order and the lane class that they belong to."""
    return connection.execute(
        f"UPDATE entry SET order_key = {order_expression(order)}, large = ifnull(size >= ?, 0){also} WHERE {where}",  # noqa: S608 - constants
        (large_from,),
    ).rowcount
