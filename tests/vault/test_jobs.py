"""Jobs: waited for no more often than Vault allows, and only one ending is good."""

import pytest

from asyncup.errors import JobFailed, TransportError, VaultError
from asyncup.protocol.responses import JobStatus
from tests.fakes.memory_vault import (
    Endpoint,
    Fault,
    MemoryVault,
    lost_after,
    lost_before,
    raw,
    refused,
    unreachable,
)


async def committed(memory: MemoryVault) -> int:
    session_id = memory.open_session("/u1/a.bin", 1000, b"x" * 1000)
    async with memory.vault() as vault:
        job_id = await vault.commit_upload_session(await vault.upload_session(session_id))
    memory.closed = False
    assert job_id is not None
    return job_id


@pytest.mark.parametrize(
    ("takes_s", "statuses"),
    [(0.5, ["SUCCESS"]), (5, ["RUNNING", "SUCCESS"]), (25, ["RUNNING", "RUNNING", "RUNNING", "SUCCESS"])],
)
async def test_a_job_is_waited_for_with_the_pauses_that_vault_wants(takes_s: float, statuses: list[str]) -> None:
    memory = MemoryVault(job_takes_s=takes_s)
    job_id = await committed(memory)
    seen: list[str] = []
    async with memory.vault() as vault:
        await vault.wait_for_job(job_id, on_status=seen.append)
    assert seen == statuses
    assert memory.waited == [1.0] + [10.0] * (len(statuses) - 1)
    assert memory.items["/u1/a.bin"] == b"x" * 1000


@pytest.mark.parametrize(("within_s", "asked"), [(0, 1), (1, 1), (2, 2), (11, 2), (30, 4)])
async def test_a_job_without_end_is_not_waited_for_for_ever(within_s: float, asked: int) -> None:
    memory = MemoryVault(job_takes_s=10_000)
    job_id = await committed(memory)
    async with memory.vault() as vault:
        with pytest.raises(JobFailed, match="is still RUNNING") as failed:
            await vault.wait_for_job(job_id, within_s=within_s)
    assert (failed.value.job_id, failed.value.job_status) == (job_id, "RUNNING")
    assert memory.count(Endpoint.JOB_STATUS) == asked
    assert sum(memory.waited) >= within_s


@pytest.mark.parametrize("ending", ["ERRORS_ENCOUNTERED", "CANCELLED", "TIMEOUT", "FAILURE", "SOMETHING_NEW"])
async def test_any_other_ending_is_a_failure_that_names_the_job(ending: str) -> None:
    memory = MemoryVault(job_ending=ending)
    job_id = await committed(memory)
    async with memory.vault() as vault:
        with pytest.raises(JobFailed) as failed:
            await vault.wait_for_job(job_id)
    assert (failed.value.job_id, failed.value.job_status) == (job_id, ending)
    assert str(job_id) in str(failed.value)
    assert ending in str(failed.value)
    assert failed.value.hint
    assert memory.count(Endpoint.JOB_STATUS) == 1


@pytest.mark.parametrize(
    "fault",
    [lost_before(), lost_after(), unreachable(), raw(503), raw(200, "<html>"), refused("API_LIMIT_EXCEEDED")],
    ids=["lost before", "lost after", "unreachable", "503", "proxy", "too soon"],
)
async def test_a_question_that_is_lost_is_asked_again_no_sooner_than_allowed(fault: Fault) -> None:
    memory = MemoryVault(job_takes_s=0)
    job_id = await committed(memory)
    memory.fail(Endpoint.JOB_STATUS, fault)
    async with memory.vault() as vault:
        await vault.wait_for_job(job_id)
    memory.assert_clean()
    assert "/u1/a.bin" in memory.items
    assert memory.count(Endpoint.JOB_STATUS) == 2, "the second question did not come too soon"


async def test_a_job_that_cannot_be_asked_for_is_the_error_of_the_asking() -> None:
    memory = MemoryVault()
    job_id = await committed(memory)
    memory.fail(Endpoint.JOB_STATUS, *[lost_before()] * 6)
    async with memory.vault() as vault:
        with pytest.raises(TransportError) as away:
            await vault.wait_for_job(job_id)
    assert away.value.attempts == 6
    memory.assert_clean()


async def test_an_unknown_job_is_refused_at_once() -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="no job 5"):
            await vault.wait_for_job(5)
    assert memory.count(Endpoint.JOB_STATUS) == 1


async def test_many_jobs_are_listed_in_one_call() -> None:
    memory = MemoryVault(job_takes_s=100)
    first = await committed(memory)
    memory.now_s += 50
    second = await committed(memory)
    memory.now_s += 60
    async with memory.vault() as vault:
        assert await vault.ended_jobs() == [JobStatus(first, "SUCCESS")]
        assert await vault.running_jobs(limit=5, offset=10) == [JobStatus(second, "RUNNING")]
        assert await vault.job_status(second) == JobStatus(second, "RUNNING")
    assert [seen.target.partition("?")[2] for seen in memory.seen[-3:-1]] == ["limit=200&offset=0", "limit=5&offset=10"]
