"""What an upload must not leave behind: open files, mapped files, tasks, threads at work."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import anyio.lowlevel
import anyio.to_thread

from asyncup import MemoryBudget
from asyncup.pipeline.buffers import Buffers
from asyncup.pipeline.multi_md5 import advance
from asyncup.pipeline.part_hashing import PartHashing


def open_files() -> dict[int, str]:
    """What this process has open now, by file descriptor."""
    found: dict[int, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except FileNotFoundError:
            continue  # the descriptor that lists the folder
    return found


def opened_since(before: dict[int, str]) -> list[str]:
    """Return what is open now and was not then."""
    return [name for fd, name in open_files().items() if before.get(fd) != name]


def mappings_of(path: Path) -> int:
    """Return how many mappings of a file this process has."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    return sum(line.endswith(str(path)) for line in maps.splitlines())


def bytes_present(path: Path) -> int:
    """Return how many bytes of a file are in this process's page tables."""
    found, is_it = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.split(maxsplit=1)[0].endswith(":"):
            is_it = line.endswith(str(path))
        elif is_it and line.startswith("Rss:"):
            found += int(line.split()[1]) * 1024
    return found


def other_tasks() -> set["asyncio.Task[object]"]:
    """Return every task of the running loop but the current one."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


_WORK = {function.__code__ for function in (Buffers._load, Buffers._close, PartHashing.go_on, advance)}
"""What an upload's own threads do. They may end a moment after it, but touch nothing of it then."""


def threads_at_work() -> float:
    """Return how many worker threads do something: anyio's, and those of uploads."""
    own = sum(any(frame.f_code in _WORK for frame in _stack(top)) for top in sys._current_frames().values())
    return own + anyio.to_thread.current_default_thread_limiter().borrowed_tokens


def _stack(top: FrameType) -> Iterator[FrameType]:
    frame: FrameType | None = top
    while frame is not None:
        yield frame
        frame = frame.f_back


async def all_given_back(memory: MemoryBudget) -> None:
    """Wait until a released part's memory is given back, which is when it is unmapped, in a thread."""
    with anyio.fail_after(60):
        while memory.taken:
            await anyio.lowlevel.checkpoint()
