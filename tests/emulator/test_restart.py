"""An emulator that is started on the root of an earlier one: also of one that was killed."""

import json
import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from asyncup.emulator import DrivenClock, EmulatorConfig, running_emulator
from asyncup.emulator.jobs import CommitUpload, Job, ListToCsv
from asyncup.emulator.records import job_record
from tests.emulator.plain_vault import PlainVault, md5, plain_vault, switches

SESSIONS = "services/file_staging/upload"
SLOW = switches(job_duration_s=5.0, job_poll_min_s=0)
BODY = b"0123456789"


async def test_sessions_parts_items_and_logins_are_as_they_were(tmp_path: Path) -> None:
    clock = DrivenClock()
    async with plain_vault(root=tmp_path, clock=clock) as vault:
        form = {"username": "emulator@example.com", "password": "password"}
        session = (await vault.call("POST", "auth", data=form))["sessionId"]
        vault.authorization = session
        await vault.post_folder("/u1/empty folder")
        await vault.post_file("/u1/odd: name?.txt", b"hello")
        upload = await vault.create("/u1/a", 25, overwrite="true")
        await vault.emulator.advance(60)
        await vault.data(**vault.put(upload, 1, BODY))
        await vault.data(**vault.put(upload, 1, BODY[::-1]))
        before = [await vault.data("GET", SESSIONS), await vault.data("GET", f"{SESSIONS}/{upload}/parts")]
        items = await vault.data("GET", "services/file_staging/items/?recursive=true")
    async with plain_vault(root=tmp_path, clock=clock) as vault:
        vault.authorization = session
        after = [await vault.data("GET", SESSIONS), await vault.data("GET", f"{SESSIONS}/{upload}/parts")]
        assert after == before
        assert await vault.data("GET", "services/file_staging/items/?recursive=true") == items
        for number, body in [(2, BODY), (3, b"last.")]:
            await vault.data(**vault.put(upload, number, body))
        await vault.commit(upload)
        await vault.names()
        assert (tmp_path / "files/u1/a").read_bytes() == BODY[::-1] + BODY + b"last."


async def test_a_job_goes_on(tmp_path: Path) -> None:
    clock = DrivenClock()
    async with plain_vault(root=tmp_path, clock=clock, switches=SLOW) as vault:
        job = await vault.upload("/u1/a", BODY * 2)
    async with plain_vault(root=tmp_path, clock=clock, switches=SLOW) as vault:
        assert await vault.data("GET", SESSIONS) == []
        assert await vault.job_status(job) == "RUNNING"
        assert await vault.names("u1") == []
        await vault.emulator.advance(5)
        assert await vault.job_status(job) == "SUCCESS"
        assert vault.emulator.stored("/u1/a").read_bytes() == BODY * 2
        assert list((tmp_path / "incoming").iterdir()) == []
        assert list((tmp_path / "sessions").iterdir()) == []
        assert await vault.upload("/u1/b", BODY) == job + 1


@pytest.mark.parametrize("is_shown", [False, True])
async def test_a_kill_between_deciding_and_showing(tmp_path: Path, *, is_shown: bool) -> None:
    """The outcome was written down; the file was shown, or not yet."""
    job = Job(100_001, CommitUpload("gone", "/u1/a", 10, False), "POST", 1, 0.0, 0.0, 0.0, "SUCCESS")
    save(tmp_path, job)
    place = tmp_path / ("files/u1/a" if is_shown else "incoming/job-100001")
    place.parent.mkdir(parents=True)
    place.write_bytes(BODY)
    async with plain_vault(root=tmp_path) as vault:
        assert await vault.job_status(job.id) == "SUCCESS"
        assert await vault.names("u1") == ["/u1/a"]
        assert vault.emulator.stored("/u1/a").read_bytes() == BODY


