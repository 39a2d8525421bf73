"""Which file system a path is on."""

from pathlib import Path

import pytest

from asyncup.bulk.journal import mounts
from asyncup.bulk.journal.mounts import file_system_in, network_file_system

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /net rw shared:2 master:1 - nfs4 server:/x rw
31 30 0:41 / /net/local\\040disk rw - xfs /dev/vdb rw
32 22 0:42 / /cover rw - ext4 /dev/vdc rw
33 22 0:43 / /cover rw - cifs //server/share rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/x", "ext4"),
        ("/network", "ext4"),
        ("/net", "nfs4"),
        ("/net/a/b", "nfs4"),
        ("/net/local disk/j.db", "xfs"),
        ("/cover/j.db", "cifs"),
    ],
)
def test_the_longest_and_last_mount_counts(path: str, kind: str) -> None:
    assert file_system_in(MOUNTS, path) == kind


def test_only_network_file_systems_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS + f"34 22 0:44 / {tmp_path} rw - nfs server:/y rw\n")
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "mountinfo")
    assert network_file_system(tmp_path / "j.db") == "nfs"
    assert network_file_system("/home") is None
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "missing")
    assert network_file_system(tmp_path) is None
