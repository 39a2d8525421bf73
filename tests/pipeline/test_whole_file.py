"""Small files in one step: only what is right is read, only what is the same is closed, and nothing is left open."""

from __future__ import annotations

import itertools
import os
import runpy
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline import whole_file
from asyncup.pipeline.source import SourceIdentity
from tests.pipeline.files import ENOUGH_S, append, overwrite_a_byte, truncate
from tests.pipeline.leftovers import open_files, opened_since

compiled = pytest.importorskip("asyncup.pipeline._whole_file")
MOST = 2**16


def identity_of(path: Path) -> whole_file.Identity:
    seen = SourceIdentity.of(path.stat())
    return seen.device, seen.inode, seen.size, seen.mtime_ns, seen.ctime_ns


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file"
    path.write_bytes(b"content")
    return path


@given(content=st.binary(max_size=2**10), more=st.integers(0, 3))
def test_what_is_read_is_the_file(tmp_path_factory: pytest.TempPathFactory, content: bytes, more: int) -> None:
    path = tmp_path_factory.getbasetemp() / "whole.bin"
    path.write_bytes(content)
    before = open_files()
    read = whole_file.read_whole(str(path), len(content) + more)
    assert read is not None
    fd, seen, identity = read
    assert type(seen) is bytearray
    assert (bytes(seen), identity) == (content, identity_of(path))
    assert not os.get_inheritable(fd)
    assert whole_file.close_unchanged(str(path), fd, identity)
    assert opened_since(before) == []


@pytest.mark.parametrize("name", ["with a \N{SNOWMAN}", os.fsdecode(b"no \xff text")])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    try:
        path.write_bytes(b"content")
    except OSError:
        pytest.skip("this file system has no such names")
    read = whole_file.read_whole(str(path), MOST)
    assert read is not None
    os.close(read[0])


def test_one_that_is_too_large_is_not_read(file: Path) -> None:
    before = open_files()
    assert whole_file.read_whole(str(file), len(b"content") - 1) is None
    assert opened_since(before) == []


def test_neither_is_what_is_no_file(tmp_path: Path) -> None:
    """A pipe that nobody writes to would be waited for."""
    pipe, broken = tmp_path / "pipe", tmp_path / "broken"
    os.mkfifo(pipe)
    broken.symlink_to(tmp_path / "missing")
    before = open_files()
    for path in (tmp_path, pipe, broken, tmp_path / "missing", Path("/dev/null")):
        assert whole_file.read_whole(str(path), MOST) is None
    assert opened_since(before) == []


def test_what_can_be_no_path_is_an_error() -> None:
    with pytest.raises(ValueError, match="null"):
        whole_file.read_whole("a\0b", MOST)


def write_and_hide_it(path: Path) -> None:
    """Write, and put the time of writing back: the time of change stays."""
    seen = path.stat()
    overwrite_a_byte(path)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def change_only_the_size(path: Path) -> None:
    seen = path.stat()
    append(path)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


@pytest.mark.parametrize(
    "act",
    [
        overwrite_a_byte,
        truncate,
        append,
        Path.unlink,
        lambda path: path.chmod(0o600),
        write_and_hide_it,
        change_only_the_size,
    ],
)
def test_what_was_changed_is_not_closed(file: Path, act: Callable[[Path], None]) -> None:
    os.utime(file, ns=(0, 0))  # whatever writes now is seen by it, however coarse the file system's clock is
    read = whole_file.read_whole(str(file), MOST)
    assert read is not None
    fd, _, identity = read
    wait_for_another_time(file)
    act(file)
    assert not whole_file.close_unchanged(str(file), fd, identity)
    os.close(fd)


def wait_for_another_time(beside: Path) -> None:
    """Let the file system's clock go on: one whose ticks are long would have the same time for two changes."""
    probe = beside.with_name("probe")
    probe.write_bytes(b"")
    first = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == first:
        probe.chmod(0o600)


def test_one_that_is_written_to_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    """Each filling has a time of its own, so a part of one and a part of the next cannot look like either."""
    path, ends, writing = tmp_path / "written", threading.Event(), threading.Event()
    path.write_bytes(bytes(MOST))

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            for number in itertools.count(1):
                os.pwrite(file.fileno(), bytes([number % 256]) * MOST, 0)
                os.utime(file.fileno(), ns=(number, number))
                writing.set()
                if ends.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    refused = taken = 0
    try:
        assert writing.wait(ENOUGH_S)
        deadline = time.monotonic() + ENOUGH_S
        while (refused < 20 or taken < 20) and time.monotonic() < deadline:
            read = whole_file.read_whole(str(path), MOST)
            if read is None:
                refused += 1
                continue
            fd, content, identity = read
            os.close(fd)
            if identity[3] < 10**12:  # else somebody was writing before, too, and one tick of the clock may hide that
                taken += 1
                assert len(set(content)) == 1
    finally:
        ends.set()
        writer.join()
    assert min(refused, taken) >= 20, "it was written to meanwhile, and sometimes not"


def test_a_time_that_is_no_number_of_64_bits_is_left_to_others(file: Path) -> None:
    seconds = int((2300 - 1970) * 365.25 * 86_400)
    os.utime(file, (seconds, seconds))
    if file.stat().st_mtime != seconds:
        pytest.skip("this file system has no such times")
    assert whole_file.read_whole(str(file), MOST) is None


def test_neither_is_one_whose_path_names_another_file(file: Path, tmp_path: Path) -> None:
    read = whole_file.read_whole(str(file), MOST)
    assert read is not None
    fd, _, identity = read
    other = tmp_path / "another"
    other.write_bytes(b"content")
    other.replace(file)
    assert not whole_file.close_unchanged(str(file), fd, identity)
    os.close(fd)


def test_where_the_module_was_not_built_nothing_is_done(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncup.pipeline._whole_file", None)
    without = runpy.run_path(whole_file.__file__)
    assert without["read_whole"](str(file), MOST) is None
    assert without["close_unchanged"](str(file), 0, identity_of(file)) is False