async def test_a_listing_that_was_decided_is_made_again(tmp_path: Path) -> None:
    job = Job(100_001, ListToCsv("/", True, 1), "GET", 1, 0.0, 0.0, 0.0, "SUCCESS")
    save(tmp_path, job)
    async with plain_vault(root=tmp_path) as vault:
        assert '"/u1/"' in await vault.text("GET", f"/api/v25.2/services/jobs/{job.id}/results")


async def test_two_versions_of_a_part_after_a_kill(tmp_path: Path) -> None:
    """The younger one counts."""
    async with plain_vault(root=tmp_path) as vault:
        upload = await vault.create("/u1/a", 20)
        await vault.data(**vault.put(upload, 1, BODY))
    older = tmp_path / "sessions" / upload / ("00001-" + "f" * 32)
    older.write_bytes(b"x" * 10)
    os.utime(older, (1, 1))
    async with plain_vault(root=tmp_path) as vault:
        [part] = await vault.data("GET", f"{SESSIONS}/{upload}/parts")
        assert part["part_content_md5"] == md5(BODY)


async def test_what_somebody_put_there_is_there_and_left_overs_are_not(tmp_path: Path) -> None:
    (tmp_path / "files/u9/deep").mkdir(parents=True)
    (tmp_path / "files/u9/deep/seed.bin").write_bytes(BODY)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "sessions/orphan").mkdir(parents=True)
    (tmp_path / "sessions/orphan" / ("00001-" + "0" * 32)).write_bytes(BODY)
    (tmp_path / "incoming/half").write_bytes(BODY)
    async with plain_vault(root=tmp_path) as vault:
        assert await vault.names("u9", recursive="true") == ["/u9/deep/", "/u9/deep/seed.bin"]
        assert not (tmp_path / "incoming/half").exists()
        assert not (tmp_path / "sessions/orphan").exists()


async def test_a_process_that_is_killed_with_parts_in_flight(tmp_path: Path) -> None:
    """A real process, a real kill: what was acknowledged is there, and nothing else."""
    program = (
        "import anyio, pathlib\n"
        "from asyncup.emulator import *\n"
        "config = EmulatorConfig(token='T', switches=Switches(part_min_bytes=1),"
        f" root=pathlib.Path({str(tmp_path)!r}))\n"
        "anyio.run(serve, config, lambda emulator: print(emulator.url, flush=True))\n"
    )
    async with await anyio.open_process([sys.executable, "-c", program]) as process:
        assert process.stdout is not None
        url = (await process.stdout.receive()).decode().strip()
        async with plain_vault(discard=True) as other:
            vault = PlainVault(other.emulator, other.http)
            vault.emulator = At(url)  # type: ignore[assignment]
            upload = await vault.create("/u1/a", 10**6)
            for number in (1, 2):
                await vault.data(**vault.put(upload, number, BODY))

            head = (
                f"PUT /api/v25.2/{SESSIONS}/{upload} HTTP/1.1\r\nHost: x\r\nAuthorization: T\r\n"
                "Content-Length: 10\r\nX-VaultAPI-FilePartNumber: 3\r\n\r\n01234"
            )
            async with await anyio.connect_tcp("127.0.0.1", int(url.rsplit(":", 1)[1])) as stream:
                await stream.send(head.encode())
                while not any((tmp_path / "incoming").iterdir()):  # noqa: ASYNC110 - in another process
                    await anyio.sleep(0.01)
                process.send_signal(signal.SIGKILL)
        await process.wait()
    async with running_emulator(EmulatorConfig(root=tmp_path)) as emulator:
        [session] = emulator.sessions
        assert [(part.number, part.md5) for part in session.in_order()] == [
            (1, md5(BODY)),
            (2, md5(BODY)),
        ]


class At:
    """Just the address of an emulator in another process."""

    def __init__(self, url: str) -> None:
        self.url = url


def save(root: Path, job: Job) -> None:
    (root / "records/jobs").mkdir(parents=True)
    (root / f"records/jobs/{job.id}.json").write_text(json.dumps(job_record(job)))
