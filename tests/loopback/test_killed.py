"""`kill -9` of the client, wherever it is: the next one ends with the right bytes and re-sends only what was in flight.

Deaths are at every boundary of every request (as the emulator sees it), at every event (as the client sees it, so
between any two slices too), and after random numbers of bytes. ASYNCUP_KILLS=500 makes the last kind many,
ASYNCUP_KILLS_SEED makes them others.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import get_args

import anyio
import pytest

from asyncup.emulator import EmulatorConfig, RunningEmulator, Switches, running_emulator
from asyncup.emulator.tcp_proxy import Link, TcpProxy, tcp_proxy
from asyncup.emulator.uploads import UploadSession
from tests.loopback.clients import Boundaries, Client, Clients, Where, nursery
from tests.loopback.conftest import TOKEN
from tests.loopback.lanes import Errand

KILLS = int(os.environ.get("ASYNCUP_KILLS", "60"))
SEED = int(os.environ.get("ASYNCUP_KILLS_SEED", "1"))
PART = 128 * 1024
PARTS = 5
SIZE = PART * (PARTS - 1) + 50_000
AT_ONCE = 4
SWITCHES = Switches(
    part_min_bytes=PART, job_queued_s=0.0, job_duration_s=0.05, job_poll_min_s=0.0, burst="off", sessions_max=1000
)
SIZES = {"parts": 0, "one-request": SIZE}
"""For each way: the largest file that goes without an upload session."""

pytestmark = [pytest.mark.skipif(not hasattr(os, "fork"), reason="starts clients by forking"), pytest.mark.slow]
both_ways = pytest.mark.parametrize("way", list(SIZES))


@dataclass
class Scene:
    """The emulator, its clients, and one file for all of them."""

    emulator: RunningEmulator
    clients: Clients
    boundaries: Boundaries
    source: Path
    progress: Path
    way: str
    kills: int = 0
    sent_again: int = 0

    def errand(self, name: str, life: int = 1) -> Errand:
        """The file, to a destination of this name's own, by the client that has lived so many times."""
        return Errand(
            self.emulator.url,
            TOKEN,
            files=[(str(self.source), f"/u1/{self.way}/{name}/file.bin")],
            progress=str(self.progress / name),
            part_size=PART,
            small_file_max=SIZES[self.way],
            memory=4 * PART,
            client_id=f"{self.way}.{name}.{life}",
        )

    async def killed(self, client: Client) -> None:
        """Wait until it is dead, and until what it had sent has had its effects."""
        code = await client.ended()
        assert code == -signal.SIGKILL, f"{client.errand.client_id} ended with {code}: {client.said()}"
        await self.boundaries.until_idle(client.errand.client_id)
        self.kills += 1

    async def dies(self, errand: Errand) -> None:
        """Let it be done by a client that dies of it, in a way that is arranged; then by one that does not."""
        await self.killed(await self.clients.start(errand))

    async def ends_well(self, name: str, life: int) -> None:
        """The next process, after so many deaths, finishes: right bytes, no session, little sent again."""
        errand = self.errand(name, life + 1)
        path = errand.files[0][1]
        held = {number for session in self.sessions(path) for number in session.parts}
        client = await self.clients.start(errand)
        assert await client.ended() == 0, client.said()
        await self.boundaries.end_delays()
        assert self.emulator.stored(path).read_bytes() == self.source.read_bytes()
        assert self.sessions(path) == []
        sent = self.parts_sent(name, life + 1)
        assert not held & set(sent), f"{errand.client_id} sent {sent}, Vault held {held}"
        offered = [number for each in range(1, life + 2) for number in self.parts_sent(name, each)]
        assert len(offered) <= PARTS + life, f"{name}: {life} deaths, parts {offered}"
        self.sent_again += len(offered) - len(set(offered))

    def sessions(self, path: str) -> list[UploadSession]:
        """The open upload sessions for a destination."""
        return [session for session in self.emulator.sessions if session.path == path]

    def parts_sent(self, name: str, life: int) -> list[int]:
        """The numbers of the parts that one client has begun to send, as the emulator saw it."""
        client_id = self.errand(name, life).client_id
        return [seen.part or 0 for seen in self.emulator.requests("put_part") if seen.client_id == client_id]


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> AsyncIterator[Scene]:
    source = tmp_path / "file.bin"
    source.write_bytes(random.Random(8).randbytes(SIZE))
    progress = tmp_path / "progress"
    progress.mkdir()
    config = EmulatorConfig(root=tmp_path / "vault", token=TOKEN, switches=SWITCHES)
    async with nursery() as clients:
        boundaries = Boundaries(clients, monkeypatch)
        async with running_emulator(config) as emulator:
            scene = Scene(emulator, clients, boundaries, source, progress, way)
            yield scene
            assert emulator.sessions == []
        print(f"{way}: {scene.kills} kills, {scene.sent_again} parts sent again")  # noqa: T201 - the figure is wanted


