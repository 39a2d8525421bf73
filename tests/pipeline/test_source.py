"""Opening the local file, and noticing everything that may happen to it."""

import errno
import fcntl
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from blockbuster import blockbuster_ctx

from asyncup.errors import SourceChanged, SourceError, SourceNotAFile, SourceNotFound, SourceUnreadable
from asyncup.pipeline import open_source as opening, source as source_module
from asyncup.pipeline.open_source import open_source
from asyncup.pipeline.positional_read import read_into
from asyncup.pipeline.source import Source
from tests.pipeline.files import (
    ENOUGH_S,
    LocalFile,
    append,
    md5,
    open_and_close,
    overwrite_a_byte,
    require_leases,
    truncate,
)
from tests.pipeline.leftovers import open_files, opened_since


async def test_it_reads_what_is_there_and_closes_it(local_file: LocalFile) -> None:
    before = open_files()
    async with open_source(local_file.path) as source:
        memory = memoryview(bytearray(1000))
        source.read(memory, 500)
        assert memory == local_file.content[500:1500]
        assert source.size == len(local_file.content)
        assert source.path == str(local_file.path)
        await anyio.to_thread.run_sync(source.verify_in_place)
        assert not os.get_inheritable(source.fd)
    assert opened_since(before) == []


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2**16, 2**16 + 1])
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.usefixtures("either_way")
async def test_what_is_small_is_read_as_it_is_opened(tmp_path: Path, size: int, more: int) -> None:
    file = LocalFile.write(tmp_path / "file", os.urandom(size))
    async with open_source(file.path, whole_up_to=size + more) as source:
        assert (source.whole is None) == (more < 0)
        whole = source.whole or source.read_whole()
        assert whole.content == file.content
        assert whole.md5 == md5(file.content)
        assert whole.hashed_s >= 0


@pytest.mark.parametrize("act", [overwrite_a_byte, truncate, append])
@pytest.mark.usefixtures("step_by_step")
async def test_a_small_file_that_changes_while_it_is_opened_and_read(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]
) -> None:
    def read_late(fd: int, view: memoryview, offset: int) -> int:
        act(local_file.path)
        return read_into(fd, view, offset)

    before = open_files()
    monkeypatch.setattr(source_module, "read_into", read_late)
    with pytest.raises(SourceChanged):
        async with open_source(local_file.path, whole_up_to=10**6):
            pytest.fail("it was opened")
    assert opened_since(before) == []


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.usefixtures("either_way")
async def test_a_file_that_nothing_touched_is_closed_at_the_end(local_file: LocalFile, *, touched: bool) -> None:
    before = open_files()
    async with open_source(local_file.path, changes="warn", whole_up_to=10**6) as source:
        if touched:
            os.utime(local_file.path, (1, 1))
        await anyio.to_thread.run_sync(source.verify_at_end)
        assert source.touched == touched
        assert bool(opened_since(before)) == touched, "what was touched is read once more"
        source.close()
        source.close()
        assert opened_since(before) == []


async def refused(path: str | Path, kind: type[SourceError]) -> SourceError:
    """Return the error that opening raises, of this very kind, and without a blocking call on the event loop."""
    await refused_once(path, kind, whole_up_to=10**6)
    return await refused_once(path, kind, whole_up_to=None)


async def refused_once(path: str | Path, kind: type[SourceError], *, whole_up_to: int | None) -> SourceError:
    before = open_files()
    with anyio.fail_after(ENOUGH_S), blockbuster_ctx(), pytest.raises(SourceError) as raised:
        async with open_source(path, whole_up_to=whole_up_to):
            pytest.fail("it was opened")
    assert type(raised.value) is kind
    assert raised.value.path == str(path)
    assert raised.value.hint
    assert opened_since(before) == []
    return raised.value


async def test_a_missing_file(tmp_path: Path) -> None:
    await refused(tmp_path / "missing", SourceNotFound)


async def test_a_file_below_a_file(local_file: LocalFile) -> None:
    await refused(local_file.path / "below", SourceNotFound)


async def test_a_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    await refused(tmp_path / "link", SourceNotFound)


async def test_a_path_that_no_file_can_have(tmp_path: Path) -> None:
    await refused(str(tmp_path / "null\0byte"), SourceNotFound)


async def test_a_directory(tmp_path: Path) -> None:
    await refused(tmp_path, SourceNotAFile)


