"""What comes after the upload: a CSV for Vault Loader or Create Multiple Documents, in Vault's dialect.

Documented (load data objects, create multiple documents): UTF-8, cells quoted as in RFC 4180, every backslash doubled,
no bare carriage return in a cell, at most 500 rows in one call of Create Multiple Documents; `file` is the path in file
staging. Only what is in Vault gets a row. Blocks: for worker threads. Must not know the journal.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from asyncup.bulk.journal.entry import Entry, State
from asyncup.bulk.report.cells import cell_text
from asyncup.bulk.report.whole_file import written_whole

__all__ = ["MOST_ROWS_IN_A_CALL", "LoaderCsv"]

MOST_ROWS_IN_A_CALL = 500
"""Documented (create multiple documents)."""

_IN_VAULT = frozenset({State.DONE, State.SKIPPED})


class LoaderCsv:
    """Writes `loader.csv`, or `loader-0001.csv` and so on. A context manager.

    Args:
        folder: the report folder, which is there already.
        further: the names of the manifest's further columns: these, behind `file`, are the columns.
        rows_per_file: how many rows one file gets at most; None writes one file.
        leading_slash: whether staging paths begin with one. Both are seen to work; Vault's own answers have it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        further: Sequence[str],
        *,
        rows_per_file: int | None = None,
        leading_slash: bool = True,
    ) -> None:
        self._folder = Path(folder)
        self._further = tuple(further)
        self._rows_per_file = rows_per_file
        self._leading_slash = leading_slash
        self._rows = 0
        self._file = ExitStack()
        self._write_row: Callable[[Sequence[str]], object] | None = None
        self.paths: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def write(self, entry: Entry) -> None:
        """Write the row of an entry that is in Vault; others get none."""
        if entry.state not in _IN_VAULT or entry.destination is None:
            return
        if self._write_row is None or self._rows == self._rows_per_file:
            self._next_file()
        assert self._write_row is not None  # noqa: S101 - the line above
        path = entry.destination if self._leading_slash else entry.destination.removeprefix("/")
        self._write_row([_in_dialect(text) for text in (path, *self._texts(entry))])
        self._rows += 1

    def write_all(self, entries: Iterable[Entry]) -> None:
        """Write the rows of all these."""
        for entry in entries:
            self.write(entry)

    def _texts(self, entry: Entry) -> Iterable[str]:
        return (cell_text(entry.columns.get(name)) for name in self._further)

    def _next_file(self) -> None:
        self._file.close()
        self._rows = 0
        number = len(self.paths) + 1
        name = "loader.csv" if self._rows_per_file is None else f"loader-{number:04}.csv"
        self.paths.append(self._folder / name)
        self._write_row = self._file.enter_context(_table(self.paths[-1]))
        self._write_row([_in_dialect(name) for name in ("file", *self._further)])


@contextmanager
def _table(path: Path) -> Generator[Callable[[Sequence[str]], object]]:
    with written_whole(path) as file:
        yield csv.writer(file, lineterminator="\r\n").writerow


def _in_dialect(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\\", "\\\\")
