"""The results of a run: one record per input, in `results.jsonl` and `results.csv` of the report folder.

Both are manifests: given to another run they send everything again, and `read_failed` yields only what is not in Vault.
They are written to a temporary name and renamed when they are whole, entry by entry, never as a list. Blocks: for
worker threads. Must not know who asks for them, or when.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, Unpack

import anyio
import anyio.to_thread

from asyncup.bulk.errors import ManifestError
from asyncup.bulk.inputs.in_thread import in_thread
from asyncup.bulk.inputs.item import BrokenInput, Columns, Input, Leftover, Trouble, UploadItem
from asyncup.bulk.inputs.jsonl_manifest import json_object
from asyncup.bulk.inputs.looked_at import identity_of
from asyncup.bulk.inputs.result_columns import RESULT_COLUMNS, RESULT_MARK, RESULT_VERSION, told_by_result
from asyncup.bulk.inputs.row import BadCell, item_of, printable
from asyncup.bulk.inputs.text_lines import LineReader, open_lines
from asyncup.bulk.journal.entry import Entry, State
from asyncup.bulk.journal.rows import BATCH
from asyncup.bulk.report.cells import cell_text
from asyncup.bulk.report.whole_file import written_whole

__all__ = [
    "PLACED",
    "RESULTS_CSV",
    "RESULTS_JSONL",
    "SUCCESS",
    "failed_rows",
    "further_names",
    "read_failed",
    "result_files",
    "result_of",
    "write_results",
]

RESULTS_JSONL = "results.jsonl"
RESULTS_CSV = "results.csv"
SUCCESS = "SUCCESS"
"""What DONE is called in a result. The other states keep their names; PENDING means that the run ended before it."""

PLACED = frozenset({SUCCESS, State.SKIPPED.value})
"""What the states of files that are in Vault are called in a result."""

MOST_MD5S_IN_A_CELL = 1000
"""With more of them the cell of `results.csv` is empty, because readers of CSV have limits. `results.jsonl` has all."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def result_of(entry: Entry) -> dict[str, Any]:
    """Return an entry as the keys of a result line, in their order, without the further columns."""
    cells = {
        RESULT_MARK: RESULT_VERSION,
        "row": entry.row,
        "state": SUCCESS if entry.state is State.DONE else entry.state.value,
        "file": entry.file,
        "path": entry.destination,
        "size": entry.size,
        "expected_size": entry.expected_size,
        "md5": entry.expected_md5,
        "overwrite": entry.overwrite,
        "md5s": list(entry.md5s),
        "parts": entry.parts,
        "attempts": entry.attempts,
        "seconds": None if entry.seconds is None else round(entry.seconds, 6),
        "calls": entry.calls,
        "bytes_written": entry.bytes_written,
        "session_id": entry.session_id,
        "leftover": entry.leftover,
        "mtime_ns": None if entry.identity is None else entry.identity.mtime_ns,
        "job_id": entry.job_id,
        "error_type": entry.error_type,
        "error": entry.error,
    }
    return {name: cells[name] for name in RESULT_COLUMNS}


@contextmanager
def result_files(folder: str | os.PathLike[str], further: Iterable[str] = ()) -> Generator[Callable[[Entry], None]]:
    """Yield a function that writes an entry to both files, which are there when this is left without an exception.

    Args:
        folder: the report folder, which is there already.
        further: the names of the manifest's further columns, for the CSV: its first line must name them all.
    """
    names = tuple(further)
    with (
        written_whole(Path(folder) / RESULTS_JSONL) as lines,
        written_whole(Path(folder) / RESULTS_CSV) as table,
    ):
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow((*RESULT_COLUMNS, *names))

        def write(entry: Entry) -> None:
            result = result_of(entry)
            lines.write(json.dumps(result | ({"columns": dict(entry.columns)} if entry.columns else {})))
            lines.write("\n")
            if len(entry.md5s) > MOST_MD5S_IN_A_CELL:
                result["md5s"] = None
            rows.writerow([*map(cell_text, result.values()), *(cell_text(entry.columns.get(name)) for name in names)])

        yield write


