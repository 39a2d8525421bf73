"""Which file systems are trusted to see every change: those that only this machine changes."""

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from asyncup.pipeline import file_system
from asyncup.pipeline.file_system import changes_are_seen_here
from tests.pipeline.files import LocalFile, leases_work

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


def test_it_agrees_with_the_systems_own_tools(local_file: LocalFile, tmp_path: Path) -> None:
    with local_file.opened() as source:
        assert changes_are_seen_here(source.fd) == leases_work(tmp_path)


def test_a_file_that_the_kernel_makes_up_is_not_trusted() -> None:
    with Path("/proc/version").open("rb") as file:
        assert not changes_are_seen_here(file.fileno())


def test_a_closed_file_is_not_trusted(local_file: LocalFile) -> None:
    with local_file.opened() as source:
        pass
    assert not changes_are_seen_here(source.fd)


@pytest.mark.parametrize(
    ("magic", "trusted"),
    [
        (0xEF53, True),  # ext4
        (0x9123683E, True),  # Btrfs, whose number looks negative in 32 bits
        (0x01021994, True),  # tmpfs
        (0x6969, False),  # NFS
        (0xFF534D42, False),  # CIFS
        (0xFE534D42, False),  # SMB2
        (0x65735546, False),  # FUSE
        (0x794C7630, False),  # overlayfs
        (0x01021997, False),  # 9p, of a virtual machine
        (0, False),
    ],
)
def test_what_is_changed_from_elsewhere_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, magic: int, *, trusted: bool
) -> None:
    def fstatfs(_: int, answer: ctypes.Array[ctypes.c_char]) -> int:
        ctypes.c_ulong.from_buffer(answer).value = magic
        return 0

    monkeypatch.setattr(file_system, "_fstatfs", lambda: fstatfs)
    assert changes_are_seen_here(0) == trusted


def test_elsewhere_nothing_is_trusted(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file_system._fstatfs.cache_clear()
    monkeypatch.setattr(file_system, "sys", SimpleNamespace(platform="darwin"))
    try:
        with local_file.opened() as source:
            assert not changes_are_seen_here(source.fd)
    finally:
        file_system._fstatfs.cache_clear()


@pytest.mark.parametrize("failed", [OSError, AttributeError])
def test_without_the_systems_answer_nothing_is_trusted(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, failed: type[Exception]
) -> None:
    """A C library that cannot be opened, as in a static build of Python, or that has no `fstatfs`."""

    def refuse(name: None) -> ctypes.CDLL:
        raise failed

    file_system._fstatfs.cache_clear()
    try:
        with local_file.opened() as source, monkeypatch.context() as patched:
            patched.setattr(ctypes, "CDLL", refuse)
            assert not changes_are_seen_here(source.fd)
    finally:
        file_system._fstatfs.cache_clear()
