"""What this machine says of itself, without depending on which machine it is."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from asyncup.cli.doctor import machine
from asyncup.cli.doctor.finding import Finding, Status
from asyncup.cli.doctor.machine import (
    look_at_disk,
    look_at_hashing,
    look_at_kernel,
    look_at_lease,
    look_at_python,
    sample_in,
)
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.vault_options import VaultOptions
from asyncup.pipeline import multi_md5


def visit_at(path: Path | None) -> Visit:
    return Visit(options=VaultOptions(), path=None if path is None else str(path))


async def test_python_and_the_kernel_are_named() -> None:
    python, kernel = await look_at_python(visit_at(None)), await look_at_kernel(visit_at(None))
    assert "aiohttp" in python.seen
    assert "SSL" in python.seen
    assert "MADV_POPULATE_READ" in kernel.seen


@pytest.mark.parametrize(("platform", "status"), [("linux", Status.WARN), ("win32", Status.OK)])
async def test_uvloop_is_missed_where_it_could_be(
    platform: str, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    monkeypatch.setattr("sys.platform", platform)
    assert (await look_at_python(visit_at(None))).status is status


@pytest.mark.parametrize(
    ("at_once", "platform", "status", "seen", "advice"),
    [
        (16, "linux", Status.OK, "16 parts together on a core, with SIMD instructions", ""),
        (1, "linux", Status.WARN, "one part at a time", "gcc"),
        (1, "win32", Status.OK, "one part at a time", ""),
    ],
)
async def test_how_parts_are_hashed(
    at_once: int, platform: str, status: Status, seen: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_md5, "AT_ONCE", at_once)
    monkeypatch.setattr(multi_md5, "INSTRUCTIONS", ("portable", "SIMD"))
    monkeypatch.setattr("sys.platform", platform)
    finding = await look_at_hashing(visit_at(None))
    assert finding.status is status
    assert seen in finding.seen
    assert advice in finding.advice


@pytest.mark.parametrize("look", [look_at_lease, look_at_disk])
async def test_without_a_path_there_is_nothing_to_look_at(look: Callable[[Visit], Awaitable[Finding]]) -> None:
    finding = await look(visit_at(None))
    assert finding.status is Status.SKIPPED
    assert "--path" in finding.seen


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("none", Status.FAIL, 10), ("empty", Status.SKIPPED, 0)],
)
async def test_a_path_that_tells_nothing(name: str, status: Status, code: int, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for look in (look_at_lease, look_at_disk):
        finding = await look(visit_at(tmp_path / name))
        assert (finding.status, finding.code) == (status, code)


async def test_a_disk_that_fails_is_the_sources_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> tuple[int, float]:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.setattr(machine, "_read_for_a_while", refuse)
    monkeypatch.setattr(machine, "_lease_is_granted", refuse)
    for look in (look_at_lease, look_at_disk):
        finding = await look(visit_at(tmp_path / "a"))
        assert (finding.status, finding.code) == (Status.FAIL, 12)
        assert "Permission denied" in finding.seen


def test_the_largest_file_of_a_folder_is_the_sample(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, size in (("a", 10), ("sub/b", 30), ("c", 20)):
        (tmp_path / name).write_bytes(bytes(size))
    assert sample_in(tmp_path) == tmp_path / "sub" / "b"
    assert sample_in(tmp_path / "a") == tmp_path / "a"


async def test_a_file_is_read_and_leased(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(2_000_000))
    finding = await look_at_disk(visit_at(tmp_path))
    assert finding.status in (Status.OK, Status.WARN)
    assert "2.0 MB of " in finding.seen
    assert "granted, files are" in (await look_at_lease(visit_at(tmp_path))).seen
    (tmp_path / "a").write_bytes(bytes(100))
    assert "too small" in (await look_at_disk(visit_at(tmp_path))).seen


def test_a_finding_is_told_from_a_path(tmp_path: Path) -> None:
    assert isinstance(sample_in(tmp_path / "none"), Finding)