async def write_results(
    folder: str | os.PathLike[str], entries: AsyncIterable[Entry], *, further: Iterable[str] = ()
) -> int:
    """Write a report from entries such as `Journal.entries` yields; return how many they were.

    Raises:
        OSError: the report folder's disk failed; then there is no new report, and an old one is as it was.
    """
    written = 0
    files = ExitStack()
    try:
        write = await _in_thread(files.enter_context, result_files(folder, further))
        batch: list[Entry] = []
        async for entry in entries:
            batch.append(entry)
            if len(batch) == BATCH:
                await _in_thread(_write_all, write, batch)
                written += len(batch)
                batch = []
        await _in_thread(_write_all, write, batch)
        await _in_thread(files.close)
    except BaseException as error:
        with suppress(type(error)):
            await _in_thread(files.__exit__, type(error), error, error.__traceback__)
        raise
    return written + len(batch)


async def further_names(entries: AsyncIterable[Entry]) -> tuple[str, ...]:
    """Return the names of all further columns that entries have, in the order in which they are first seen."""
    names: dict[str, None] = {}
    async for entry in entries:
        names |= dict.fromkeys(entry.columns)
    return tuple(names)


async def _in_thread(work: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
    """Do something that must not be left in the middle."""
    with anyio.CancelScope(shield=True):
        return await anyio.to_thread.run_sync(work, *arguments)
    raise AssertionError("the scope was not cancelled")


def _write_all(write: Callable[[Entry], None], entries: list[Entry]) -> None:
    for entry in entries:
        write(entry)


def read_failed(path: str | os.PathLike[str]) -> AsyncGenerator[Input]:
    """Yield the inputs of a `results.jsonl` that are not in Vault; close it when it is not read to the end.

    What failed, and what the run did not come to, are items again; what was broken is broken still. Their rows are the
    lines of this file.

    Raises:
        ManifestError: it cannot be read, or a line of it is no result.
    """
    return in_thread(failed_rows(path))


def failed_rows(path: str | os.PathLike[str]) -> Generator[Input]:
    """Yield what `read_failed` yields; blocks."""
    name, folder = os.fspath(path), os.fspath(Path(path).absolute().parent)
    with open_lines(path) as file:
        for line in LineReader(file):
            try:
                result = json_object(line)
            except BadCell as bad:
                raise ManifestError(f"{name}: line {line.number}: {bad.reason}", hint="Give a results.jsonl") from None
            state = result.get("state")
            if RESULT_MARK not in result or not (state == SUCCESS or state in State.__members__):
                raise ManifestError(f"{name}: line {line.number} is no result", hint="Give a results.jsonl")
            if state in PLACED:
                continue
            columns = result.get("columns")
            further: Columns = columns if isinstance(columns, dict) else {}
            if state == State.BROKEN:
                yield _still_broken(result, further, line.number)
            else:
                found = item_of(told_by_result(result), further, row=line.number, folder=folder, destination="/")
                yield replace(found, **_left(result)) if isinstance(found, UploadItem) else found


def _left(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the attempt has left in Vault: the next one goes on from there. Blocks."""
    session_id, leftover = result.get("session_id"), Leftover.__members__.get(str(result.get("leftover")))
    if leftover is None and result.get("attempts") and _written_since(result):
        leftover = Leftover.OUTDATED
    return {"session_id": session_id if isinstance(session_id, str) else None, "leftover": leftover}


def _written_since(result: dict[str, Any]) -> bool:
    mtime_ns = result.get("mtime_ns")
    now = identity_of(str(result.get("file")))
    return mtime_ns is not None and now is not None and now.mtime_ns != mtime_ns


def _still_broken(result: dict[str, Any], columns: Columns, row: int) -> BrokenInput:
    known = Trouble.__members__.get(str(result.get("error_type")))
    return BrokenInput(
        name=printable(str(result.get("file"))),
        trouble=known or Trouble.WRONG_TYPE,
        reason=printable(str(result.get("error"))),
        row=row,
        columns=columns,
    )
