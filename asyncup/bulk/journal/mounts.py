"""Whether a path is on a network file system, where a journal is slow and its locks may be none. Linux only.

Must not know journals.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["file_system_in", "network_file_system"]

_NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "ncpfs",
        "virtiofs",
        "beegfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.gcsfuse",
        "fuse.mount-s3",
    ]
)
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def network_file_system(path: str | os.PathLike[str]) -> str | None:
    """Return the type of the network file system that a path is on, None when it is on none, or that is unknown."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return None
    kind = file_system_in(mounts, os.path.realpath(path))
    return kind if kind in _NETWORK else None


def file_system_in(mounts: str, path: str) -> str | None:
    """Return the type of file system that an absolute path is on, by the text of `/proc/self/mountinfo`."""
    best, kind = "", None
    for line in mounts.splitlines():
        # Documented (proc(5)): the mount point is the fifth field; the type follows a lone hyphen.
        fields, _, behind = line.partition(" - ")
        words, types = fields.split(" "), behind.split(" ")
        if len(words) < 5 or not types[0]:  # noqa: PLR2004 - see above
            continue
        place = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), words[4])
        if (path + "/").startswith(place.rstrip("/") + "/") and len(place) >= len(best):
            best, kind = place, types[0]
    return kind
