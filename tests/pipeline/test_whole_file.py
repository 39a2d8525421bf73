"""Small files in one step: only what is right is read, only what is the same is closed, and nothing is left open."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline import whole_file
from asyncup.pipeline.source import SourceIdentity
from tests.pipeline.files import append, overwrite_a_byte, truncate
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
    path.write_bytes(b"content")
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


@pytest.mark.parametrize("act", [overwrite_a_byte, truncate, append, Path.unlink, lambda path: path.chmod(0o600)])
def test_what_was_changed_is_not_closed(file: Path, act: Callable[[Path], None]) -> None:
    read = whole_file.read_whole(str(file), MOST)
    assert read is not None
    fd, _, identity = read
    os.utime(file, ns=(0, 0))  # however coarse the file system's clock is
    act(file)
    assert not whole_file.close_unchanged(str(file), fd, identity)
    os.close(fd)


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
