"""Continuing: only what is proven to be the beginning of this very file is continued."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from asyncup import MemoryBudget, upload
from asyncup.errors import LimitExceeded, SourceChanged, UploadSessionConflict
from asyncup.events import Stage, StageEntered
from asyncup.pipeline.buffers import open_buffers
from asyncup.pipeline.open_source import open_source
from asyncup.pipeline.resume import compare_held_parts
from asyncup.pipeline.single_error import raise_single_error
from asyncup.pipeline.stage_clock import StageClock
from asyncup.protocol.plan import Part, Plan
from asyncup.protocol.responses import HeldPart
from tests.fakes.memory_vault import Endpoint, MemoryVault
from tests.pipeline.files import LocalFile, overwrite_a_byte
from tests.pipeline.leftovers import all_given_back, threads_at_work
from tests.pipeline.uploads import OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"


async def compare(
    file: LocalFile, held: Sequence[HeldPart], *, threads: int = 2, budget: int = 3 * PART_SIZE, may_map: bool = False
) -> int:
    """Compare `held` with the file; return how many parts are good, and see that nothing is left."""
    memory = MemoryBudget(budget)
    good = 0
    hashed: list[int] = []
    loop_thread = threading.get_ident()

    def on_hashed(part: Part, seconds: float) -> None:
        assert threading.get_ident() == loop_thread
        hashed.append(part.number)

    try:
        with raise_single_error(str(file.path)):
            async with (
                open_source(file.path) as source,
                open_buffers(source, memory, may_map=may_map, on_copying=lambda *_: None) as buffers,
            ):
                good = await compare_held_parts(
                    held,
                    Plan(len(file.content), PART_SIZE),
                    buffers,
                    hash_threads=threads,
                    clock=StageClock(lambda: 0.0, lambda _: None),
                    on_hashed=on_hashed,
                )
                await all_given_back(memory)
    finally:
        assert memory.taken == 0
        assert threads_at_work() == 0
    assert sorted(hashed) == [part.number for part in held]
    return good


def held_of(file: LocalFile, number: int) -> HeldPart:
    return HeldPart(number, len(file.part(number, PART_SIZE)), file.md5(number, PART_SIZE))


@pytest.mark.parametrize("may_map", [True, False], ids=["mapped", "copied"])
@pytest.mark.parametrize(("threads", "budget"), [(1, PART_SIZE), (3, PART_SIZE), (3, 10 * PART_SIZE), (20, 95_000)])
@pytest.mark.parametrize("parts", [0, 1, 2, PARTS])
async def test_parts_that_are_the_files_are_accepted(
    local_file: LocalFile, parts: int, threads: int, budget: int, *, may_map: bool
) -> None:
    held = [held_of(local_file, number) for number in range(1, parts + 1)]
    assert await compare(local_file, held, threads=threads, budget=budget, may_map=may_map) == parts


async def test_large_parts_are_hashed_to_their_end(large_file: LocalFile) -> None:
    """Hashing takes much longer than starting it: nothing may end it early."""
    session_size = len(large_file.content)
    memory = MemoryBudget(100 * 2**20)
    held = [HeldPart(1, session_size, large_file.md5(1, session_size))]
    async with (
        open_source(large_file.path) as source,
        open_buffers(source, memory, may_map=False, on_copying=lambda *_: None) as buffers,
    ):
        good = await compare_held_parts(
            held,
            Plan(session_size, session_size),
            buffers,
            hash_threads=1,
            clock=StageClock(lambda: 0.0, lambda _: None),
            on_hashed=lambda *_: None,
        )
    assert good == 1


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("wrong", range(1, PARTS))
async def test_a_part_with_other_bytes_is_a_conflict(local_file: LocalFile, wrong: int, threads: int) -> None:
    held = [held_of(local_file, number) for number in range(1, PARTS + 1)]
    held[wrong - 1] = replace(held[wrong - 1], md5="0" * 32)
    with pytest.raises(UploadSessionConflict, match=f"in part {wrong}") as raised:
        await compare(local_file, held, threads=threads)
    assert raised.value.part == wrong
    assert raised.value.path == str(local_file.path)
    assert raised.value.hint


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("parts", [1, 2, PARTS])
async def test_a_last_part_with_other_bytes_arrived_damaged(local_file: LocalFile, parts: int, threads: int) -> None:
    held = [held_of(local_file, number) for number in range(1, parts + 1)]
    held[-1] = replace(held[-1], md5="0" * 32)
    if parts == 1:
        # Nothing shows that the session is this file's at all.
        with pytest.raises(UploadSessionConflict):
            await compare(local_file, held, threads=threads)
    else:
        assert await compare(local_file, held, threads=threads) == parts - 1


async def test_a_file_that_changes_meanwhile_is_told(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [held_of(local_file, number) for number in range(1, PARTS + 1)]
    real = Plan.part

    def change_at_part_4(plan: Plan, number: int) -> object:
        if number == 4:
            overwrite_a_byte(local_file.path)
        return real(plan, number)

    monkeypatch.setattr(Plan, "part", change_at_part_4)
    with pytest.raises(SourceChanged):
        await compare(local_file, held)


# -- as `upload` does it


@pytest.mark.parametrize("held", range(PARTS + 1))
async def test_only_what_is_missing_is_sent(local_file: LocalFile, held: int) -> None:
    memory, witness = MemoryVault(page_size=3), Witness()
    session_id = memory.open_session(PATH, 95_000, *local_file.parts(PART_SIZE)[:held])
    async with memory.vault() as vault:
        result = await upload(local_file.path, session_id, vault=vault, options=OPTIONS, on_event=witness)
    assert memory.sessions[session_id].content == local_file.content
    assert memory.effects == [Endpoint.PUT_PART] * (PARTS - held)
    assert (result.resumed_parts, result.parts) == (held, PARTS)
    assert result.md5s == tuple(local_file.md5(number, PART_SIZE) for number in range(1, PARTS + 1))
    assert result.bytes_written == 95_000 - min(held * PART_SIZE, 95_000)
    assert held == 0 or Stage.HASH in [event.stage for event in witness.of(StageEntered)]
    witness.assert_consistent()
    memory.assert_clean()


@pytest.mark.parametrize("held", [2, 7, PARTS])
async def test_a_last_part_that_arrived_damaged_is_sent_again(local_file: LocalFile, held: int) -> None:
    memory, witness = MemoryVault(), Witness()
    *good, last = local_file.parts(PART_SIZE)[:held]
    session_id = memory.open_session(PATH, 95_000, *good, bytes(len(last)))
    async with memory.vault() as vault:
        result = await upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True, on_event=witness)
    assert memory.items[PATH] == local_file.content
    assert result.resumed_parts == held - 1
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS - held + 1
    witness.assert_consistent()


async def test_parts_that_are_too_small_to_ever_hold_the_file_are_told(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000, local_file.content[:1000])
    async with memory.vault() as vault:
        error = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS))
    assert type(error) is LimitExceeded
    assert error.limit == "max_parts"
    assert memory.effects == []


@settings(max_examples=settings().max_examples // 2)
@given(part_size=st.integers(1900, 10_000), held=st.integers(1, 50), asked=st.none() | st.integers(1000, 10_000))
async def test_the_sessions_part_size_is_kept(
    tmp_path_factory: pytest.TempPathFactory, part_size: int, held: int, asked: int | None
) -> None:
    content = bytes(range(256)) * 371
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "resumed.bin", content)
    parts = file.parts(part_size)
    held = min(held, len(parts))
    memory = MemoryVault()
    session_id = memory.open_session(PATH, len(content), *parts[:held])
    async with memory.vault() as vault:
        result = await upload(file.path, session_id, vault=vault, options=replace(OPTIONS, part_size=asked))
    assert memory.sessions[session_id].content == content
    assert len(memory.effects) == len(parts) - held
    assert (result.part_size, result.parts, result.resumed_parts) == (part_size, len(parts), held)
    memory.assert_clean()


BAD_SESSIONS = {
    "a gap": {1: 10_000, 3: 10_000},
    "no first part": {2: 10_000},
    "unequal parts": {1: 10_000, 2: 9_000},
    "a part larger than the file": {1: 95_001},
    "more than the file has": dict.fromkeys(range(1, 12), 10000),
    "an empty part": {1: 0},
}


@pytest.mark.parametrize("name", sorted(BAD_SESSIONS))
async def test_parts_that_cannot_be_the_files_are_a_conflict(local_file: LocalFile, name: str) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    memory.sessions[session_id].parts = {
        number: local_file.content[(number - 1) * PART_SIZE :][:size].ljust(size, b"x")
        for number, size in BAD_SESSIONS[name].items()
    }
    async with memory.vault() as vault:
        error = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS))
    assert type(error) is UploadSessionConflict
    assert memory.effects == []


async def test_another_file_of_the_same_size_is_not_continued(local_file: LocalFile, tmp_path: Path) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000, *local_file.parts(PART_SIZE)[:3])
    other = LocalFile.write(tmp_path / "other", local_file.content[:15_000] + b"!" + local_file.content[15_001:])
    async with memory.vault() as vault:
        error = await outcome(upload(other.path, session_id, vault=vault, options=OPTIONS, commit=True))
        assert type(error) is UploadSessionConflict
        assert error.part == 2
        assert memory.effects == []
        again = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS))
        assert succeeded(again).resumed_parts == 3
