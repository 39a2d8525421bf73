"""Rows of a listing as a user sees them, for JSON answers and for CSV results.

Must not know how they are sent. Form documented in vault-api.md 2.1; the slash after a folder is a
switch.
"""

import csv
import io
from collections.abc import Iterable
from typing import Any

from .clock import iso
from .config import User
from .paths import as_seen_by
from .staging import Row
from .switches import Switches

COLUMNS = ("kind", "path", "name", "size", "modified_date")


def row_facts(row: Row, viewer: User, switches: Switches) -> dict[str, Any]:
    path = as_seen_by(viewer, row.path)
    if row.file is None:
        slash = "/" if switches.folder_slash else ""
        return {"kind": "folder", "path": path + slash, "name": row.name}
    return {
        "kind": "file",
        "path": path,
        "name": row.name,
        "size": row.file.size,
        "modified_date": iso(row.file.modified_at),
    }


def as_csv(rows: Iterable[Row], viewer: User, switches: Switches) -> str:
    """The CSV of `format_result=csv`: everything quoted, as in the documented header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row_facts(row, viewer, switches) for row in rows)
    return text.getvalue()