async def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    await refused(tmp_path / "pipe", SourceNotAFile)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
async def test_a_file_whose_writer_has_a_lease_is_worth_a_wait(local_file: LocalFile, tmp_path: Path) -> None:
    require_leases(tmp_path)
    opened: list[bytes] = []

    async def read() -> None:
        async with open_source(local_file.path) as source:
            memory = memoryview(bytearray(10))
            source.read(memory, 0)
            opened.append(bytes(memory))

    with local_file.path.open("r+b") as writer:
        fcntl.fcntl(writer, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(writer, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            with anyio.fail_after(ENOUGH_S):
                while fcntl.fcntl(writer, fcntl.F_GETLEASE) == fcntl.F_WRLCK:
                    await anyio.lowlevel.checkpoint()
            assert opened == []
            fcntl.fcntl(writer, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    assert opened == [local_file.content[:10]]


async def test_a_device() -> None:
    await refused("/dev/null", SourceNotAFile)


@pytest.mark.parametrize("failed", [errno.EACCES, errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.EMFILE])
@pytest.mark.usefixtures("step_by_step")
async def test_a_file_that_the_system_does_not_open(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, failed: int
) -> None:
    """A test that runs as root cannot take its own permission away: the system's answer is made up."""

    def refuse(path: str, flags: int) -> int:
        raise OSError(failed, os.strerror(failed), path)

    monkeypatch.setattr(opening, "_open_without_waiting", refuse)
    error = await refused(local_file.path, SourceUnreadable)
    assert os.strerror(failed) in str(error)
    assert isinstance(error.__cause__, OSError)


async def test_a_directory_where_the_system_only_denies_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows does."""

    def deny(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(opening, "_open_without_waiting", deny)
    await refused(tmp_path, SourceNotAFile)


async def test_only_a_regular_file_is_worth_a_wait(
    tmp_path: Path, local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that is busy may stay so for ever."""
    real, asked = os.open, list[tuple[str, bool]]()

    def busy(path: str, flags: int, *rest: int) -> int:
        waits = not flags & os.O_NONBLOCK
        asked.append((path, waits))
        if not waits:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)
        return real(path, flags, *rest)

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", busy)
        await refused(pipe, SourceUnreadable)
        assert asked == [(str(pipe), False)] * 2
        asked.clear()
        async with open_source(local_file.path) as source:
            assert source.size == len(local_file.content)
        assert asked == [(str(local_file.path), False), (str(local_file.path), True)]


async def test_opening_happens_off_the_event_loop(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[int] = []
    real_open, real_fstat = opening._open_without_waiting, os.fstat

    def opener(path: str, flags: int) -> int:
        where.append(threading.get_ident())
        return real_open(path, flags)

    def fstat(fd: int) -> os.stat_result:
        where.append(threading.get_ident())
        return real_fstat(fd)

    monkeypatch.setattr(opening, "_open_without_waiting", opener)
    monkeypatch.setattr(os, "fstat", fstat)
    async with open_source(local_file.path):
        pass
    assert len(where) >= 2
    assert threading.get_ident() not in where


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (truncate, "it has 0 bytes now, 95000 when it was opened"),
    (append, "it has 95001 bytes now"),
    (overwrite_a_byte, "it was written to"),
    (lambda path: os.utime(path, (1, 1)), "or its time of writing was set"),
    (lambda path: path.chmod(0o640), "attributes were changed"),
]


@pytest.mark.parametrize(("act", "said"), CHANGES, ids=["shrunk", "grown", "written", "touched", "mode"])
async def test_a_change_of_the_open_file_is_noticed(
    local_file: LocalFile, act: Callable[[Path], None], said: str
) -> None:
    async with open_source(local_file.path) as source:
        source.verify_unchanged()
        act(local_file.path)
        for verify in (source.verify_unchanged, source.verify_in_place):
            with pytest.raises(SourceChanged, match=said) as raised:
                await anyio.to_thread.run_sync(verify)
            assert raised.value.path == str(local_file.path)
            assert str(local_file.path) in str(raised.value)


async def test_opening_for_writing_alone_is_no_change(local_file: LocalFile) -> None:
    async with open_source(local_file.path) as source:
        open_and_close(local_file.path)
        local_file.path.read_bytes()
        await anyio.to_thread.run_sync(source.verify_in_place)


async def test_another_file_in_its_place_is_noticed(local_file: LocalFile, tmp_path: Path) -> None:
    async with open_source(local_file.path) as source:
        LocalFile.write(tmp_path / "other", local_file.content).path.replace(local_file.path)
        with pytest.raises(SourceChanged):
            await anyio.to_thread.run_sync(source.verify_in_place)


async def test_another_file_in_its_place_is_noticed_where_changes_are_only_warned_of(
    local_file: LocalFile, tmp_path: Path
) -> None:
    async with open_source(local_file.path, changes="warn") as source:
        local_file.path.rename(tmp_path / "old name")
        LocalFile.write(local_file.path, local_file.content)
        await anyio.to_thread.run_sync(source.verify_unchanged)
        with pytest.raises(SourceChanged, match="the path names another file now"):
            await anyio.to_thread.run_sync(source.verify_in_place)


async def test_what_is_only_warned_of_is_told_once(local_file: LocalFile) -> None:
    async with open_source(local_file.path, changes="warn") as source:
        before = source.touched
        os.utime(local_file.path, (1, 1))
        for _ in range(3):
            await anyio.to_thread.run_sync(source.verify_in_place)
        assert (before, source.touched) == (False, True)
        assert source.new_touches() == ["it was written to, or its time of writing was set"]
        assert source.new_touches() == []
        truncate(local_file.path)
        with pytest.raises(SourceChanged, match="it has 0 bytes now"):
            await anyio.to_thread.run_sync(source.verify_unchanged)


@pytest.mark.parametrize("how", ["removed", "renamed"])
async def test_a_path_without_the_file_is_noticed(local_file: LocalFile, tmp_path: Path, how: str) -> None:
    async with open_source(local_file.path) as source:
        if how == "removed":
            local_file.path.unlink()
        else:
            local_file.path.rename(tmp_path / "renamed")
        with pytest.raises(SourceChanged):
            await anyio.to_thread.run_sync(source.verify_in_place)


async def test_a_file_that_ends_too_early_is_changed(local_file: LocalFile) -> None:
    async with open_source(local_file.path) as source:
        os.truncate(local_file.path, 600)
        with pytest.raises(SourceChanged, match="600 bytes now, 95000"):
            source.read(memoryview(bytearray(1000)), 500)


async def test_a_file_that_was_shorter_for_a_moment_is_changed(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "read_into", lambda fd, view, offset: 3)
    async with open_source(local_file.path) as source:
        with pytest.raises(SourceChanged, match="it ended after 503 bytes"):
            source.read(memoryview(bytearray(1000)), 500)


async def test_a_disk_that_fails_in_the_middle(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int, view: memoryview, offset: int) -> int:
        raise OSError(errno.EIO, "the disk is broken")

    async with open_source(local_file.path) as source:
        monkeypatch.setattr(source_module, "read_into", fail)
        with pytest.raises(SourceUnreadable, match="the disk is broken") as raised:
            source.read(memoryview(bytearray(10)), 0)
    assert raised.value.path == str(local_file.path)
    assert raised.value.__cause__ is not None


async def test_a_file_whose_mount_is_gone(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> os.stat_result:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    async with open_source(local_file.path) as source:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fstat", fail)
            with pytest.raises(SourceUnreadable, match=os.strerror(errno.ESTALE)):
                source.verify_unchanged()


class SlowOpen:
    """An open that lasts until it is told to end, and says when it has begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = anyio.Event()
        self.may_end = threading.Event()
        self._real = opening._open_without_waiting
        monkeypatch.setattr(opening, "_open_without_waiting", self._open)
        self._loop = anyio.lowlevel.current_token()

    def _open(self, path: str, flags: int) -> int:
        anyio.from_thread.run_sync(self.begun.set, token=self._loop)
        assert self.may_end.wait(ENOUGH_S)
        return self._real(path, flags)


async def test_a_cancellation_while_it_is_opened_leaves_no_open_file(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_files()
    slow = SlowOpen(monkeypatch)

    async def enter() -> None:
        async with open_source(local_file.path):
            pytest.fail("it was cancelled before")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(enter)
        await slow.begun.wait()
        tasks.cancel_scope.cancel()
        slow.may_end.set()
    assert opened_since(before) == []


async def test_it_is_closed_when_the_work_with_it_fails(local_file: LocalFile) -> None:
    before = open_files()
    with pytest.raises(io.UnsupportedOperation):
        async with open_source(local_file.path):
            raise io.UnsupportedOperation
    assert opened_since(before) == []


def test_identities_of_two_states_differ(local_file: LocalFile) -> None:
    with local_file.opened() as before:
        overwrite_a_byte(local_file.path)
        with local_file.opened() as after:
            assert isinstance(after, Source)
            assert before.identity != after.identity
