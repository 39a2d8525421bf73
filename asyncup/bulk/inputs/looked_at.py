"""Inputs in batches that are ready for the journal: each local file was looked at, for its size decides on its lane.

A file that is missing, or is no file, stays an item, without an identity: sending it fails, and says why. Must not know
the journal.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import replace

import anyio.to_thread

from asyncup.bulk.inputs.in_thread import MOST_AT_ONCE
from asyncup.bulk.inputs.item import Input, UploadItem
from asyncup.pipeline.source import SourceIdentity

__all__ = ["identity_of", "is_other_file", "look_at_all", "looked_at"]


async def looked_at(inputs: AsyncIterable[Input], *, most: int = MOST_AT_ONCE) -> AsyncGenerator[list[Input]]:
    """Yield batches of up to `most` inputs, in their order; the first ones are smaller, so that work begins at once.

    A source that is slow to yield, such as a program's own, wants `most=1`: a batch is yielded when it is full.
    """
    at_once = 1
    batch: list[Input] = []
    async for found in inputs:
        batch.append(found)
        if len(batch) == at_once:
            yield await anyio.to_thread.run_sync(look_at_all, batch)
            batch, at_once = [], min(2 * at_once, most)
    if batch:
        yield await anyio.to_thread.run_sync(look_at_all, batch)


def look_at_all(inputs: list[Input]) -> list[Input]:
    """Return the inputs, each with the identity of its file where there is one. Blocks."""
    return [_look_at(found) if isinstance(found, UploadItem) and found.identity is None else found for found in inputs]


def _look_at(item: UploadItem) -> UploadItem:
    return replace(item, identity=identity_of(item.file))


def identity_of(file: str) -> SourceIdentity | None:
    """Return what a file is now; None when it is missing, or none. Blocks."""
    try:
        status = os.stat(file)  # noqa: PTH116 - the name as it was written
    except (OSError, ValueError):
        return None
    return SourceIdentity.of(status) if stat.S_ISREG(status.st_mode) else None


def is_other_file(known: SourceIdentity | None, found: SourceIdentity | None) -> bool:
    """Tell whether a file was written since. Not by inode or ctime: a copied tree is the same files."""
    if known is None or found is None:
        return False
    return (known.size, known.mtime_ns) != (found.size, found.mtime_ns)
