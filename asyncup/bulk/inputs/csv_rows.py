"""CSV records with the lines they stand in, of which one wrong one never hides the next. Blocks: for worker threads.

Python's own reader is used, record by record and strictly. A quote that is never closed would swallow the rest of the
file: so a record that goes wrong is given up at its first line, and reading goes on with the second. Must not know what
columns mean.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from asyncup.bulk.inputs.item import Trouble
from asyncup.bulk.inputs.row import BadCell
from asyncup.bulk.inputs.text_lines import Line, LineReader

__all__ = ["CsvRecord", "csv_records"]

LONGEST_RECORD = 100
"""Lines. A cell may hold line ends, but one that holds so many has lost its closing quote."""


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """The cells of one record, or why there are none.

    Attributes:
        line: the number of its first line, counted from 1.
        beginning: that line.
        cells: its cells, when it is good.
        bad: what is wrong with it otherwise.
    """

    line: int
    beginning: str
    cells: tuple[str, ...] = ()
    bad: BadCell | None = None


def csv_records(lines: LineReader) -> Generator[CsvRecord]:
    """Yield every record that is not an empty line."""
    record = _RecordLines(lines)
    reader = csv.reader(record, strict=True)
    while True:
        record.used.clear()
        try:
            cells = next(reader)
        except StopIteration:
            if not record.used:
                return
            bad: BadCell | None = BadCell(Trouble.QUOTES, "a quote is not closed")
            cells = []
        except csv.Error as error:
            bad = BadCell(Trouble.QUOTES, f"it is not CSV: {error}")
            cells = []
        except BadCell as error:
            bad = error
            cells = []
        else:
            bad = None
        first = record.used[0]
        if bad is not None:
            lines.take_back(record.used[1:])
            reader = csv.reader(record, strict=True)
        if bad is not None or cells:
            yield CsvRecord(first.number, first.text, tuple(cells), bad)


class _RecordLines:
    """What Python's reader reads from: it remembers the lines of the record that is being read."""

    def __init__(self, lines: LineReader) -> None:
        self._lines = lines
        self.used: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.used.append(line)
        if line.cut:
            raise BadCell(Trouble.LINE_TOO_LONG, "the line is too long")
        if len(self.used) > LONGEST_RECORD:
            raise BadCell(Trouble.QUOTES, f"a quote is not closed within {LONGEST_RECORD} lines")
        return line.text
