"""Large files over a line with a turnaround: how much of it a run takes, and what ten deaths cost.

Must not know how the number of lanes is found.
"""

from __future__ import annotations

import filecmp
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from asyncup import TokenLogin, Vault
from asyncup.emulator.tcp_proxy import Link, TcpProxy, tcp_proxy
from tests.soak.scale.client import TOKEN, Errand
from tests.soak.scale.runs import MIB, Measured, client_process, quick_emulator, told_by, write_manifest

SIZE = 64 * MIB
LINK = Link(round_trip_s=0.08, bandwidth_bytes_s=125e6)
SERVER_TIME = "put_part:delay,seconds=0.3,times=1000000"
FOUND_WITHIN_S = 60.0
LEAST_SHARE = 0.95
KILLS = 10
MOST_SENT = 1.05
DIED = -signal.SIGKILL
_PATTERN_BYTES = 4 * MIB


@dataclass(frozen=True)
class Line:
    """A Vault behind a line."""

    url: str
    proxy: TcpProxy


@asynccontextmanager
async def shaped_vault(root: Path | None) -> AsyncIterator[Line]:
    """Run a Vault behind the line while inside; every part costs it 300 ms."""
    async with quick_emulator(root, "--fault", SERVER_TIME) as emulator:
        at = urlsplit(emulator.url)
        assert at.hostname is not None
        assert at.port is not None
        async with tcp_proxy(at.hostname, at.port, link=LINK) as proxy:
            yield Line(f"http://{proxy.host}:{proxy.port}", proxy)


async def lanes_found(folder: Path, files: int, first_lanes: tuple[int, ...]) -> Measured:
    """Send the files, beginning with so many lanes; look at the line once the first minute is over."""
    measured = Measured("shaped link")
    source = folder / "same.bin"
    source.write_bytes(os.urandom(SIZE))
    manifest = folder / "same.csv"
    write_manifest(manifest, [(source, f"/u1/{number}.bin") for number in range(files)])
    for lanes in first_lanes:
        async with shaped_vault(None) as line:
            errand = Errand(line.url, str(manifest), str(folder / f"{lanes}.journal"), lanes=lanes, skip=False)
            printed = folder / f"{lanes}.out"
            async with client_process(errand, printed) as process, anyio.create_task_group() as beside:
                carried: list[int] = []
                beside.start_soon(_watch, line.proxy, carried)
                code = await process.wait()
                beside.cancel_scope.cancel()
        ended, changes = told_by(printed, code)
        share, within_s = share_of_link(carried)
        told = f"{share:.3f} of the line, reached after {within_s:.0f} s; lanes {[each['lanes'] for each in changes]}"
        measured.note(f"from {lanes} lanes", told)
        measured.demand(ended.states == {"DONE": files}, f"not all arrived: {ended.states}")
        measured.demand(share >= LEAST_SHARE, f"from {lanes} lanes: {share:.3f} of the line")
    return measured


def share_of_link(carried: list[int]) -> tuple[float, float]:
    """Return the share of the line between the first minute and the last seconds, and when it was first reached.

    `carried` are the bytes carried so far, second by second.
    """
    most = LINK.bandwidth_bytes_s or 1.0
    rates = [(after - before) / most for before, after in pairwise(carried)]
    steady = rates[round(FOUND_WITHIN_S) : -_LAST_S] or rates[-1:]
    reached = next((second for second, rate in enumerate(rates) if rate >= LEAST_SHARE), len(rates))
    return sum(steady) / len(steady), float(reached)


_LAST_S = 6
"""At the end there are fewer files than lanes."""


async def _watch(proxy: TcpProxy, carried: list[int]) -> None:
    begun = anyio.current_time()
    while True:
        carried.append(proxy.bytes_up)
        await anyio.sleep_until(begun + len(carried))


async def killed(folder: Path, files: int, seed: int) -> Measured:
    """Send files of random bytes, killed ten times; compare every byte, and count those that were sent."""
    measured = Measured(f"{KILLS} kills")
    rng = random.Random(seed)
    places = await anyio.to_thread.run_sync(_make_files, folder / "large", files, rng)
    manifest = folder / "large.csv"
    write_manifest(manifest, [(path, f"/u1/{path.name}") for path in places])
    data, runs = files * SIZE, 0
    moments = sorted(rng.uniform(0.02, 0.95) * data for _ in range(KILLS))
    async with shaped_vault(folder / "vault") as line:
        errand = Errand(line.url, str(manifest), str(folder / "killed.journal"))
        printed, code = folder / "killed.out", DIED
        while code == DIED:
            runs += 1
            async with client_process(errand, printed) as process, anyio.create_task_group() as beside:
                if moments:
                    beside.start_soon(_kill, process.pid, line.proxy, moments.pop(0))
                code = await process.wait()
                beside.cancel_scope.cancel()
        told_by(printed, code)
        async with Vault(line.url, TokenLogin(TOKEN)) as vault:
            left = [session.path for session in await vault.list_upload_sessions()]
        sent = line.proxy.bytes_up / data
        stored = folder / "vault" / "files" / "u1"
        wrong = await anyio.to_thread.run_sync(_complaints, places, stored)
    measured.note("killed", str(runs - 1))
    measured.note("bytes sent / data", f"{sent:.3f} (at most {MOST_SENT})")
    measured.note("files with other bytes, sessions left open", f"{len(wrong)}, {len(left)}")
    measured.wrong += wrong + [f"an upload session is open: {path}" for path in left]
    measured.demand(runs - 1 == KILLS, f"killed {runs - 1} times, not {KILLS}")
    measured.demand(sent <= MOST_SENT, f"{sent:.3f} times the data was sent")
    return measured


async def _kill(pid: int, proxy: TcpProxy, at_bytes: float) -> None:
    while proxy.bytes_up < at_bytes:  # noqa: ASYNC110 - the proxy has no event for it
        await anyio.sleep(0.02)
    os.kill(pid, signal.SIGKILL)


def _make_files(folder: Path, count: int, rng: random.Random) -> list[Path]:
    """Each with bytes of its own, from offsets of its own in a random pattern."""
    folder.mkdir()
    pattern = rng.randbytes(_PATTERN_BYTES)
    places = [folder / f"{number}.bin" for number in range(count)]
    for path in places:
        with path.open("wb") as file:
            file.write(rng.randbytes(16))
            while (left := SIZE - file.tell()) > 0:
                start = rng.randrange(_PATTERN_BYTES)
                file.write(pattern[start : start + left])
    return places


def _complaints(places: list[Path], stored: Path) -> list[str]:
    wrong = []
    for path in places:
        there = stored / path.name
        if not there.exists() or not filecmp.cmp(path, there, shallow=False):
            wrong.append(f"{path.name} is not there, or has other bytes")
    return wrong
