"""The report of a run, from its journal: results, the CSV for Vault Loader, and the sums. Blocks: for worker threads.

Must not know runs: the journal tells it all, whenever a run ended and however.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from asyncup.bulk.journal.entry import Entry, State
from asyncup.bulk.journal.view import JournalView
from asyncup.bulk.report.loader_csv import LoaderCsv
from asyncup.bulk.report.results import RESULTS_CSV, RESULTS_JSONL, result_files
from asyncup.bulk.report.totals import Losses, RunTotals, losses_of

__all__ = ["Report", "write_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was written, and what it comes to.

    Attributes:
        totals: inputs by what became of them.
        losses: why some are not in Vault.
        results: the files with a record per input.
        loader: the files for Vault Loader.
    """

    totals: RunTotals
    losses: Losses
    results: tuple[Path, ...]
    loader: tuple[Path, ...]


def write_report(
    journal: str | os.PathLike[str], folder: str | os.PathLike[str], *, loader_rows: int | None = None
) -> Report:
    """Write the results of all inputs in a journal into a folder, which is made.

    Args:
        journal: the journal's file; the run has ended.
        folder: where to.
        loader_rows: how many rows a CSV for Vault Loader gets at most; None writes none.

    Raises:
        JournalUnusable: the journal cannot be read.
        OSError: the folder's disk failed.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with closing(JournalView(journal)) as view, ExitStack() as files:
        names = _further_names(view.entries())
        write = files.enter_context(result_files(place, names))
        loader = None
        if loader_rows is not None:
            loader = files.enter_context(LoaderCsv(place, names, rows_per_file=loader_rows))
        for entry in view.entries():
            write(entry)
            if loader is not None:
                loader.write(entry)
        return Report(
            totals=RunTotals.of(view.tally()),
            losses=losses_of(view.entries({State.FAILED, State.BROKEN})),
            results=(place / RESULTS_JSONL, place / RESULTS_CSV),
            loader=tuple(loader.paths) if loader is not None else (),
        )


def _further_names(entries: Iterable[Entry]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for entry in entries:
        names |= dict.fromkeys(entry.columns)
    return tuple(names)
