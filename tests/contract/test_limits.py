"""The true sizes: what is right under every reading of the documents' "MB" is taken by every profile.

Everywhere else in this folder a part has kilobytes. Only profiles with limits of their own are asked.
"""

from dataclasses import fields
from pathlib import Path

import pytest

from asyncup import UploadOptions, upload_file
from asyncup.emulator import PROFILES, Switches
from asyncup.protocol.limits import LIMITS_2000_PARTS, LIMITS_9616_PARTS
from tests.contract.targets import emulated_vault

LIMITS = [field.name for field in fields(Switches) if field.name.endswith("_max") or field.name.endswith("_bytes")]
WITH_LIMITS = [
    name
    for name, switches in PROFILES.items()
    if name == "default" or any(getattr(switches, limit) != getattr(Switches(), limit) for limit in LIMITS)
]


def sparse(path: Path, size: int) -> Path:
    """Return a file of that size which takes no room on the disk."""
    with path.open("wb") as file:
        file.seek(size - 1)
        file.write(b"x")
    return path


def test_the_profiles_that_contradict_each_other_are_among_them() -> None:
    assert {"default", "26.2", "strict-decimal"} <= set(WITH_LIMITS)
    assert len(WITH_LIMITS) < len(PROFILES)


@pytest.mark.parametrize("profile", WITH_LIMITS)
async def test_the_largest_part_and_the_largest_single_request_are_taken(profile: str, tmp_path: Path) -> None:
    limits = LIMITS_2000_PARTS
    assert limits.preferred_part_size == LIMITS_9616_PARTS.preferred_part_size
    async with emulated_vault(PROFILES[profile], limits=limits) as (emulator, vault):
        largest = sparse(tmp_path / "largest.bin", limits.max_item_size)
        single = await upload_file(largest, "/u11/single.bin", vault=vault)
        assert single.session_id is None
        options = UploadOptions(small_file_max=0, memory_budget=4 * limits.preferred_part_size)
        more = sparse(tmp_path / "more.bin", limits.preferred_part_size + 1)
        parts = await upload_file(more, "/u11/parts.bin", vault=vault, options=options)
        assert parts.parts == 2
        assert limits.preferred_part_size - 4096 <= parts.part_size <= limits.preferred_part_size
        assert emulator.stored("/u11/parts.bin").stat().st_size == more.stat().st_size
        assert [seen.error_type for seen in emulator.seen if seen.error_type] == []


@pytest.mark.parametrize("profile", WITH_LIMITS)
async def test_the_smallest_part_is_taken(profile: str, tmp_path: Path) -> None:
    async with emulated_vault(PROFILES[profile], limits=LIMITS_2000_PARTS) as (emulator, vault):
        smallest = LIMITS_2000_PARTS.min_part_size
        options = UploadOptions(small_file_max=0, part_size=smallest)
        done = await upload_file(sparse(tmp_path / "a.bin", smallest + 1), "/u11/a.bin", vault=vault, options=options)
        assert (done.parts, done.part_size) == (2, smallest)
        assert [seen.error_type for seen in emulator.seen if seen.error_type] == []
