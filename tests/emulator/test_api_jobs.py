"""Asking for jobs over HTTP."""

import pytest

from asyncup.emulator import DrivenClock
from tests.emulator.plain_vault import plain_vault, switches

SLOW = switches(job_queued_s=2.0, job_duration_s=5.0, job_poll_min_s=0)
JOBS = "services/jobs"


async def test_one_job_as_documented() -> None:
    async with plain_vault(clock=DrivenClock(), switches=SLOW) as vault:
        job = await vault.upload("/u1/a", b"x" * 20)
        path = f"{JOBS}/{job}"
        queued = await vault.data("GET", path)
        assert queued == {
            "id": job,
            "status": "QUEUED",
            "method": "POST",
            "links": [
                {
                    "rel": "self",
                    "href": f"/api/v25.2/services/jobs/{job}",
                    "method": "GET",
                    "accept": "application/json",
                }
            ],
            "created_by": 1,
            "created_date": "2026-01-01T00:00:00.000Z",
        }
        await vault.emulator.advance(2)
        running = await vault.data("GET", path)
        assert running["status"] == "RUNNING"
        assert running["run_start_date"] == "2026-01-01T00:00:02.000Z"
        await vault.emulator.advance(3)
        done = await vault.data("GET", path)
        assert (done["status"], done["run_end_date"]) == ("SUCCESS", "2026-01-01T00:00:05.000Z")


@pytest.mark.parametrize("job", ["1", "x", "-1"])
async def test_no_such_job(job: str) -> None:
    async with plain_vault() as vault:
        assert await vault.error("GET", f"{JOBS}/{job}") == "INVALID_DATA"


async def test_many_jobs_at_once() -> None:
    async with plain_vault(clock=DrivenClock(), switches=SLOW) as vault:
        done = [await vault.upload(f"/u1/{name}", b"x" * 20) for name in "abc"]
        await vault.emulator.advance(10)
        pending = await vault.upload("/u1/d", b"x" * 20)

        found = await vault.call("GET", f"{JOBS}/histories?limit=2")
        assert [job["job_id"] for job in found["jobs"]] == [done[2], done[1]]
        assert found["responseDetails"]["total"] == 3
        rest = found["responseDetails"]["next_page"]
        assert rest == f"/api/v25.2/{JOBS}/histories?limit=2&offset=2"
        last = await vault.call("GET", rest)
        assert [job["job_id"] for job in last["jobs"]] == done[:1]
        assert "next_page" not in last["responseDetails"]
        assert last["jobs"][0]["status"] == "SUCCESS"

        found = await vault.call("GET", f"{JOBS}/monitors")
        [job] = found["jobs"]
        assert (job["job_id"], job["status"]) == (pending, "QUEUED")
        assert "run_end_date" not in job


async def test_filters() -> None:
    async with plain_vault(clock=DrivenClock(), switches=SLOW) as vault:
        for name in "ab":
            await vault.upload(f"/u1/{name}", b"x" * 20)
            await vault.emulator.advance(60)

        async def total(query: str) -> int:
            found = await vault.call("GET", f"{JOBS}/histories?{query}")
            count: int = found["responseDetails"]["total"]
            return count

        assert await total("") == 2
        assert await total("status=success") == 2
        assert await total("status=cancelled") == 0
        assert await total("start_date=2026-01-01T00:01:00Z") == 1
        assert await total("end_date=2026-01-01T00:01:00Z") == 1
        for query in ("limit=0", "limit=201", "offset=-1", "limit=x", "start_date=x"):
            assert await vault.error("GET", f"{JOBS}/histories?{query}") == "INVALID_DATA"


async def test_cancelling() -> None:
    async with plain_vault(clock=DrivenClock(), switches=SLOW) as vault:
        running = await vault.upload("/u1/a", b"x" * 20)
        await vault.emulator.advance(2)
        queued = await vault.upload("/u1/b", b"x" * 20)
        path = f"{JOBS}/actions/cancel"
        rows = await vault.data("POST", path, json=[{"job_id": queued}, {"job_id": running}])
        assert rows[0] == {"responseStatus": "SUCCESS", "data": {"id": queued}}
        assert rows[1]["errors"]["type"] == "INVALID_DATA"
        await vault.emulator.advance(10)
        assert await vault.job_status(queued) == "CANCELLED"
        assert await vault.names("u1") == ["/u1/a"]
        assert vault.emulator.root is not None
        assert list((vault.emulator.root / "sessions").iterdir()) == []
        text = {"headers": {"Content-Type": "text/csv"}, "data": f"job_id\n{queued}\n"}
        [row] = await vault.data("POST", path, **text)
        assert row["responseStatus"] == "FAILURE"
        assert await vault.error("POST", path, data="x") == "INVALID_DATA"
        many = [{"job_id": number} for number in range(501)]
        assert await vault.error("POST", path, json=many) == "INVALID_DATA"
