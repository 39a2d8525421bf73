"""The Vault dies in mid-upload and comes back; the network is gone for longer than the pauses: it ends right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncup import RetryPolicy, TokenLogin, UploadedFile, UploadOptions, Vault, upload_file
from asyncup.events import Event, RetryScheduled
from asyncup.protocol.answers import Answer
from asyncup.protocol.limits import Limits
from asyncup.vault.aiohttp_transport import AiohttpTransport
from asyncup.vault.transport import HttpRequest, Patience
from tests.loopback.conftest import TOKEN
from tests.loopback.mortal import MortalEmulator, mortal_emulator

pytestmark = pytest.mark.usefixtures("slices_of_one_size")

PART = 5_242_880
PARTS = 4
DESTINATION = "/u1/outage/file.bin"
POLICY = RetryPolicy(max_attempts=2000, first_contact_attempts=2000, base_s=0.02, cap_s=0.1)
OPTIONS = UploadOptions(part_size=PART, memory_budget=2 * PART, small_file_max=0, retry=POLICY)
LIMITS = Limits(job_poll_interval_s=0.05)
MOMENTS = [
    ("UploadSessionOpened", 1),
    ("PartStarted", 1),
    ("BytesWritten", 3),
    ("PartAcknowledged", 2),
    ("BytesWritten", 20),
    ("PartAcknowledged", PARTS),
    ("JobStatusSeen", 1),
]
PAUSES = 3
SILENCE_S = 0.5
ENOUGH_S = 120.0


class Impatient(AiohttpTransport):
    """A transport for which half a second of silence is long."""

    async def send(self, request: HttpRequest) -> Answer:
        return await super().send(replace(request, patience=Patience(SILENCE_S, SILENCE_S)))


class Upload:
    """An upload under way, in which something happens at one moment."""

    def __init__(self, emulator: MortalEmulator, source: Path, moment: tuple[str, int]) -> None:
        self._emulator = emulator
        self._source = source
        self._moment = moment
        self._counts: Counter[str] = Counter()
        self._retried = anyio.Condition()
        self.retries = 0
        self.happened = anyio.Event()
        self.paused = anyio.Event()
        self.at_moment: Callable[[], object] = lambda: None

    async def run(self, meanwhile: Callable[[], Awaitable[None]]) -> UploadedFile:
        """Upload; `at_moment` is called at the moment, and `meanwhile` begins then."""
        url = self._emulator.url
        async with Vault(
            url,
            TokenLogin(TOKEN),
            limits=LIMITS,
            retry=POLICY,
            transport=Impatient(url),
            on_event=self._told,
        ) as vault:
            with anyio.fail_after(ENOUGH_S):
                async with anyio.create_task_group() as group:
                    group.start_soon(self._then, meanwhile)
                    done = await upload_file(
                        self._source, DESTINATION, vault=vault, options=OPTIONS, on_event=self._told
                    )
                assert await vault.list_upload_sessions() == []
        return done

    async def _then(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        await self.happened.wait()
        await meanwhile()

    def _told(self, event: Event) -> None:
        name = type(event).__name__
        self._counts[name] += 1
        if (name, self._counts[name]) == self._moment:
            self.at_moment()
            self.happened.set()
        if isinstance(event, RetryScheduled) and self.happened.is_set():
            self.retries += 1
            if self.retries == PAUSES:
                self.paused.set()


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[MortalEmulator]:
    async with mortal_emulator(tmp_path / "vault", "--switch", "job_duration_s=1.5") as emulator:
        yield emulator


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(random.Random(9).randbytes(PART * (PARTS - 1) + 1_000_000))
    return path


def ended_right(emulator: MortalEmulator, source: Path, done: UploadedFile) -> None:
    assert done.size == source.stat().st_size
    assert emulator.stored(DESTINATION).read_bytes() == source.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment[0]}-{moment[1]}")
async def test_the_emulator_is_killed_and_started_again(
    emulator: MortalEmulator, source: Path, moment: tuple[str, int]
) -> None:
    under_way = Upload(emulator, source, moment)
    under_way.at_moment = emulator.kill

    async def meanwhile() -> None:
        await under_way.paused.wait()
        await emulator.bury()
        await emulator.start()

    ended_right(emulator, source, await under_way.run(meanwhile))
    assert emulator.deaths == 1
    assert under_way.retries >= PAUSES


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment[0]}-{moment[1]}")
async def test_the_network_is_gone_for_longer_than_the_pauses(
    emulator: MortalEmulator, source: Path, moment: tuple[str, int]
) -> None:
    under_way = Upload(emulator, source, moment)

    def gone() -> None:
        emulator.proxy.refuse()
        emulator.proxy.reset()

    under_way.at_moment = gone

    async def meanwhile() -> None:
        await under_way.paused.wait()
        await emulator.proxy.admit()

    ended_right(emulator, source, await under_way.run(meanwhile))
    assert under_way.retries >= PAUSES


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS[::2], ids=lambda moment: f"{moment[0]}-{moment[1]}")
async def test_the_network_is_silent_for_longer_than_anybody_waits(
    emulator: MortalEmulator, source: Path, moment: tuple[str, int]
) -> None:
    """Nothing is refused and nothing is broken; what was on its way arrives when it is over."""
    under_way = Upload(emulator, source, moment)
    under_way.at_moment = emulator.proxy.stall

    async def meanwhile() -> None:
        await under_way.paused.wait()
        emulator.proxy.resume()

    ended_right(emulator, source, await under_way.run(meanwhile))
    assert under_way.retries >= PAUSES
