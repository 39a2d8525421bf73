"""A blocking generator of rows as an async iterator: it runs in worker threads, and only as far as it is asked.

Must not know what the rows are.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Generator
from typing import TypeVar

import anyio
import anyio.to_thread

from asyncup.errors import AsyncupError

__all__ = ["MOST_AT_ONCE", "in_thread"]

MOST_AT_ONCE = 512
"""Rows fetched by one visit to a thread, which costs as much as a hundred of them. The first visit fetches one, each
further one twice as many: the first rows are there at once, however slow the disk."""

T = TypeVar("T")


async def in_thread(rows: Generator[T]) -> AsyncGenerator[T]:
    """Yield what `rows` yields. No more than `MOST_AT_ONCE` rows are in memory.

    Close it (`contextlib.aclosing`) when it is not read to its end: that closes `rows`, and the files that it holds.

    Raises:
        AsyncupError: what `rows` raised, after the rows that came before it.
    """
    at_once = 1
    try:
        while True:
            batch, error = await anyio.to_thread.run_sync(_next_rows, rows, at_once)
            for row in batch:
                yield row
            if error is not None:
                raise error
            if len(batch) < at_once:
                return
            at_once = min(2 * at_once, MOST_AT_ONCE)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(rows.close)


def _next_rows(rows: Generator[T], at_once: int) -> tuple[list[T], AsyncupError | None]:
    batch: list[T] = []
    try:
        batch.extend(itertools.islice(rows, at_once))
    except AsyncupError as error:
        return batch, error
    return batch, None
