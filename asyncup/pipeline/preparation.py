"""What every upload begins with: a clock, an open file, a Vault, a byte budget, and one exception at the end."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncup.events import Event, EventHook, StageEntered
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.single_error import raise_single_error
from asyncup.pipeline.source import open_source
from asyncup.pipeline.stage_clock import StageClock
from asyncup.pipeline.transfer import Transfer
from asyncup.vault.calls import on_behalf
from asyncup.vault.client import Vault
from asyncup.vault.transport import Patience

__all__ = ["prepare"]


@asynccontextmanager
async def prepare(
    path: str | os.PathLike[str],
    vault: Vault | None,
    options: UploadOptions | None,
    memory: MemoryBudget | None,
    on_event: EventHook | None,
    drain: Drain | None = None,
) -> AsyncIterator[Transfer]:
    """Open the file, and the Vault that the environment names when `vault` is None.

    Raises:
        UploadInterrupted: `drain` was requested.
        AsyncupError: one exception, never a group, for anything that goes wrong inside.
    """
    options = options or UploadOptions()
    emit = on_event or _ignore
    name = os.fspath(path)
    clock = StageClock(time.perf_counter, lambda stage: emit(StageEntered(name, stage)))
    with raise_single_error(name):
        opened = open_source(path, changes=options.source_changes, page_cache=options.page_cache)
        async with opened as source, _vault_or_environment(vault, on_event) as client:
            patience = Patience(options.stall_timeout_s, options.answer_timeout_s)
            with on_behalf(options.retry, on_event, patience), (drain or Drain()).lane() as lane:
                budget = memory or MemoryBudget(options.memory_budget)
                yield Transfer(client, source, options, budget, clock, emit, lane)


@asynccontextmanager
async def _vault_or_environment(vault: Vault | None, on_event: EventHook | None) -> AsyncIterator[Vault]:
    """Yield the caller's Vault, which stays open, or one of our own, which is closed."""
    if vault is not None:
        yield vault
        return
    async with Vault.from_environment(on_event=on_event) as own:
        yield own


def _ignore(_: Event) -> None:
    """Nobody listens."""
