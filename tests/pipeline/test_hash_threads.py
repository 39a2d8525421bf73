"""How many threads hash follows the file, the cores, the memory and the line."""

import os

import pytest
from hypothesis import given, strategies as st

from asyncup import UploadOptions, upload
from asyncup.pipeline import multi_md5, transfer as transfer_module
from asyncup.pipeline.hash_threads import cores_to_use, threads_while_comparing, threads_while_sending
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.multi_md5 import AT_ONCE
from asyncup.protocol.plan import Plan
from tests.fakes.memory_vault import MemoryVault
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import OPTIONS, PART_SIZE, PARTS

MIB = 2**20
GB = 1e9
LARGE = Plan(2**40, 50_000_000)


@pytest.mark.parametrize(
    ("plan", "memory", "cores", "bytes_per_s", "threads"),
    [
        pytest.param(LARGE, 2**30, 1, None, 2, id="one core"),
        pytest.param(LARGE, 2**30, 8, None, 9, id="one more than there are cores"),
        pytest.param(LARGE, 192 * MIB, 8, None, 3, id="four parts fit into the memory, and one is being sent"),
        pytest.param(LARGE, 60_000_000, 8, None, 1, id="one part fits"),
        pytest.param(LARGE, 1, 8, None, 1, id="no part fits: one is held all the same"),
        pytest.param(Plan(90_000_000, 50_000_000), 2**30, 8, None, 2, id="a file of two parts"),
        pytest.param(LARGE, 2**30, 8, 1e6, 2, id="a slow line: one, and the next one beside it"),
        pytest.param(LARGE, 2**30, 8, 3.0 * GB, 9, id="a fast line"),
        pytest.param(LARGE, 2**30, 8, 1.25 * GB, 5, id="ten gigabits"),
    ],
)
def test_threads_while_sending(plan: Plan, memory: int, cores: int, bytes_per_s: float | None, threads: int) -> None:
    assert threads_while_sending(plan, memory, cores=cores, at_once=1, bytes_per_s=bytes_per_s) == threads


def test_nothing_is_sent_while_parts_are_compared() -> None:
    assert threads_while_comparing(LARGE, 200_000_000, cores=8, at_once=1) == 4
    assert threads_while_comparing(LARGE, 199_999_999, cores=8, at_once=1) == 3
    assert threads_while_comparing(LARGE, 2**30, cores=2, at_once=1) == 3
    assert threads_while_comparing(LARGE, 1, cores=8, at_once=1) == 1
    assert threads_while_comparing(Plan(1, 50_000_000), 2**30, cores=8, at_once=1) == 1


@given(
    st.builds(Plan, st.integers(1, 2**42), st.integers(5 * MIB, 50_000_000)),
    st.integers(1, 2**34),
    st.integers(1, 256),
    st.none() | st.floats(1e-6, 1e12),
)
def test_there_is_always_one_and_never_more_than_the_memory_holds(
    plan: Plan, memory: int, cores: int, bytes_per_s: float | None
) -> None:
    sending = threads_while_sending(plan, memory, cores=cores, at_once=1, bytes_per_s=bytes_per_s)
    assert 1 <= sending <= threads_while_comparing(plan, memory, cores=cores, at_once=1)
    assert sending <= max(1, memory // plan.part_size - 1)
    assert sending <= cores + 1
    assert threads_while_sending(plan, memory, cores=cores, at_once=2, bytes_per_s=bytes_per_s) == 1
    assert threads_while_comparing(plan, memory, cores=cores, at_once=2) == 1
    if bytes_per_s is not None:
        assert sending <= threads_while_sending(plan, memory, cores=cores, at_once=1, bytes_per_s=2 * bytes_per_s)


def test_the_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 3, 5}, raising=False)
    assert cores_to_use() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores_to_use() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores_to_use() == 1


@pytest.mark.parametrize(
    ("chosen", "at_once", "bytes_per_s", "threads"),
    [(None, 1, None, 5), (None, 1, 1e6, 2), (None, AT_ONCE, None, 1 if AT_ONCE > 1 else 5), (7, AT_ONCE, 1e6, 7)],
    ids=["from the cores", "from the rate of earlier parts", "parts are hashed together", "the caller's choice"],
)
async def test_an_upload_uses_as_many(
    local_file: LocalFile,
    monkeypatch: pytest.MonkeyPatch,
    chosen: int | None,
    at_once: int,
    bytes_per_s: float | None,
    threads: int,
) -> None:
    used = []

    class Watched(Hasher):
        def __init__(self, tasks: object, threads: int, on_hashed: object, **others: object) -> None:
            used.append(threads)
            super().__init__(tasks, threads, on_hashed, **others)  # type: ignore[arg-type] # just handed on

    monkeypatch.setattr(transfer_module, "Hasher", Watched)
    monkeypatch.setattr(multi_md5, "AT_ONCE", at_once)
    monkeypatch.setattr(transfer_module, "cores_to_use", lambda: 4)
    memory = MemoryVault()
    session_id = memory.open_session("/u1/local.bin", len(local_file.content))
    options = UploadOptions(
        part_size=PART_SIZE, memory_budget=PARTS * PART_SIZE, hash_threads=chosen, retry=OPTIONS.retry
    )
    async with memory.vault() as vault:
        vault.part_rate.bytes_per_s = bytes_per_s
        await upload(local_file.path, session_id, vault=vault, options=options)
    assert used == [threads]
