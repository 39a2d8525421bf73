"""Read leases, with the kernel's own: a writer waits for us, and we see it waiting."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from asyncup.pipeline import lease as lease_module
from asyncup.pipeline.lease import ReadLease
from tests.pipeline.files import (
    ENOUGH_S,
    LocalFile,
    Writer,
    append,
    knock,
    open_and_close,
    overwrite_a_byte,
    require_leases,
    truncate,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")

BREAK_TIME_S = 10.0


@pytest.fixture(autouse=True)
def with_leases(tmp_path: Path) -> None:
    require_leases(tmp_path)


@contextmanager
def reading(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def leased(path: Path) -> Iterator[ReadLease]:
    with reading(path) as fd:
        lease = ReadLease.take(fd)
        assert lease is not None
        try:
            yield lease
        finally:
            lease.release()


def test_readers_movers_and_owners_do_not_disturb(local_file: LocalFile, tmp_path: Path) -> None:
    with leased(local_file.path) as lease:
        local_file.path.read_bytes()
        local_file.path.chmod(0o600)
        os.utime(local_file.path)
        local_file.path.rename(tmp_path / "moved")
        (tmp_path / "moved").unlink()
        assert lease.undisturbed()
        assert lease.protects()


@pytest.mark.parametrize("act", [open_and_close, truncate, append, overwrite_a_byte])
def test_a_writer_waits_until_the_lease_is_given_back(local_file: LocalFile, act: Callable[[Path], None]) -> None:
    with Writer(lambda: act(local_file.path)) as writer, leased(local_file.path) as lease:
        writer.knock()
        _wait_until_disturbed(lease)
        assert not writer.let_in.is_set()
        assert lease.protects()
        assert local_file.path.read_bytes() == local_file.content
        lease.release()
        assert writer.let_in.wait(ENOUGH_S)
        assert not lease.undisturbed()
        assert not lease.protects()


def test_a_writer_in_another_process_waits_too(local_file: LocalFile) -> None:
    with leased(local_file.path) as lease:
        program = f"print(open({str(local_file.path)!r}, 'r+b').truncate(0))"
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
            _wait_until_disturbed(lease)
            assert writer.poll() is None
            assert local_file.path.stat().st_size == len(local_file.content)
            lease.release()
            out, _ = writer.communicate(timeout=ENOUGH_S)
        assert out.strip() == b"0"
        assert local_file.path.stat().st_size == 0


def test_a_knock_kills_nobody_and_stays_visible(local_file: LocalFile) -> None:
    # Without F_SETSIG the kernel sends SIGIO, whose default action ends the process that runs this test.
    with leased(local_file.path) as lease:
        knock(local_file.path)
        assert not lease.undisturbed()
        assert not lease.undisturbed()


def test_protection_ends_when_a_writer_has_waited_for_half_the_break_time(local_file: LocalFile) -> None:
    clock = SimpleNamespace(now=100.0)
    with leased(local_file.path), reading(local_file.path) as fd:
        # A second lease, on the same file, with a clock of ours.
        taken = ReadLease.take(fd)
        assert taken is not None
        lease = ReadLease(fd, BREAK_TIME_S, lambda: clock.now)
        clock.now += 3600
        assert lease.protects(), "nobody has knocked: any time may pass"
        knock(local_file.path)
        clock.now += BREAK_TIME_S / 2 - 0.01
        assert lease.protects()
        clock.now += 0.02
        assert not lease.protects()
        taken.release()


def test_the_kernel_is_not_asked_for_every_slice(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    asked: list[float] = []

    def ask(fd: int, command: int) -> int:
        asked.append(clock.now)
        return real(fd, command)

    real = fcntl.fcntl
    with leased(local_file.path), reading(local_file.path) as fd:
        taken = ReadLease.take(fd)
        assert taken is not None
        lease = ReadLease(fd, BREAK_TIME_S, lambda: clock.now)
        monkeypatch.setattr(fcntl, "fcntl", ask)
        clock.now += BREAK_TIME_S / 2 - 0.01
        assert lease.protects()
        assert asked == []
        clock.now += 0.02
        assert lease.protects()
        assert asked == [clock.now], "nobody has looked for so long that the lease may be gone"
        assert lease.protects()
        assert asked == [clock.now]
        monkeypatch.undo()
        taken.release()


def test_a_lease_may_be_given_back_twice(local_file: LocalFile) -> None:
    with leased(local_file.path) as lease:
        lease.release()
        open_and_close(local_file.path)
        lease.release()


def test_a_lease_that_was_taken_by_force_can_be_given_back(local_file: LocalFile) -> None:
    """The kernel takes it after the break time; here the same is done behind the lease's back."""
    with reading(local_file.path) as fd:
        lease = ReadLease.take(fd)
        assert lease is not None
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        assert not lease.undisturbed()
        lease.release()


def test_there_is_no_lease_while_the_file_is_open_for_writing(local_file: LocalFile) -> None:
    with local_file.path.open("r+b"), reading(local_file.path) as fd:
        assert ReadLease.take(fd) is None
    with reading(local_file.path) as fd:
        assert ReadLease.take(fd) is not None


def test_there_is_no_lease_on_what_is_no_file(tmp_path: Path) -> None:
    with reading(tmp_path) as fd:
        assert ReadLease.take(fd) is None
    assert ReadLease.take(fd) is None, "it is closed"


@pytest.mark.parametrize(("written", "expected"), [("45\n", True), ("2", True), ("1\n", False), ("soon", False)])
def test_a_short_break_time_is_not_trusted(
    local_file: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, *, expected: bool
) -> None:
    (tmp_path / "lease-break-time").write_text(written)
    monkeypatch.setattr(lease_module, "_BREAK_TIME", tmp_path / "lease-break-time")
    with reading(local_file.path) as fd:
        assert (ReadLease.take(fd) is not None) == expected


def test_an_unknown_break_time_is_not_trusted(
    local_file: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "_BREAK_TIME", tmp_path / "missing")
    with reading(local_file.path) as fd:
        assert ReadLease.take(fd) is None


def test_there_is_no_lease_where_files_are_changed_from_elsewhere(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "changes_are_seen_here", lambda fd: False)
    with reading(local_file.path) as fd:
        assert ReadLease.take(fd) is None
    open_and_close(local_file.path)


def _wait_until_disturbed(lease: ReadLease) -> None:
    """Return as soon as the kernel shows a writer waiting. It tells by a signal or not at all, so it is asked."""
    while lease.undisturbed():
        os.sched_yield()
