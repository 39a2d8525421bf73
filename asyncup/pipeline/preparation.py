"""What every upload begins with: a clock, an open file, a Vault, a byte budget, and one exception at the end."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, nullcontext

from asyncup.events import EventHook, StageEntered
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.emitter import Emitter
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.open_source import open_source
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.own_task import in_own_task
from asyncup.pipeline.single_error import raise_single_error
from asyncup.pipeline.stage_clock import StageClock
from asyncup.pipeline.transfer import Transfer
from asyncup.vault.calls import on_behalf
from asyncup.vault.client import Vault
from asyncup.vault.transport import Patience

__all__ = ["prepare"]

_DEFAULTS = UploadOptions()
"""Made once: looking whether they are right takes 10 us, and all the bookkeeping of a small file 270."""

_AT_OPENING = 2**16
"""Files up to this size are read as they are opened. What that takes of the budget is not known before: all of it."""


@asynccontextmanager
async def prepare(
    path: str | os.PathLike[str],
    vault: Vault | None,
    options: UploadOptions | None,
    memory: MemoryBudget | None,
    on_event: EventHook | None,
    drain: Drain | None = None,
    *,
    small_up_to: int | None = None,
) -> AsyncIterator[Transfer]:
    """Open the file, and the Vault that the environment names when `vault` is None.

    A file of at most `small_up_to` bytes will be sent in one request: it may be read at once.

    Raises:
        UploadInterrupted: `drain` was requested.
        AsyncupError: one exception, never a group, for anything that goes wrong inside.
    """
    options = options or _DEFAULTS
    emit = Emitter(on_event)
    name = os.fspath(path)
    clock = StageClock(time.perf_counter, lambda stage: emit(StageEntered, name, stage))
    budget = memory or MemoryBudget(options.memory_budget)
    with raise_single_error(name), ExitStack() as room:
        opened = open_source(
            path,
            changes=options.source_changes,
            page_cache=options.page_cache,
            whole_up_to=_room_to_read(budget, room, small_up_to),
        )
        # The caller's Vault stays open, one of our own is closed.
        connected = _vault_of_environment(on_event) if vault is None else nullcontext(vault)
        async with opened as source, connected as client:
            if source.whole is None:
                room.close()
            patience = Patience(options.stall_timeout_s, options.answer_timeout_s)
            with on_behalf(options.retry, on_event, patience), (drain or Drain()).lane() as lane:
                yield Transfer(client, source, options, budget, clock, emit, lane, memory_is_shared=memory is not None)


def _room_to_read(budget: MemoryBudget, room: ExitStack, small_up_to: int | None) -> int | None:
    """Return how many bytes may be read as the file is opened: none when that had to be waited for."""
    if small_up_to is None:
        return None
    length = min(small_up_to, _AT_OPENING)
    if not budget.take_now(length):
        return None
    room.callback(budget.give_back, length)
    return length


@asynccontextmanager
async def _vault_of_environment(on_event: EventHook | None) -> AsyncIterator[Vault]:
    own = Vault.from_environment(on_event=on_event)
    try:
        yield own
    finally:
        await _close(own)


@in_own_task
async def _close(vault: Vault) -> None:
    await vault.aclose()
