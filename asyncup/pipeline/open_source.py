"""Opening a local file for reading, off the event loop, and closing it however the upload ends.

A small file is opened, read and hashed by one visit to a thread. A larger one is held open by aiofiles, for the parts
that are read from it. Must not know parts, upload sessions or Vault.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiofiles
import anyio
import anyio.lowlevel
from aiofiles.threadpool.binary import AsyncFileIO

from asyncup.errors import SourceError, SourceNotAFile, SourceNotFound, SourceUnreadable
from asyncup.pipeline import whole_file
from asyncup.pipeline.gathered_visits import visit_thread
from asyncup.pipeline.options import PageCachePolicy, SourceChanges
from asyncup.pipeline.source import Source, SourceIdentity
from asyncup.pipeline.thread_visit import to_its_end

__all__ = ["open_source"]


@asynccontextmanager
async def open_source(
    path: str | os.PathLike[str],
    *,
    changes: SourceChanges = "fail",
    page_cache: PageCachePolicy = "keep",
    whole_up_to: int | None = None,
) -> AsyncIterator[Source]:
    """Open a regular file for reading, off the event loop, and close it at the end.

    A file of up to `whole_up_to` bytes is opened, read and hashed by one visit to a thread, because each costs as much
    as a quarter of sending it: it is in `Source.whole`.

    Raises:
        SourceNotFound: there is no such file.
        SourceNotAFile: it is a directory, a pipe, a device.
        SourceUnreadable: the system refuses to open it.
        SourceChanged: it was changed while it was read.
    """
    name = os.fspath(path)
    if whole_up_to is not None:
        async with _read_at_once(name, changes, page_cache, whole_up_to) as small:
            if small is not None:
                yield small
                return
    async with _held_open(name) as (fd, status):
        yield Source(name, fd, SourceIdentity.of(status), changes=changes, page_cache=page_cache)


@asynccontextmanager
async def _read_at_once(
    name: str, changes: SourceChanges, page_cache: PageCachePolicy, whole_up_to: int
) -> AsyncIterator[Source | None]:
    """Yield a file with all that it holds, or None when it is too large for that."""
    opened: list[Source | None] = []
    try:
        # A list, because what a cancelled visit returns is lost.
        await visit_thread(lambda: opened.append(_small(name, changes, page_cache, whole_up_to)))
        await anyio.lowlevel.checkpoint_if_cancelled()
        yield opened[0]
    finally:
        for source in opened:
            if source is not None and source.is_open:
                with anyio.CancelScope(shield=True):
                    await visit_thread(source.close)


def _small(name: str, changes: SourceChanges, page_cache: PageCachePolicy, whole_up_to: int) -> Source | None:
    try:
        read = whole_file.read_whole(name, whole_up_to)
        fd = _open_without_waiting(name, os.O_RDONLY | getattr(os, "O_BINARY", 0)) if read is None else read[0]
    except (OSError, ValueError) as error:
        raise _cannot_open(name, error) from error
    with ExitStack() as opened:
        opened.callback(os.close, fd)
        if read is not None:
            _, content, identity = read
            source = Source(name, fd, SourceIdentity(*identity), changes=changes, page_cache=page_cache)
            source.whole, source.read_at_once = source.hash_whole(content), True
        else:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _not_a_file(name)
            if status.st_size > whole_up_to:
                return None
            source = Source(name, fd, SourceIdentity.of(status), changes=changes, page_cache=page_cache)
            source.whole = source.read_whole()
        opened.pop_all()
    return source


@asynccontextmanager
async def _held_open(name: str) -> AsyncIterator[tuple[int, os.stat_result]]:
    """Yield an open file, and what it is."""
    seen: list[os.stat_result] = []

    def open_and_look(path: str, flags: int) -> int:
        fd = _open_without_waiting(path, flags)
        seen.append(os.fstat(fd))  # here, by the same visit to a thread
        return fd

    async def opening() -> None:
        try:
            opened.append(await aiofiles.open(name, "rb", buffering=0, opener=open_and_look))
        except (OSError, ValueError) as error:
            raise await visit_thread(_cannot_open, name, error) from error

    opened: list[AsyncFileIO] = []
    try:
        await to_its_end(asyncio.ensure_future(opening()))
        await anyio.lowlevel.checkpoint_if_cancelled()
        [status] = seen
        if not stat.S_ISREG(status.st_mode):
            raise _not_a_file(name)
        yield opened[0].fileno(), status
    finally:
        for file in opened:
            with anyio.CancelScope(shield=True):
                await to_its_end(asyncio.ensure_future(file.close()))


def _open_without_waiting(path: str, flags: int) -> int:
    """A pipe without a writer would block the open for ever. A regular file is worth a wait: for its write lease."""
    try:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    except BlockingIOError:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise
        return os.open(path, flags)


def _cannot_open(path: str, error: OSError | ValueError) -> SourceError:
    """Return the exception for a file that cannot be opened. Looks at the path: for a worker thread."""
    if isinstance(error, ValueError):
        # A null character, or one that the file system's encoding does not have.
        return SourceNotFound(path, f"{path!r} cannot be the name of a file", hint="Check the path")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SourceNotFound(path, f"{path} does not exist", hint="Check the path")
    if isinstance(error, IsADirectoryError):
        return _not_a_file(path)
    if isinstance(error, PermissionError) and Path(path).is_dir():
        return _not_a_file(path)
    reason = error.strerror or str(error)
    return SourceUnreadable(path, f"{path} cannot be opened: {reason}", hint="Check its permissions")


def _not_a_file(path: str) -> SourceNotAFile:
    return SourceNotAFile(path, f"{path} is not a regular file", hint="Name a file, not a directory or a device")
