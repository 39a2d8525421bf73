"""Opening a bulk run, for those who want to look at it while it works.

    async with open_run(inputs, vault=vault, journal="weekend.journal") as run:
        async for result in run.results():
            print(run.snapshot().rate_now, result)

`upload_many` is the same for those who only want the results.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from asyncup.bulk.journal.entry import RunKey
from asyncup.bulk.journal.journal import open_journal
from asyncup.bulk.run.events import RunHook
from asyncup.bulk.run.feeder import RunInputs
from asyncup.bulk.run.options import LEAST_PARTS, BulkOptions
from asyncup.bulk.run.run import BulkRun
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.single_error import only_error
from asyncup.vault.client import Vault

__all__ = ["open_run"]

_BY_A_PROGRAM = "a program"


@asynccontextmanager
async def open_run(  # noqa: PLR0913 - all but one are keyword-only, and most have a default
    inputs: RunInputs,
    *,
    vault: Vault,
    journal: str | os.PathLike[str],
    key: RunKey | None = None,
    source_folder: str | os.PathLike[str] | None = None,
    options: UploadOptions | None = None,
    bulk: BulkOptions | None = None,
    memory: MemoryBudget | None = None,
    on_event: RunHook | None = None,
    drain: Drain | None = None,
    still_wanted: Callable[[str], bool] | None = None,
) -> AsyncIterator[BulkRun]:
    """Begin a run, or go on with one, and yield it while it works; leaving this earlier ends it at once.

    To end it in order request `drain`, and take the remaining results. Whatever has not come to its end stays in the
    journal, for the next run on it.

    Args:
        inputs: as for `upload_many`.
        vault: already entered. While the run goes on, all of its calls are measured and slowed down with the run's.
        journal: the journal's file; see `asyncup.bulk.journal.journal`.
        key: what the run is: the journal of another one is refused. None for a program's items.
        source_folder: the folder that is uploaded, if one is: the journal must not be in it.
        options: how each file is sent; its `memory_budget` is not used.
        bulk: how the run goes about its files.
        memory: a byte budget shared with other uploads; None makes one of `bulk.memory`.
        on_event: told of everything that happens to the files and to the run.
        drain: ends the run early and in order.
        still_wanted: asked about each file that an earlier run has not brought to Vault. One that is not wanted is
            an input no longer, and its upload session is aborted.

    Raises:
        ConfigurationError: the journal is in use, another run's, or cannot be used.
        AsyncupError: the run could not go on, and nobody took the results to their end, who would have been told.
    """
    options, bulk = _for_many_files(options or UploadOptions()), bulk or BulkOptions()
    key = key or RunKey(source=_BY_A_PROGRAM, destination="/", matching=bulk.matching)
    large_from = _large_from(vault, options, bulk)
    opening = open_journal(
        journal, key, order=bulk.order, large_from=large_from, now_s=time.time(), source_folder=source_folder
    )
    async with opening as known:
        memory, drain = memory or MemoryBudget(bulk.memory), drain or Drain()
        run = BulkRun(
            inputs,
            vault,
            known,
            options=options,
            bulk=bulk,
            large_from=large_from,
            memory=memory,
            hook=on_event,
            drain=drain,
            still_wanted=still_wanted,
        )
        async with _working(run):
            yield run


@asynccontextmanager
async def _working(run: BulkRun) -> AsyncIterator[None]:
    """Let a run work while the body takes its results, and end it with the body."""
    with run.results_closed_behind(), only_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run.work)
            yield
            tasks.cancel_scope.cancel()
    run.raise_error()


def _for_many_files(options: UploadOptions) -> UploadOptions:
    return replace(options, least_parts=options.least_parts or LEAST_PARTS)


def _large_from(vault: Vault, options: UploadOptions, bulk: BulkOptions) -> int:
    """Return the bytes from which on a file needs an upload session."""
    most = vault.limits.max_item_size
    if options.small_file_max is not None:
        most = min(most, options.small_file_max)
    return most + 1 if bulk.large_from is None else min(most + 1, bulk.large_from)