async def at_once(works: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all of it, a few at a time."""
    limiter = anyio.Semaphore(AT_ONCE)

    async def one(work: Callable[[], Awaitable[None]]) -> None:
        async with limiter:
            await work()

    async with anyio.create_task_group() as group:
        for work in works:
            group.start_soon(one, work)


@both_ways
async def test_at_every_boundary_of_every_request(scene: Scene) -> None:
    await scene.ends_well("undisturbed", 0)
    requests = scene.boundaries.requests[scene.errand("undisturbed").client_id]
    assert requests >= (PARTS + 3 if scene.way == "parts" else 1)

    async def case(nth: int, where: Where) -> None:
        name = f"{where}-{nth}"
        errand = scene.errand(name)
        scene.boundaries.kill(errand.client_id, nth, where)
        await scene.dies(errand)
        await scene.ends_well(name, 1)

    # The last answer may find the client gone for a good reason: it is done.
    boundaries = [(nth, where) for nth in range(1, requests + 1) for where in get_args(Where)][:-1]
    await at_once(partial(case, nth, where) for nth, where in boundaries)
    assert scene.kills == len(boundaries)


@both_ways
async def test_at_every_event(scene: Scene) -> None:
    """Before and after reading, hashing, writing a slice, an acknowledgement, noting the session's id, the end."""
    counted = scene.progress / "events"
    client = await scene.clients.start(replace(scene.errand("undisturbed"), events=str(counted)))
    assert await client.ended() == 0, client.said()
    events: dict[str, int] = json.loads(counted.read_text())
    if scene.way == "parts":
        assert events["BytesWritten"] >= 2 * (PARTS - 1)
        assert events["UploadSessionOpened"] == 1

    async def case(event: str, nth: int) -> None:
        name = f"{event}-{nth}"
        await scene.dies(replace(scene.errand(name), die_at=(event, nth)))
        await scene.ends_well(name, 1)

    moments = [(event, nth) for event in events if event != "StageEntered" for nth in range(1, events[event] + 1)]
    await at_once(partial(case, event, nth) for event, nth in moments)
    assert scene.kills == len(moments)


@both_ways
async def test_at_random_moments_again_and_again(scene: Scene) -> None:
    """After a random number of bytes on the wire, so the machine's speed does not matter; most lives are short."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")  # noqa: T201 - for the next time

    async def case(number: int, lives: list[int]) -> None:
        name, life = f"random-{number}", 0
        for length in lives:
            # A narrow window: the proxy moves, and counts, a few thousand bytes at a time.
            async with tcp_proxy("127.0.0.1", scene.emulator.port, link=Link(window_bytes=8192)) as proxy:
                errand = replace(scene.errand(name, life + 1), url=f"http://{proxy.host}:{proxy.port}")
                client = await scene.clients.start(errand)
                async with anyio.create_task_group() as group:
                    group.start_soon(kill_after, proxy, length, client)
                    code = await client.ended()
                    group.cancel_scope.cancel()
            if code == 0:
                break
            await scene.killed(client)
            life += 1
        await scene.ends_well(name, life)

    wanted = KILLS // 2
    while scene.kills < wanted:
        first = scene.kills
        chains = [[rng.randint(1, SIZE // 2) for _ in range(rng.randint(1, 4))] for _ in range(max(1, wanted // 3))]
        await at_once(partial(case, first + number, chain) for number, chain in enumerate(chains))
        assert scene.kills > first


@pytest.mark.parametrize("way", ["parts"])
async def test_what_the_dead_had_sent_may_arrive_late(scene: Scene) -> None:
    """A part whose client is dead is only looked at when the next client is at its first request, its second, ..."""
    await scene.ends_well("undisturbed", 0)
    requests = scene.boundaries.requests[scene.errand("undisturbed").client_id]

    async def case(part: int, nth: int) -> None:
        name = f"late-{part}-{nth}"
        errand = replace(scene.errand(name), die_at=("BytesWritten", 2 * part))  # all of it is in the kernel's hands
        scene.boundaries.delay_part(errand.client_id, part, until=(scene.errand(name, 2).client_id, nth))
        client = await scene.clients.start(errand)
        assert await client.ended() == -signal.SIGKILL, client.said()
        scene.kills += 1
        await scene.ends_well(name, 1)
        await scene.boundaries.until_idle(errand.client_id)

    moments = [(part, nth) for part in (1, 3, PARTS) for nth in range(1, requests)]
    await at_once(partial(case, part, nth) for part, nth in moments)
    assert scene.boundaries.came_late > len(moments) // 2


async def kill_after(proxy: TcpProxy, length: int, client: Client) -> None:
    await proxy.until_bytes_up(length)
    await client.kill()
