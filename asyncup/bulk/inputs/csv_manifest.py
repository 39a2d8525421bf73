"""A manifest in CSV: the first line names the columns. Blocks: for worker threads.

Columns are separated by commas, cells are quoted as in RFC 4180, the text is UTF-8. `file` and `path` must be among the
columns, `size`, `md5` and `overwrite` may be, all others are carried through. `results.csv` of an earlier run is
recognised by its first columns; what it tells of that run is left out. Must not know the journal.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncup.bulk.errors import ManifestError
from asyncup.bulk.inputs.csv_rows import CsvRecord, csv_records
from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble
from asyncup.bulk.inputs.result_columns import RESULT_COLUMNS, told_by_result
from asyncup.bulk.inputs.row import BadCell, item_of, printable
from asyncup.bulk.inputs.text_lines import LineReader

__all__ = ["read_csv"]

_OURS = ("file", "path", "size", "md5", "overwrite")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_csv(lines: LineReader, *, name: str, folder: str, destination: str) -> Generator[Input]:
    """Yield an input for every record behind the first.

    Raises:
        ManifestError: the first record does not name the columns.
    """
    records = csv_records(lines)
    header = _header(next(records, None), name)
    for record in records:
        cells, columns, bad = _cells(record, header)
        if bad is not None:
            called = cells.get("file") or cells.get("path") or record.beginning.strip()
            yield BrokenInput(
                name=printable(called), trouble=bad.trouble, reason=printable(bad.reason), row=record.line
            )
            continue
        yield item_of(cells, columns, row=record.line, folder=folder, destination=destination)


@dataclass(frozen=True, slots=True)
class _Header:
    """The names of the columns, and how many of them are those of a result of ours."""

    names: tuple[str, ...]
    results: int


def _header(record: CsvRecord | None, manifest: str) -> _Header:
    if record is None:
        raise ManifestError(f"{manifest} is empty", hint="Its first line must be such as: file,path")
    if record.bad is not None:
        raise ManifestError(f"{manifest}: line {record.line}: {record.bad.reason}", hint="It must name the columns")
    names = tuple(cell.strip() for cell in record.cells)
    if names[: len(RESULT_COLUMNS)] == RESULT_COLUMNS:
        return _Header(names, len(RESULT_COLUMNS))
    for needed in ("file", "path"):
        if needed not in names:
            raise ManifestError(
                f"{manifest} has no column {needed!r}, only {', '.join(map(repr, names))}",
                hint="Its first line must be such as: file,path,size",
            )
    if "" in names:
        raise ManifestError(f"{manifest}: column {names.index('') + 1} has no name", hint="Name it or remove it")
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise ManifestError(f"{manifest} has two columns {twice!r}", hint="Rename one of them")
    return _Header(names, 0)


def _cells(record: CsvRecord, header: _Header) -> tuple[Mapping[str, Any], dict[str, str], BadCell | None]:
    """Return our cells by name, the further columns, and what is wrong with the record as a whole."""
    cells = record.cells
    # With a result of ours, a further column may have the name of one of ours.
    texts = dict(zip(header.names[: header.results or None], cells, strict=False))
    if record.bad is not None:
        return {}, {}, record.bad
    bad = _wrong_as_a_whole(cells, len(header.names))
    if bad is not None:
        return texts, {}, bad
    if header.results:
        told = told_by_result(texts)
        columns = dict(zip(header.names[header.results :], cells[header.results :], strict=True))
    else:
        told = texts
        columns = {name: texts[name] for name in header.names if name not in _OURS}
    values: dict[str, Any] = {"file": told["file"], "path": told["path"]}
    values["size"] = _size(told.get("size", "").strip())
    values["md5"] = told.get("md5", "").strip() or None
    values["overwrite"] = _overwrite(told.get("overwrite", "").strip())
    return values, columns, None


def _wrong_as_a_whole(cells: Sequence[str], wanted: int) -> BadCell | None:
    if len(cells) < wanted:
        return BadCell(Trouble.TOO_FEW_CELLS, f"it has {len(cells)} cells, the first line names {wanted}")
    if len(cells) > wanted:
        return BadCell(Trouble.TOO_MANY_CELLS, f"it has {len(cells)} cells, the first line names {wanted}")
    joined = "".join(cells)
    if "\0" in joined:
        return BadCell(Trouble.NUL, "it holds a NUL character")
    try:
        joined.encode()
    except UnicodeEncodeError:
        return BadCell(Trouble.NOT_UTF8, "it holds bytes that are not UTF-8")
    return None


def _size(text: str) -> int | str | None:
    if not text:
        return None
    # The limit keeps Python from refusing a number of thousands of digits; no size has as many.
    return int(text[:40]) if _NUMBER.fullmatch(text) else text


def _overwrite(text: str) -> bool | str | None:
    return _BOOLEANS.get(text.lower(), text) if text else None
