"""Items of a listing as people and scripts read them, one line each: a listing may be endless. Pure."""

from __future__ import annotations

import json

from asyncup.cli.messages import one_line
from asyncup.cli.sizes import show_bytes
from asyncup.cli.vault_times import show_date
from asyncup.protocol.responses import Item

__all__ = ["item_as_json", "item_as_line", "item_as_long_line"]


def item_as_line(item: Item) -> str:
    """Return the path; a folder's ends in a slash, however Vault writes it."""
    path = one_line(item.path)
    return path if item.is_file else path.rstrip("/") + "/"


def item_as_long_line(item: Item) -> str:
    """Return size, date and path."""
    size = "-" if item.size is None else show_bytes(item.size)
    return f"{size:>9}  {show_date(item.modified_date):<16}  {item_as_line(item)}"


def item_as_json(item: Item) -> str:
    """Return the JSON object, on one line."""
    return json.dumps(
        {"kind": item.kind, "path": item.path, "size": item.size, "modified_date": item.modified_date},
    )
