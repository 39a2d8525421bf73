"""One visit to a thread, for what a disk may hold up and never for long: opening a file, reading little, closing it.

However the caller is cancelled, by a scope or by asyncio's `Task.cancel`, it is not before the thread has done its
work: what would go on there is an open file that nobody closes, or memory that is somebody else's by then. By the event
loop's own threads: anyio's take the loop three turns more, which is much beside sending a small file. Must not know
files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, TypeVarTuple, Unpack

import anyio

__all__ = ["to_its_end", "visit_thread"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def visit_thread(work: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
    """Return what `work` returns in a thread. When the caller was cancelled meanwhile, that is lost."""
    return await to_its_end(asyncio.get_running_loop().run_in_executor(None, work, *arguments))


async def to_its_end(visit: asyncio.Future[T], *, on_cancelled: Callable[[], object] = lambda: None) -> T:
    """Return the result of what ends soon, and let it end, however the caller is cancelled meanwhile.

    The scope is opened by who is cancelled only: it takes as long as the rest of this.

    Args:
        visit: what ends soon.
        on_cancelled: called when the caller is cancelled before that, so that it ends sooner.
    """
    try:
        await asyncio.shield(visit)
    except asyncio.CancelledError:
        on_cancelled()
        with anyio.CancelScope(shield=True):
            while not visit.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([visit])
        visit.exception()  # seen: else the event loop complains that nobody looked
        raise
    return visit.result()
