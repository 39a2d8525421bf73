"""A manifest in JSON Lines: one object per line, with the names of the CSV's columns. Blocks: for worker threads.

A line of `results.jsonl` of an earlier run is recognised by its first key; what it tells of that run is left out. Must
not know the journal.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, NoReturn

from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble
from asyncup.bulk.inputs.result_columns import RESULT_MARK, told_by_result
from asyncup.bulk.inputs.row import BadCell, item_of, printable
from asyncup.bulk.inputs.text_lines import Line, LineReader

__all__ = ["json_object", "read_jsonl"]

_OURS = ("file", "path", "size", "md5", "overwrite")


def read_jsonl(lines: LineReader, *, folder: str, destination: str) -> Generator[Input]:
    """Yield an input for every line that is not empty."""
    for line in lines:
        beginning = line.text.strip()
        if not beginning:
            continue
        try:
            found = json_object(line)
        except BadCell as bad:
            yield BrokenInput(name=printable(beginning), trouble=bad.trouble, reason=bad.reason, row=line.number)
            continue
        if RESULT_MARK in found:
            further = found.get("columns")
            found, columns = told_by_result(found), further if isinstance(further, dict) else {}
        else:
            columns = {name: value for name, value in found.items() if name not in _OURS}
        yield item_of(
            found, columns, row=line.number, folder=folder, destination=destination, name=printable(beginning)
        )


def json_object(line: Line) -> dict[str, Any]:
    """Return the object that a line holds.

    Raises:
        BadCell: it holds none.
    """
    if line.cut:
        raise BadCell(Trouble.LINE_TOO_LONG, "the line is too long")
    try:
        line.text.encode()
    except UnicodeEncodeError:
        raise BadCell(Trouble.NOT_UTF8, "it holds bytes that are not UTF-8") from None
    try:
        found = json.loads(line.text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadCell(Trouble.INVALID_JSON, printable(f"it is not JSON: {error}")) from None
    if not isinstance(found, dict):
        raise BadCell(Trouble.NOT_AN_OBJECT, "it is JSON, but not an object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
