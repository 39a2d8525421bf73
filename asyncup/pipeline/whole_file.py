"""A small file read, or closed, in one step where the compiled module was built: `_whole_file`.

Opening, looking, reading and looking again are four calls of the system. Between two of them a thread waits for the
interpreter's lock, which in a busy program takes 35 us of CPU, and a small file has six. Only what goes well is done
here; whoever calls this goes step by step otherwise, and finds out what is wrong. Blocking: for worker threads.
"""

from __future__ import annotations

__all__ = ["close_unchanged", "read_whole"]

Identity = tuple[int, int, int, int, int]
"""Device, inode, size, and the nanoseconds of the last write and the last change: `SourceIdentity`'s fields."""

try:
    from asyncup.pipeline._whole_file import close_unchanged, read_whole
except ImportError:

    def read_whole(path: str, most: int, /) -> tuple[int, bytearray, Identity] | None:  # noqa: ARG001 - as the other
        """Open and read a regular file of at most `most` bytes; return its descriptor, its bytes and its identity.

        None: it is no such file, it was changed meanwhile, something went wrong, or it cannot be done like this; then
        nothing is open.

        Raises:
            ValueError: no path can be so.
        """
        return None

    def close_unchanged(path: str, fd: int, identity: Identity, /) -> bool:  # noqa: ARG001 - as the other
        """Close an open file if `path` names a file of this identity; tell whether it did."""
        return False
