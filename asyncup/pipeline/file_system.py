"""Which file systems can be trusted to see every change of a file. Must not know leases.

A lease binds the programs of this machine that open the file *here*. On a network file system, a FUSE mount or an
overlay of a container, the file is changed from elsewhere: the kernel grants a lease and keeps no promise.
"""

from __future__ import annotations

import ctypes
import functools
import sys

__all__ = ["changes_are_seen_here"]

_LOCAL = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0xF2F52010,  # F2FS
        0x01021994,  # tmpfs
    }
)
"""Magic numbers of statfs(2): file systems that only this machine changes, and only through themselves."""

_STATFS_BYTES = 256
"""More than any struct statfs; its first word is the magic number."""


def changes_are_seen_here(fd: int) -> bool:
    """Tell whether every change of an open file goes through this very mount. Linux only; False when in doubt."""
    fstatfs = _fstatfs()
    if fstatfs is None:
        return False
    answer = ctypes.create_string_buffer(_STATFS_BYTES)
    if fstatfs(fd, answer) != 0:
        return False
    return ctypes.c_ulong.from_buffer(answer).value & 0xFFFFFFFF in _LOCAL


@functools.cache
def _fstatfs() -> ctypes._NamedFuncPointer | None:
    if sys.platform != "linux":
        return None
    try:
        function = ctypes.CDLL(None).fstatfs
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_void_p]
    return function
