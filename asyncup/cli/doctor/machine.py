"""Checks of this machine: what the kernel and Python offer to a fast upload, and how fast the disk is."""

from __future__ import annotations

import os
import platform
import ssl
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import anyio.to_thread

from asyncup.cli.doctor.finding import Finding, failed, fine, skipped, warned
from asyncup.cli.doctor.judgements import judge_disk
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.messages import one_line
from asyncup.pipeline import multi_md5
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.memory_map import anonymous

__all__ = ["look_at_disk", "look_at_hashing", "look_at_kernel", "look_at_lease", "look_at_python", "sample_in"]

_MADV_POPULATE_READ = 22
_READ_SIZE = 8 * 1024 * 1024
_READ_AT_MOST = 512 * 1024 * 1024
_READ_AT_LEAST = 1024 * 1024
_READ_FOR_S = 3.0
_LOOKED_AT = 10_000
_TCP = Path("/proc/sys/net/ipv4")


async def look_at_python(_: Visit) -> Finding:
    """See which versions run here."""
    return await anyio.to_thread.run_sync(_versions)


async def look_at_kernel(_: Visit) -> Finding:
    """See what the kernel offers."""
    return await anyio.to_thread.run_sync(_kernel)


async def look_at_hashing(_: Visit) -> Finding:
    """See whether a core hashes several parts together."""
    if multi_md5.AT_ONCE > 1:
        return fine(f"{multi_md5.AT_ONCE} parts together on a core, with {multi_md5.INSTRUCTIONS[-1]} instructions")
    seen = "one part at a time on a core, by hashlib"
    if sys.platform == "win32":
        return fine(seen)
    return warned(seen, "install gcc or clang and Python's headers, then asyncup again: hashing costs a core less then")


def _versions() -> Finding:
    facts = [f"{platform.python_implementation()} {platform.python_version()}", ssl.OPENSSL_VERSION]
    facts += [f"{name} {_version(name)}" for name in ("asyncup", "aiohttp")]
    if find_spec("uvloop") is None:
        seen = ", ".join([*facts, "no uvloop"])
        if sys.platform == "win32":
            return fine(seen)
        return warned(seen, "pip install uvloop: the event loop is faster with it")
    return fine(", ".join([*facts, f"uvloop {_version('uvloop')}"]))


def _kernel() -> Finding:
    populate = "yes" if _can_populate() else "no"
    facts = [f"{platform.system()} {platform.release()}", f"MADV_POPULATE_READ {populate}"]
    for name, words in (
        ("tcp_congestion_control", "congestion control"),
        ("tcp_available_congestion_control", "available"),
    ):
        try:
            facts.append(f"{words} {(_TCP / name).read_text().strip()}")
        except OSError:
            continue
    return fine(", ".join(facts))


async def look_at_lease(visit: Visit) -> Finding:
    """See whether files can be mapped: only under a read lease, which not every file system grants."""
    if visit.path is None:
        return skipped("give --path FILE or FOLDER to see whether read leases are granted there")
    sample = await anyio.to_thread.run_sync(sample_in, Path(visit.path))
    if isinstance(sample, Finding):
        return sample
    try:
        granted = await anyio.to_thread.run_sync(_lease_is_granted, sample)
    except OSError as error:
        return _unreadable(sample, error)
    if granted:
        return fine(f"{one_line(str(sample))}: granted, files are mapped")
    return fine(
        f"{one_line(str(sample))}: not granted, files are copied",
        "Copying is nearly as fast. Leases need Linux, a local file system and a file of one's own that nobody writes",
    )


async def look_at_disk(visit: Visit) -> Finding:
    """Read a file as an upload would, past the page cache where the kernel lets us."""
    if visit.path is None:
        return skipped("give --path FILE or FOLDER to see how fast it can be read")
    sample = await anyio.to_thread.run_sync(sample_in, Path(visit.path))
    if isinstance(sample, Finding):
        return sample
    try:
        size, seconds = await anyio.to_thread.run_sync(_read_for_a_while, sample)
    except OSError as error:
        return _unreadable(sample, error)
    if size < _READ_AT_LEAST:
        return skipped(f"{one_line(str(sample))} is too small to tell how fast the disk is")
    return judge_disk(size, seconds, one_line(str(sample)))


def sample_in(path: Path) -> Path | Finding:
    """Return the file itself, or the largest one among the first thousands in a folder. Blocking."""
    try:
        if path.is_file():
            return path
        if not path.is_dir():
            return failed(f"{one_line(str(path))} is no file or folder", "Check --path", ExitCode.SOURCE_MISSING)
        sized = [(file.stat().st_size, file) for file in islice(_files_below(path), _LOOKED_AT)]
    except OSError as error:
        return _unreadable(path, error)
    if not sized:
        return skipped(f"{one_line(str(path))} holds no files")
    return max(sized, key=lambda one: one[0])[1]


def _unreadable(path: Path, error: OSError) -> Finding:
    seen = f"{one_line(str(path))}: {error.strerror or error}"
    return failed(seen, "Check the permissions", ExitCode.SOURCE_UNREADABLE)


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                yield file


def _lease_is_granted(path: Path) -> bool:
    with path.open("rb") as file:
        lease = ReadLease.take(file.fileno())
        if lease is None:
            return False
        lease.release()
        return True


def _can_populate() -> bool:
    if sys.platform != "linux":
        return False
    with anonymous(os.sysconf("SC_PAGE_SIZE")) as memory:
        try:
            memory.madvise(_MADV_POPULATE_READ)
        except OSError:
            return False
        return True


def _read_for_a_while(path: Path) -> tuple[int, float]:
    """Return how many bytes were read in how many seconds."""
    buffer = bytearray(_READ_SIZE)
    done = 0
    with path.open("rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        began = time.monotonic()
        while done < _READ_AT_MOST and time.monotonic() - began < _READ_FOR_S:
            length = file.readinto(buffer)
            if not length:
                break
            done += length
        return done, time.monotonic() - began


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
