"""Between rows of the journal's tables and values: reading entries, and the form that cells are kept in.

Must not know when something is read or written.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from asyncup.bulk.inputs.item import NO_COLUMNS, Columns, Leftover, UploadItem
from asyncup.bulk.journal.entry import Count, Entry, Matching, Order, State, Tally
from asyncup.pipeline.source import SourceIdentity

__all__ = [
    "BATCH",
    "ENTRY",
    "destination_key",
    "entries_behind",
    "entry_of",
    "identity_cells",
    "item_cells",
    "order_expression",
    "stored_columns",
    "stored_md5s",
    "stored_text",
    "tally_of",
]

_COLUMNS = (
    "id, row, file, destination, expected_size, expected_md5, overwrite, columns, size, device, inode, mtime_ns, "
    "ctime_ns, large, state, attempts, session_id, part_size, job_id, md5s, parts, seconds, calls, bytes_written, "
    "error_type, error, leftover"
)
ENTRY = f"SELECT {_COLUMNS} FROM entry"  # noqa: S608 - constants
"""What `entry_of` reads."""

BATCH = 500
"""Entries that are read at once."""

_MD5_BYTES = 16
_FOLDER_BYTES = 8
_WRAP = 2**64


def entry_of(row: Sequence[Any]) -> Entry:
    """Return the entry that a row of `ENTRY` is."""
    identity = None
    if row[11] is not None:
        identity = SourceIdentity(row[9] % _WRAP, row[10] % _WRAP, row[8], row[11], row[12])
    return Entry(
        id=row[0],
        row=row[1],
        file=_text(row[2]),
        destination=row[3],
        expected_size=row[4],
        expected_md5=row[5],
        overwrite=None if row[6] is None else bool(row[6]),
        columns=NO_COLUMNS if row[7] is None else json.loads(row[7]),
        size=row[8],
        identity=identity,
        large=bool(row[13]),
        state=State(row[14]),
        attempts=row[15],
        session_id=row[16],
        part_size=row[17],
        job_id=row[18],
        md5s=_md5s(row[19]),
        parts=row[20],
        seconds=row[21],
        calls=row[22],
        bytes_written=row[23],
        error_type=row[24],
        error=row[25],
        leftover=None if row[26] is None else Leftover(row[26]),
    )


def entries_behind(last: int, states: Collection[State]) -> str:
    """Return the query for the next batch of entries in some states, behind the one with the id `last`."""
    which = ", ".join(f"'{state.value}'" for state in states)
    return f"{ENTRY} WHERE id > {last} AND state IN ({which}) ORDER BY id LIMIT {BATCH}"


def item_cells(item: UploadItem, *, matching: Matching, order: Order, large_from: int) -> dict[str, Any]:
    """Return the cells that an item fills."""
    identity = item.identity
    size = item.size if identity is None else identity.size
    return {
        "row": item.row,
        "file": stored_text(item.file),
        "destination": item.path,
        "destination_key": destination_key(item.path, matching),
        "state": State.PENDING.value,
        "large": int(size is not None and size >= large_from),
        "order_key": _order_key(item.path, size, order),
        **identity_cells(identity),
        "size": size,
        "expected_size": item.size,
        "expected_md5": item.md5,
        "overwrite": item.overwrite,
        "columns": stored_columns(item.columns),
        "error_type": None,
        "error": None,
        "session_id": item.session_id,
        "leftover": item.leftover,
    }


def identity_cells(identity: SourceIdentity | None) -> dict[str, Any]:
    """Return the cells that a file's identity fills."""
    return {
        "size": None if identity is None else identity.size,
        "device": None if identity is None else _signed(identity.device),
        "inode": None if identity is None else _signed(identity.inode),
        "mtime_ns": None if identity is None else identity.mtime_ns,
        "ctime_ns": None if identity is None else identity.ctime_ns,
    }


def order_expression(order: Order) -> str:
    """Return what `order_key` is, in SQL: the smallest comes first, and of equals the one given first."""
    return {Order.AS_GIVEN: "NULL", Order.NAME: "destination", Order.SMALLEST: "size", Order.LARGEST: "-size"}[order]


def _order_key(path: str, size: int | None, order: Order) -> str | int | None:
    keys = {
        Order.AS_GIVEN: None,
        Order.NAME: path,
        Order.SMALLEST: size,
        Order.LARGEST: None if size is None else -size,
    }
    return keys[order]


def destination_key(path: str, matching: Matching) -> bytes:
    """Return what is the same for destinations that are one.

    A digest, because an index of whole paths would be as large as the journal. The folder's digest comes first, so that
    the files of one folder lie side by side in the index.
    """
    if matching is not Matching.EXACT:
        path = unicodedata.normalize("NFC", path)
    if matching is Matching.FOLDED:
        path = unicodedata.normalize("NFC", path.casefold())
    folder, _, name = path.rpartition("/")
    return _digest(folder, _FOLDER_BYTES) + _digest(name, _MD5_BYTES)


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def stored_text(text: str) -> str | bytes:
    """Return text in the form that a cell can hold: names that are not Unicode as bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _text(cell: str | bytes) -> str:
    return cell if isinstance(cell, str) else cell.decode("utf-8", "surrogatepass")


def stored_md5s(md5s: Iterable[str]) -> bytes:
    """Return MD5s (hex) as they are kept: 16 bytes each."""
    return b"".join(map(bytes.fromhex, md5s))


def _md5s(cell: bytes | None) -> tuple[str, ...]:
    cell = cell or b""
    return tuple(cell[start : start + _MD5_BYTES].hex() for start in range(0, len(cell), _MD5_BYTES))


def stored_columns(columns: Columns) -> str | None:
    """Return further columns as they are kept."""
    return json.dumps(dict(columns), separators=(",", ":")) if columns else None


def _signed(number: int) -> int:
    """Return an unsigned 64-bit number as the signed one that SQLite can hold."""
    return number - _WRAP if number >= _WRAP // 2 else number


def tally_of(connection: sqlite3.Connection) -> Tally:
    """Read the counts."""
    counts: tuple[dict[State, Count], dict[State, Count]] = ({}, {})
    for state, large, files, size in connection.execute("SELECT state, large, files, bytes FROM tally"):
        counts[large][State(state)] = Count(files, size)
    return Tally(*counts)
