"""Reading a range, however little the system gives at once, with `preadv` and without."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline import positional_read
from asyncup.pipeline.positional_read import read_into

CONTENT = bytes(range(256)) * 4


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("read") / "file"
    path.write_bytes(CONTENT)
    return path


@given(offset=st.integers(0, 1100), length=st.integers(0, 1100), at_once=st.integers(1, 400))
def test_it_reads_on_until_the_range_or_the_file_ends(file: Path, offset: int, length: int, at_once: int) -> None:
    """The system may give less than it was asked for, at any time."""
    calls = 0

    def give_little(fd: int, views: list[memoryview], at: int) -> int:
        nonlocal calls
        calls += 1
        return os.preadv(fd, [views[0][:at_once]], at)

    fd = os.open(file, os.O_RDONLY)
    try:
        memory = bytearray(length)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(positional_read, "os", _Os(preadv=give_little))
            got = read_into(fd, memoryview(memory), offset)
        assert bytes(memory[:got]) == CONTENT[offset : offset + length]
        assert got == len(CONTENT[offset : offset + length])
        assert calls >= -(-got // at_once)
        assert os.lseek(fd, 0, os.SEEK_CUR) == 0, "the position stays"
    finally:
        os.close(fd)


@pytest.fixture(scope="module")
def without_preadv() -> ModuleType:
    """The module as it is on a system that has no `preadv`."""
    spec = spec_from_file_location("positional_read_elsewhere", positional_read.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.delattr(os, "preadv")
        spec.loader.exec_module(module)
    return module


@given(offset=st.integers(0, 1100), length=st.integers(0, 1100))
def test_without_preadv_it_reads_the_same(file: Path, without_preadv: ModuleType, offset: int, length: int) -> None:
    fd = os.open(file, os.O_RDONLY)
    try:
        memory = bytearray(length)
        got = without_preadv.read_into(fd, memoryview(memory), offset)
        assert bytes(memory[:got]) == CONTENT[offset : offset + length]
        assert got == len(CONTENT[offset : offset + length])
        assert not length or os.lseek(fd, 0, os.SEEK_CUR) == offset + got, "it is the other one"
    finally:
        os.close(fd)


def test_without_preadv_threads_do_not_disturb_each_other(file: Path, without_preadv: ModuleType) -> None:
    fd = os.open(file, os.O_RDONLY)

    def read(offset: int) -> bytes:
        memory = bytearray(100)
        without_preadv.read_into(fd, memoryview(memory), offset)
        return bytes(memory)

    offsets = [offset % 900 for offset in range(0, 70_000, 7)]
    try:
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(read, offsets)) == [CONTENT[offset : offset + 100] for offset in offsets]
    finally:
        os.close(fd)


def test_a_failing_disk_is_an_error() -> None:
    with pytest.raises(OSError, match="Bad file") as raised:
        read_into(-1, memoryview(bytearray(1)), 0)
    assert raised.value.errno == errno.EBADF


class _Os:
    def __init__(self, preadv: Callable[[int, list[memoryview], int], int]) -> None:
        self.preadv = preadv
