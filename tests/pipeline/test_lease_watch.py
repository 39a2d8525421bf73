"""One thread for all leases: it wakes whom a writer waits for, and nobody else."""

from __future__ import annotations

import os
import random
import runpy
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import pytest

from asyncup import MemoryBudget
from asyncup.events import BufferKind
from asyncup.pipeline import lease_watch
from asyncup.pipeline.buffers import open_buffers
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.lease_watch import watched
from asyncup.pipeline.open_source import open_source
from tests.pipeline.files import ENOUGH_S, LocalFile, Writer, knock, open_and_close, require_leases

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
NAME = "asyncup leases"
FILES = 100


@pytest.fixture(autouse=True)
def with_leases(tmp_path: Path) -> Iterator[None]:
    require_leases(tmp_path)
    assert watchers() == []
    yield
    assert watchers() == [], "it ends with the last lease"


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@contextmanager
def leased(path: Path) -> Iterator[ReadLease]:
    fd = os.open(path, os.O_RDONLY)
    lease = ReadLease.take(fd)
    assert lease is not None
    try:
        yield lease
    finally:
        lease.release()
        os.close(fd)


def test_of_many_leases_only_the_one_is_woken(tmp_path: Path) -> None:
    files = [LocalFile.write(tmp_path / str(number), b"x") for number in range(FILES)]
    wakes = [threading.Event() for _ in files]
    with ExitStack() as stack:
        for file, wake in zip(files, wakes, strict=True):
            stack.enter_context(watched(stack.enter_context(leased(file.path)), wake))
        assert len(watchers()) == 1
        woken: set[int] = set()
        for chosen in random.Random(3).sample(range(FILES), 5):
            knock(files[chosen].path)
            assert wakes[chosen].wait(ENOUGH_S)
            woken.add(chosen)
            assert {number for number, wake in enumerate(wakes) if wake.is_set()} == woken


def test_where_no_thread_could_be_started_the_next_lease_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    file, wake = LocalFile.write(tmp_path / "file", b"x"), threading.Event()
    with leased(file.path) as lease:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", none_left)
            with pytest.raises(RuntimeError, match="new thread"), watched(lease, wake):
                pytest.fail("nobody watches it")
        with watched(lease, wake):
            knock(file.path)
            assert wake.wait(ENOUGH_S)


def test_it_begins_again_when_there_is_a_lease_again(tmp_path: Path) -> None:
    file = LocalFile.write(tmp_path / "file", b"x")
    for _ in range(3):
        wake = threading.Event()
        with leased(file.path) as lease, watched(lease, wake):
            assert len(watchers()) == 1
            knock(file.path)
            assert wake.wait(ENOUGH_S)
        assert watchers() == []


def test_a_file_that_is_closed_meanwhile_does_not_end_it(tmp_path: Path) -> None:
    """A lease that is let go of between two looks, without its being said first."""
    one, other = (LocalFile.write(tmp_path / name, b"x") for name in "ab")
    first, second = threading.Event(), threading.Event()
    fd = os.open(one.path, os.O_RDONLY)
    closed = ReadLease.take(fd)
    assert closed is not None
    with leased(other.path) as lease, watched(lease, second), watched(closed, first):
        os.close(fd)
        assert first.wait(ENOUGH_S)
        knock(other.path)
        assert second.wait(ENOUGH_S)


def test_a_forked_process_begins_with_a_watcher_of_its_own(tmp_path: Path) -> None:
    file = LocalFile.write(tmp_path / "file", b"x")
    with leased(file.path) as lease, watched(lease, threading.Event()):
        before = lease_watch._watcher
        lease_watch._forget_the_parents_thread()
        assert lease_watch._watcher is not before
        other = LocalFile.write(tmp_path / "other", b"x")
        wake = threading.Event()
        with leased(other.path) as new, watched(new, wake):
            knock(other.path)
            assert wake.wait(ENOUGH_S)
    # The first one ended with what it had begun, in the watcher that it began with.


def test_where_no_process_is_forked_leases_are_watched_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows there are no leases, but the module must be there."""
    monkeypatch.delattr(os, "register_at_fork")
    watched_there = runpy.run_path(lease_watch.__file__)["watched"]
    file, wake = LocalFile.write(tmp_path / "file", b"x"), threading.Event()
    with leased(file.path) as lease, watched_there(lease, wake):
        knock(file.path)
        assert wake.wait(ENOUGH_S)


async def test_many_uploads_share_the_thread_and_each_lets_its_writer_in(tmp_path: Path) -> None:
    files = [LocalFile.write(tmp_path / str(number), b"x" * 10_000) for number in range(20)]
    told: list[int] = []

    async def hold(number: int, ready: anyio.Event, leave: anyio.Event) -> None:
        async with (
            open_source(files[number].path) as source,
            open_buffers(
                source, MemoryBudget(10_000), may_map=True, on_copying=lambda *_: told.append(number)
            ) as buffers,
        ):
            assert buffers.kind is BufferKind.MAPPED
            ready.set()
            await leave.wait()

    leave = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for number in range(len(files)):
            ready = anyio.Event()
            tasks.start_soon(hold, number, ready, leave)
            await ready.wait()
        assert len(watchers()) == 1
        for number in (3, 17):
            with Writer(lambda number=number: open_and_close(files[number].path)) as writer:  # type: ignore[misc]
                writer.knock()
                assert await anyio.to_thread.run_sync(writer.let_in.wait, ENOUGH_S)
        with anyio.fail_after(ENOUGH_S):
            while len(told) < 2:
                await anyio.lowlevel.checkpoint()
        leave.set()
    assert sorted(told) == [3, 17]
