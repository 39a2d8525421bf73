"""From the named cells of one row to an item, or to what is wrong with it: the same rules for CSV and JSON Lines.

A cell comes as its Python value: text from CSV was made into a number or a boolean before. Must not know files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from asyncup.bulk.inputs.item import NO_COLUMNS, BrokenInput, Columns, Input, Trouble, UploadItem
from asyncup.errors import DestinationError
from asyncup.protocol.paths import file_destination, join

__all__ = ["LARGEST_SIZE", "BadCell", "item_of", "printable"]

LARGEST_SIZE = 2**63 - 1
"""The largest number of bytes that any file system, and the journal, can count."""

_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_LONGEST_NAME = 200


class BadCell(Exception):
    """What is wrong with a row. Never leaves bulk/: it becomes a `BrokenInput`."""

    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.reason = reason


def item_of(
    cells: Mapping[str, Any], columns: Columns, *, row: int, folder: str, destination: str, name: str = ""
) -> Input:
    """Return the row as an item.

    Args:
        cells: `file`, `path`, and where there are such `size`, `md5`, `overwrite`; None is as good as absent.
        columns: the further columns.
        row: the line.
        folder: the local folder that a relative `file` is in.
        destination: the folder in Vault that a `path` without a leading slash is in.
        name: what to call the row when it has neither file nor path.
    """
    try:
        return UploadItem(
            file=_file(cells, folder),
            path=_path(cells, destination),
            size=_size(cells.get("size")),
            md5=_md5(cells.get("md5")),
            overwrite=_overwrite(cells.get("overwrite")),
            columns=columns or NO_COLUMNS,
            row=row,
        )
    except BadCell as bad:
        called = next((c for c in (cells.get("file"), cells.get("path")) if isinstance(c, str) and c), name)
        return BrokenInput(
            name=printable(called), trouble=bad.trouble, reason=printable(bad.reason), row=row, columns=columns
        )


def printable(text: str) -> str:
    """Return the text as one line of bounded length that any terminal and any file can hold."""
    text = text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _text(cells: Mapping[str, Any], column: str, empty: Trouble) -> str:
    value = cells.get(column)
    if value is None:
        raise BadCell(Trouble.MISSING_FIELD, f"{column} is missing")
    if not isinstance(value, str):
        raise BadCell(Trouble.WRONG_TYPE, f"{column} is {_kind(value)}, not text")
    if not value.strip():
        raise BadCell(empty, f"{column} is empty")
    if "\0" in value:
        raise BadCell(Trouble.NUL, f"{column} holds a NUL character")
    return value


def _file(cells: Mapping[str, Any], folder: str) -> str:
    value = _text(cells, "file", Trouble.EMPTY_FILE)
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise BadCell(Trouble.NOT_UTF8, "file is not Unicode") from None
    return os.path.join(folder, value)  # noqa: PTH118 - the name stays as it was written


def _path(cells: Mapping[str, Any], destination: str) -> str:
    value = _text(cells, "path", Trouble.EMPTY_PATH)
    try:
        return file_destination(value if value.startswith("/") else join(destination, value))
    except DestinationError as error:
        raise BadCell(Trouble.DESTINATION, error.message) from None


def _size(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadCell(Trouble.SIZE_NOT_A_NUMBER, f"size is {_kind(value)}, not a number of bytes")
    if value < 0:
        raise BadCell(Trouble.SIZE_NEGATIVE, "size is negative")
    if value > LARGEST_SIZE:
        raise BadCell(Trouble.SIZE_NOT_A_NUMBER, "size is larger than any file can be")
    return value


def _md5(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadCell(Trouble.WRONG_TYPE, f"md5 is {_kind(value)}, not text")
    if not _MD5.fullmatch(value):
        raise BadCell(Trouble.MD5_NOT_HEX, f"md5 is {value!r}, not 32 hexadecimal digits")
    return value.lower()


def _overwrite(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise BadCell(Trouble.OVERWRITE_NOT_BOOLEAN, f"overwrite is {_kind(value)}, not true or false")


def _kind(value: object) -> str:
    """Say what a value is, in JSON's words: text as it stands, of the others the kind."""
    if isinstance(value, str):
        return repr(value)
    kinds = {bool: "a boolean", int: "a number", float: "a fraction", list: "a list", dict: "an object"}
    return kinds.get(type(value), "something else")
