"""Adding inputs to the journal: new ones, ones that it knows, and ones that want to go where another one goes.

An input is known by its row, or by its file where there are no rows: adding it again changes nothing. A row that was
broken, or never begun, may have been corrected since. Runs in the journal's thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncup.bulk.errors import JournalMismatch
from asyncup.bulk.inputs.item import Input, Leftover, Trouble, UploadItem
from asyncup.bulk.inputs.looked_at import is_other_file
from asyncup.bulk.journal.entry import REOPENED, Added, Entry, Matching, Order, State
from asyncup.bulk.journal.rows import ENTRY, entry_of, identity_cells, item_cells, stored_columns, stored_text

__all__ = ["Intake"]

_FREE = frozenset({State.BROKEN, State.PENDING, State.FAILED})
"""States in which a row may be corrected, as long as no upload session is open for it."""

_FRESH = dict.fromkeys(("part_size", "job_id", "parts", "seconds", "calls", "bytes_written", "md5s"))
"""Cells of the last attempt, beside those that an item fills."""

_NAMES = tuple(item_cells(UploadItem(file="", path="/x"), matching=Matching.EXACT, order=Order.AS_GIVEN, large_from=0))
_VALUES = ", ".join(f":{name}" for name in _NAMES)
_INSERT = f"INSERT INTO entry ({', '.join(_NAMES)}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """How inputs are taken in.

    Attributes:
        matching: when two destinations are one.
        order: what the pending ones are ordered by.
        large_from: bytes from which on a file is a large one.
    """

    matching: Matching
    order: Order
    large_from: int

    def add(self, connection: sqlite3.Connection, inputs: Sequence[Input]) -> Added:
        """Add inputs in their order.

        Raises:
            JournalMismatch: a row that was begun names another file or destination now. Nothing of `inputs` is added.
        """
        added = Added()
        for found in inputs:
            cells = self._cells(found)
            if connection.execute(_INSERT, cells).rowcount:
                added = replace(added, new=added.new + 1, broken=added.broken + (cells["state"] == State.BROKEN))
                continue
            known = _known(connection, cells)
            if known is None:
                self._add_second(connection, cells)
                added = replace(added, new=added.new + 1, broken=added.broken + 1)
                continue
            state = self._compare(connection, known, found, cells)
            added = replace(
                added,
                known=added.known + 1,
                reopened=added.reopened + (known.state in REOPENED and state is State.PENDING),
                broken=added.broken + (state is State.BROKEN),
            )
        return added

    def _cells(self, found: Input) -> dict[str, Any]:
        if isinstance(found, UploadItem):
            return item_cells(found, matching=self.matching, order=self.order, large_from=self.large_from)
        return dict.fromkeys(_NAMES) | {
            "row": found.row,
            "file": stored_text(found.name),
            "state": State.BROKEN.value,
            "large": 0,
            "columns": stored_columns(found.columns),
            "error_type": found.trouble.value,
            "error": found.reason,
        }

    def _add_second(self, connection: sqlite3.Connection, cells: dict[str, Any]) -> None:
        """Add an item whose destination is another one's already."""
        connection.execute(_INSERT, cells | self._second(connection, cells))

    def _second(self, connection: sqlite3.Connection, cells: dict[str, Any]) -> dict[str, Any]:
        """Return what makes an item broken because of its destination."""
        first = entry_of(
            connection.execute(f"{ENTRY} WHERE destination_key = ?", (cells["destination_key"],)).fetchone()
        )
        who = first.file if first.row is None else f"row {first.row}"
        alike = "" if first.destination == cells["destination"] else f" (written {first.destination})"
        return {
            "state": State.BROKEN.value,
            "destination": None,
            "destination_key": None,
            "error_type": Trouble.SAME_DESTINATION.value,
            "error": f"the destination {cells['destination']} is that of {who}{alike}",
        }

    def _compare(self, connection: sqlite3.Connection, known: Entry, found: Input, cells: dict[str, Any]) -> State:
        """Bring a known entry up to date with its input; return its state then."""
        free = known.state in _FREE and known.session_id is None
        if isinstance(found, UploadItem):
            if (known.file, known.destination) != (found.file, found.path):
                return self._correct(connection, known, found, cells, free=free)
            return _update(connection, known, found, cells) if _details_differ(known, found) else known.state
        if not free:
            return known.state  # it was begun while it was good, and goes its way
        if (known.error_type, known.error) != (cells["error_type"], cells["error"]):
            _overwrite(connection, known, cells | _FRESH)
        return State.BROKEN

    def _correct(
        self, connection: sqlite3.Connection, known: Entry, found: UploadItem, cells: dict[str, Any], *, free: bool
    ) -> State:
        """Let a row that was not begun be another one now."""
        if not free:
            raise JournalMismatch(
                f"row {known.row} was {known.file} to {known.destination} when this journal was begun, "
                f"and is {found.file} to {found.path} now",
                hint="Give a manifest whose rows were moved a journal of its own",
            )
        if _overwrite(connection, known, cells | _FRESH):
            return State.PENDING
        _overwrite(connection, known, cells | _FRESH | self._second(connection, cells))
        return State.BROKEN


def _update(connection: sqlite3.Connection, known: Entry, found: UploadItem, cells: dict[str, Any]) -> State:
    """Note what is new about an entry's file; when another file is in place of the one that was sent, send that."""
    leftover = {"leftover": known.leftover}
    if known.leftover is None and known.attempts and is_other_file(known.identity, found.identity):
        leftover = {"leftover": Leftover.OUTDATED}
    if known.state in (State.DONE, State.SKIPPED):
        if not is_other_file(known.identity, found.identity):
            return known.state
        _overwrite(connection, known, cells | _FRESH | leftover)
        return State.PENDING
    kept = {"state": known.state.value, "error_type": known.error_type, "error": known.error}
    if known.state is State.COMMITTING:
        kept |= identity_cells(known.identity)  # what Vault makes the file of is what was sent then
    _overwrite(connection, known, cells | kept | leftover | {"session_id": known.session_id})
    return known.state


def _known(connection: sqlite3.Connection, cells: dict[str, Any]) -> Entry | None:
    where = "row IS NULL AND file = :file" if cells["row"] is None else "row = :row"
    row = connection.execute(f"{ENTRY} WHERE {where}", cells).fetchone()
    return None if row is None else entry_of(row)


def _overwrite(connection: sqlite3.Connection, known: Entry, cells: dict[str, Any]) -> bool:
    """Replace cells of an entry. False when the destination is another one's; then nothing is replaced."""
    names = ", ".join(f"{name} = :{name}" for name in cells)
    done = connection.execute(f"UPDATE OR IGNORE entry SET {names} WHERE id = :id", cells | {"id": known.id})  # noqa: S608 - names are ours
    return done.rowcount == 1


def _details_differ(known: Entry, found: UploadItem) -> bool:
    return (found.identity is not None and found.identity != known.identity) or (
        known.expected_size,
        known.expected_md5,
        known.overwrite,
        dict(known.columns),
    ) != (
        found.size,
        found.md5,
        found.overwrite,
        dict(found.columns),
    )
