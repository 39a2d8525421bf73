"""From all parts to a visible file: once, only when Vault holds what was acknowledged, and with every ending told."""

from __future__ import annotations

import pytest

from asyncup import upload
from asyncup.errors import AsyncupError, JobFailed, TransportError, UploadSessionConflict, VaultUnreachable
from asyncup.events import JobStatusSeen
from asyncup.pipeline.results import UploadResult
from tests.fakes.memory_vault import Endpoint, Fault, MemoryVault, do, lost_after, lost_before, refused, unreachable
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"


async def commit(file: LocalFile, memory: MemoryVault) -> tuple[UploadResult | AsyncupError, Witness]:
    """Commit a session that holds every part."""
    witness = Witness()
    session_id = memory.open_session(PATH, len(file.content), *file.parts(PART_SIZE))
    async with memory.vault(retry=OPTIONS.retry) as vault:
        result = await outcome(
            upload(file.path, session_id, vault=vault, options=OPTIONS, commit=True, on_event=witness)
        )
    assert memory.violations == []
    return result, witness


async def test_the_file_is_visible_when_it_returns(local_file: LocalFile) -> None:
    memory = MemoryVault()
    result, witness = await commit(local_file, memory)
    assert succeeded(result).committed
    assert memory.items == {PATH: local_file.content}
    assert [event.status for event in witness.of(JobStatusSeen)][-1] == "SUCCESS"
    assert memory.effects == [Endpoint.COMMIT]


async def test_a_part_that_somebody_replaced_since_is_not_committed(local_file: LocalFile) -> None:
    memory = MemoryVault()

    def replace_part_4(memory: MemoryVault) -> None:
        [session] = memory.sessions.values()
        session.parts[4] = bytes(PART_SIZE)

    memory.fail(Endpoint.LIST_PARTS, do(replace_part_4), nth=2)
    result, _ = await commit(local_file, memory)
    assert type(result) is UploadSessionConflict
    assert memory.effects == []
    memory.assert_clean()


async def test_a_list_without_md5s_leaves_it_to_the_receipts(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.unlisted_md5s = set(range(1, PARTS + 1))
    result, _ = await commit(local_file, memory)
    assert succeeded(result).resumed_parts == 0
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS
    assert memory.items == {PATH: local_file.content}


@pytest.mark.parametrize("fault", [lost_before, lost_after, unreachable, lambda: refused("API_LIMIT_EXCEEDED")])
async def test_one_fault_is_survived_and_the_commit_done_once(local_file: LocalFile, fault: type[Fault]) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.COMMIT, fault())
    result, _ = await commit(local_file, memory)
    assert succeeded(result).committed
    assert memory.effects.count(Endpoint.COMMIT) == 1
    assert memory.items == {PATH: local_file.content}


@pytest.mark.parametrize(("fault", "kind"), [(lost_before, TransportError), (unreachable, VaultUnreachable)])
async def test_a_fault_without_end_leaves_the_session(
    local_file: LocalFile, fault: type[Fault], kind: type[AsyncupError]
) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.COMMIT, *[fault() for _ in range(ATTEMPTS)])
    result, _ = await commit(local_file, memory)
    assert type(result) is kind
    assert [result.session_id] == list(memory.sessions)


async def test_a_job_that_fails_is_told(local_file: LocalFile) -> None:
    result, _ = await commit(local_file, MemoryVault(job_ending="ERRORS_ENCOUNTERED"))
    assert type(result) is JobFailed
    assert result.job_status == "ERRORS_ENCOUNTERED"


async def test_a_job_that_cannot_be_asked_about_is_named(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.JOB_STATUS, *[refused("INVALID_DATA")])
    result, _ = await commit(local_file, memory)
    assert isinstance(result, AsyncupError)
    assert "Vault has every byte" in result.hint
    assert str(next(iter(memory.jobs))) in result.hint
