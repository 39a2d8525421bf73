"""`upload_many`: many local files into file staging, one result for each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

import anyio

from asyncup.bulk.journal.entry import RunKey
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run.events import RunHook
from asyncup.bulk.run.feeder import RunInputs
from asyncup.bulk.run.open_run import open_run
from asyncup.bulk.run.options import BulkOptions
from asyncup.bulk.run.run import BulkRun
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.vault.client import Vault

__all__ = ["upload_many"]


def upload_many(  # noqa: PLR0913 - all but one are keyword-only, and most have a default
    items: RunInputs,
    *,
    vault: Vault,
    journal: str | os.PathLike[str],
    key: RunKey | None = None,
    options: UploadOptions | None = None,
    bulk: BulkOptions | None = None,
    memory: MemoryBudget | None = None,
    on_event: RunHook | None = None,
    drain: Drain | None = None,
) -> AsyncGenerator[FileResult]:
    """Upload many files, and yield one result for each that comes to its end. Calling it again is the resume.

    Nothing that concerns one file is raised: it is in that file's result, and the others go on. The journal remembers
    what became of each: a second call on the same journal yields only what the first one did not come to, and sends
    only what Vault lacks. Two at a time on one journal are refused.

    Close it when it is not taken to its end: the run is then ended at once, which a second call makes good.

        async with aclosing(upload_many(items, vault=vault, journal="weekend.journal")) as results:
            async for result in results:
                ...

    Args:
        items: pairs of a local file and its destination, `UploadItem`s of `asyncup.bulk.inputs.item`, or what
            `walk_folder` and `read_manifest` yield; any iterable, which is read in worker threads, or async iterable.
            Pairs are known by their position: give a second call the same ones in the same order.
        vault: the Vault, already entered.
        journal: the journal's file, in a folder that exists.
        key: what the run is, so that the journal of another one is refused.
        options: how each file is sent; its `memory_budget` is not used.
        bulk: how the run goes about its files.
        memory: a byte budget shared with other uploads; None makes one of `bulk.memory`.
        on_event: told of everything, see `asyncup.events` and `asyncup.bulk.run.events`.
        drain: ends the run early and in order: what is on its way to Vault may arrive, and nothing new is begun.

    Yields:
        What became of each input.

    Raises:
        AsyncupError: the run could not go on: Vault is away for good, or does not let us in; the journal cannot be
            used; the source cannot be read. What was not come to stays in the journal.
    """
    return _results_of(
        open_run(
            items,
            vault=vault,
            journal=journal,
            key=key,
            options=options,
            bulk=bulk,
            memory=memory,
            on_event=on_event,
            drain=drain,
        )
    )


async def _results_of(opening: AbstractAsyncContextManager[BulkRun]) -> AsyncGenerator[FileResult]:
    put, take = anyio.create_memory_object_stream[FileResult](0)
    scope = anyio.CancelScope()

    async def work() -> None:
        with put, scope:
            async with opening as run:
                async for result in run.results():
                    await put.send(result)

    # In a task of its own, because no cancel scope may be open while a generator is left: the caller's own scopes
    # would be closed in another order than they were opened in.
    working = asyncio.create_task(work())
    try:
        async for result in take:
            yield result
    finally:
        scope.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([working])
        take.close()  # not before: whoever is about to send would take it for an error
    working.result()
