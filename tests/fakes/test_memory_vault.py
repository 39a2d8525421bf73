"""The Vault in memory notices what it is there to notice."""

import anyio
import pytest

from asyncup.errors import TransportError, VaultError
from tests.fakes.memory_body import SLICE, MemoryBody
from tests.fakes.memory_vault import Endpoint, MemoryVault, flipped, lost_after, lost_before, refused, slow_answer


async def test_a_vault_that_nobody_called_is_no_proof() -> None:
    with pytest.raises(AssertionError, match="nobody called"):
        MemoryVault().assert_clean()


async def test_a_fault_that_nobody_met_is_no_proof() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LIST_SESSIONS, lost_before(), nth=2)
    async with memory.vault() as vault:
        await vault.list_upload_sessions()
        with pytest.raises(AssertionError, match="never met"):
            memory.assert_clean()
        await vault.list_upload_sessions()
        memory.assert_clean()


@pytest.mark.parametrize(
    ("number", "size", "words"),
    [
        (2, 1000, "part 2 offered when 0 are held"),
        (1, 999, "part 1 has 999 bytes"),
        (1, 10_001, "part 1 has 10001 bytes"),
        (1, 20_001, "more than the session's size"),
    ],
)
async def test_a_part_that_must_not_be_sent_is_noticed(number: int, size: int, words: str) -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 20_000)
    async with memory.vault() as vault:
        with pytest.raises(VaultError):
            await vault.put_part(session_id, number, MemoryBody(b"x" * size))
    with pytest.raises(AssertionError, match=words):
        memory.assert_clean()
    assert memory.effects == []


async def test_parts_of_different_sizes_are_noticed_and_the_last_may_be_any() -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 5000, b"x" * 2000)
    async with memory.vault() as vault:
        with pytest.raises(VaultError):
            await vault.put_part(session_id, 2, MemoryBody(b"x" * 1500))
        await vault.put_part(session_id, 2, MemoryBody(b"x" * 2000))
        await vault.put_part(session_id, 2, MemoryBody(b"y" * 2000))
        await vault.put_part(session_id, 3, MemoryBody(b"x" * 1000))
    assert memory.sessions[session_id].content == b"x" * 2000 + b"y" * 2000 + b"x" * 1000
    assert len(memory.violations) == 1


async def test_two_parts_of_one_session_at_once_are_noticed() -> None:
    memory, answer = MemoryVault(), anyio.Event()
    session_id = memory.open_session("/u1/a", 5000)
    memory.fail(Endpoint.PUT_PART, slow_answer(answer))
    async with memory.vault() as vault, anyio.create_task_group() as tasks:
        tasks.start_soon(vault.put_part, session_id, 1, MemoryBody(b"x" * 2000))
        await anyio.wait_all_tasks_blocked()
        await vault.put_part(session_id, 2, MemoryBody(b"x" * 2000))
        answer.set()
    assert memory.most_in_flight == 2
    with pytest.raises(AssertionError, match="two requests at once"):
        memory.assert_clean()


async def test_a_commit_of_half_a_file_and_a_large_slice_are_noticed() -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 5000, b"x" * 2000)
    async with memory.vault() as vault:
        with pytest.raises(VaultError):
            await vault.commit_upload_session(await vault.upload_session(session_id))
        with pytest.raises(VaultError):
            await vault.put_part(session_id, 2, MemoryBody(b"x" * (SLICE + 1), SLICE + 1))
    assert any("commit with 2000 of 5000" in words for words in memory.violations)
    assert any(f"a slice of {SLICE + 1}" in words for words in memory.violations)


async def test_faults_do_or_do_not_what_was_asked() -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 5000)
    body = MemoryBody(b"x" * 2000)
    memory.fail(Endpoint.PUT_PART, lost_before(), refused("INVALID_DATA"), flipped("wire"), lost_after())
    async with memory.vault() as vault:
        for kind, effects in ((TransportError, 0), (VaultError, 0), (VaultError, 0), (TransportError, 1)):
            with pytest.raises(kind):
                await vault.put_part(session_id, 1, body, content_md5=body.md5.hex())
            assert len(memory.effects) == effects
        memory.fail(Endpoint.PUT_PART, flipped("store"))
        receipt = await vault.put_part(session_id, 1, body, content_md5=body.md5.hex())
    assert receipt.md5 != body.md5.hex()
    assert memory.sessions[session_id].content != body.content
    memory.assert_clean()


async def test_a_job_asked_for_too_soon_is_refused() -> None:
    memory = MemoryVault(job_takes_s=100)
    session_id = memory.open_session("/u1/a", 1000, b"x" * 1000)
    async with memory.vault() as vault:
        job_id = await vault.commit_upload_session(await vault.upload_session(session_id))
        assert job_id is not None
        await vault.job_status(job_id)
        await vault.job_status(job_id)
    assert memory.count(Endpoint.JOB_STATUS) == 3
    assert sum(memory.waited) >= 10
