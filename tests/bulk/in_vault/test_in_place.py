"""What Vault has already: each folder is listed once, and a large one is not held in memory."""

from pathlib import Path

import pytest

from asyncup.bulk.in_vault import in_place
from asyncup.bulk.in_vault.in_place import A_FOLDER, InPlace
from asyncup.bulk.journal.entry import Matching, RunKey
from tests.bulk.journals import opened
from tests.fakes.memory_vault import Endpoint, MemoryVault

KEY = RunKey(source="/data", destination="/u1/t")


def filled() -> MemoryVault:
    memory = MemoryVault(page_size=7)
    memory.folders |= {"/u1/t", "/u1/t/a", "/u1/t/a/below"}
    memory.items |= {f"/u1/t/a/f{number}": b"x" * number for number in range(30)}
    return memory


@pytest.mark.parametrize("most", [20_000, 5])
async def test_sizes_are_found_in_memory_and_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(in_place, "_MOST_IN_MEMORY", most)
    memory, listed = filled(), list[tuple[str, int | None]]()
    async with memory.vault() as vault, opened(tmp_path, KEY) as journal:
        there = InPlace(vault, journal, lambda *told: listed.append(told))
        assert [await there.size_of(f"/u1/t/a/f{number}") for number in range(31)] == [*range(30), None]
        assert await there.size_of("/u1/t/a/below") == A_FOLDER
        assert await there.size_of("/u1/t/b/c/d/f") is None
        asked = memory.count(Endpoint.LIST_ITEMS)
        assert await there.size_of("/u1/t/b/c/e/f") is None
        assert await there.size_of("/u1/t/a/f3") == 3
        assert memory.count(Endpoint.LIST_ITEMS) == asked
    assert [folder for folder, _ in listed] == ["/u1/t", "/u1/t/a"]


async def test_a_look_again_sees_what_came_meanwhile(tmp_path: Path) -> None:
    memory = filled()
    async with memory.vault() as vault, opened(tmp_path, KEY) as journal:
        there = InPlace(vault, journal, lambda *_: None)
        assert await there.size_of("/u1/t/a/new") is None
        memory.items["/u1/t/a/new"] = b"12345"
        assert await there.size_of("/u1/t/a/new") is None
        assert await there.look_again("/u1/t/a/new") == 5
        assert await there.look_again("/u1/nowhere/new") is None


async def test_unicode_forms_are_one_name_and_cases_are_two(tmp_path: Path) -> None:
    memory = filled()
    memory.items |= {"/u1/t/a/caf\u00e9": b"123"}
    async with memory.vault() as vault, opened(tmp_path, KEY) as journal:
        there = InPlace(vault, journal, lambda *_: None)
        assert await there.size_of("/u1/t/a/cafe\u0301") == 3
        assert await there.size_of("/u1/t/a/CAF\u00c9") is None
    exact = RunKey(source="/data", destination="/u1/t", matching=Matching.EXACT)
    (tmp_path / "exact").mkdir()
    async with memory.vault() as vault, opened(tmp_path / "exact", exact) as journal:
        memory.closed = False
        assert await InPlace(vault, journal, lambda *_: None).size_of("/u1/t/a/cafe\u0301") is None
