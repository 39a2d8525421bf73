"""Local files for tests, and the programs that meddle with them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from asyncup.pipeline import source
from asyncup.pipeline.positional_read import read_into
from asyncup.pipeline.source import Source, SourceIdentity

ENOUGH_S = 20.0
"""Longer than anything here takes on a busy machine, shorter than a lease is kept by force (45 s)."""


@dataclass(frozen=True)
class LocalFile:
    """A file and what is in it."""

    path: Path
    content: bytes

    @classmethod
    def write(cls, path: Path, content: bytes) -> LocalFile:
        """Make it."""
        path.write_bytes(content)
        return cls(path, content)

    def part(self, number: int, size: int) -> bytes:
        """Return the bytes of part `number`."""
        return self.content[(number - 1) * size : number * size]

    def md5(self, number: int, size: int) -> str:
        """Return the MD5 of part `number` in hex."""
        return md5(self.part(number, size)).hex()

    def parts(self, size: int) -> list[bytes]:
        """Return every part."""
        return [self.content[begin : begin + size] for begin in range(0, len(self.content), size)]

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """Open it as `open_source` does, without an event loop."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            yield Source(str(self.path), fd, SourceIdentity.of(os.fstat(fd)))
        finally:
            os.close(fd)


def break_disk_at(monkeypatch: pytest.MonkeyPatch, bad: int) -> None:
    """Let every read fail that begins at offset `bad`."""

    def fail_there(fd: int, view: memoryview, offset: int) -> int:
        if offset == bad:
            raise OSError(errno.EIO, "the disk is broken")
        return read_into(fd, view, offset)

    monkeypatch.setattr(source, "read_into", fail_there)


class Writer:
    """Another program that wants the file: from `knock` on it is kept waiting, in a thread, by a lease.

    Open it before the lease, so that a test that fails gives the lease back before it waits for the writer.

    Args:
        act: opens the file for writing, truncates it, or the like.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self.let_in = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(ENOUGH_S)
        assert not self._thread.is_alive(), "the writer was never let in"
        if self.error is not None:
            raise self.error

    def knock(self) -> None:
        """Come and want to write."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as error:  # noqa: BLE001 - handed over to the test's own thread
            self.error = error
        self.let_in.set()


def md5(content: bytes | bytearray) -> bytes:
    """Return the digest that asyncup should have computed."""
    return hashlib.md5(content, usedforsecurity=False).digest()


def open_and_close(path: Path) -> None:
    """Open a file for writing, and write nothing."""
    os.close(os.open(path, os.O_RDWR))


def knock(path: Path) -> None:
    """Want to write to a leased file, but do not wait for it: the lease is being broken after this."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except BlockingIOError:
        return
    raise AssertionError("there is no lease that would keep a writer waiting")


def truncate(path: Path) -> None:
    """Take everything out of a file."""
    os.truncate(path, 0)


def append(path: Path) -> None:
    """Let a file grow by one byte."""
    with path.open("ab") as file:
        file.write(b"+")


def overwrite_a_byte(path: Path) -> None:
    """Change a file without changing its size."""
    with path.open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))


_LOCAL_FILE_SYSTEMS = {"btrfs", "ext2/ext3", "f2fs", "tmpfs", "xfs"}


def leases_work(folder: Path) -> bool:
    """Ask the system itself, not asyncup, whether files in a folder can be leased, and the lease be relied on."""
    probe = folder / "probe"
    stat = subprocess.run(["stat", "--file-system", "--format=%T", folder], capture_output=True, text=True, check=True)
    if stat.stdout.strip() not in _LOCAL_FILE_SYSTEMS:
        return False
    probe.write_bytes(b"x")
    fd = os.open(probe, os.O_RDONLY)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except (OSError, AttributeError):
        return False
    finally:
        os.close(fd)
        probe.unlink()
    return True


def require_leases(folder: Path) -> None:
    """Skip a test where there are no leases."""
    if not leases_work(folder):
        pytest.skip(f"no leases on the file system of {folder}")
