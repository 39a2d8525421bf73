"""Jobs whose work cannot be done."""

import anyio
import pytest

from asyncup.emulator import DrivenClock
from tests.emulator.plain_vault import plain_vault, switches

SLOW = switches(job_queued_s=5.0, job_duration_s=5.0, job_poll_min_s=0)


async def test_a_job_that_finds_its_parts_gone_fails(caplog: pytest.LogCaptureFixture) -> None:
    async with plain_vault(clock=DrivenClock(), switches=SLOW) as vault:
        upload = await vault.create("/u1/a", 20)
        for number in (1, 2):
            await vault.data(**vault.put(upload, number, b"x" * 10))
        assert vault.emulator.root is not None
        next((vault.emulator.root / "sessions" / upload).iterdir()).unlink()
        job = await vault.commit(upload)
        await vault.emulator.advance(5)
        assert await vault.job_status(job) == "ERRORS_ENCOUNTERED"
        assert await vault.names("u1") == []
        assert "10 of 20 bytes are left of /u1/a" in caplog.text


async def test_a_job_that_is_cancelled_while_it_waits_leaves_nothing() -> None:
    async with plain_vault(clock=DrivenClock(), switches=SLOW) as vault:
        job = await vault.upload("/u1/a", b"x" * 20)
        assert vault.emulator.root is not None
        joined = vault.emulator.root / f"incoming/job-{job}"
        while not (joined.exists() and joined.stat().st_size == 20):  # noqa: ASYNC110 - a thread
            await anyio.sleep(0.01)
        await vault.data("POST", "services/jobs/actions/cancel", json=[{"job_id": job}])
        assert not joined.exists()
        await vault.emulator.advance(10)
        assert await vault.job_status(job) == "CANCELLED"
        assert await vault.names("u1") == []
