"""The storm: two clients upload thousands of files through bad weather, and then everything is looked at.

One client is killed every few seconds and goes on from its plain file of progress. The other one is never killed, so
that its memory can be watched. Both go through a proxy that loses connections, to an emulator that is killed too.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import anyio
from anyio.abc import Process

from asyncup import TokenLogin, Vault
from asyncup.emulator.tcp_proxy import Link, Loss
from tests.loopback.clients import REPOSITORY
from tests.loopback.conftest import TOKEN
from tests.loopback.lanes import FAILED, Errand
from tests.loopback.mortal import MortalEmulator, mortal_emulator
from tests.soak.files import SoakFile, complaints, make_files
from tests.soak.weather import Weather

PART = 256 * 1024
SMALL_FILE_MAX = 400_000
MEMORY = 16 * 2**20
LANES = 4
MIB = 2**20
LINK = Link(round_trip_s=0.02, bandwidth_bytes_s=8e6)
"""Slow enough for the weather to have its time."""
RSS_GROWTH_BYTES = 24 * MIB
"""Allowed between the first fifth of the files and the end."""
WARM_SHARE = 0.2
KILLED = -9
NEEDED = ("client killed", "emulator killed", "connections lost", "retries")


@dataclass
class Rss:
    """Memory of the client that lives long, in bytes."""

    warm: int = 0
    largest: int = 0
    last: int = 0


@dataclass
class Figures:
    """What there is to print. `wrong` is empty when all is well."""

    files: int = 0
    data_bytes: int = 0
    sent_bytes: int = 0
    elapsed_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    typed_errors: Counter[str] = field(default_factory=Counter)
    rss: Rss = field(default_factory=Rss)
    wrong: list[str] = field(default_factory=list)

    def rows(self) -> list[tuple[str, str]]:
        """For the table."""
        rss = self.rss
        return [
            ("files", str(self.files)),
            ("seconds", f"{self.elapsed_s:.0f}"),
            ("MB of data / sent", f"{self.data_bytes / 1e6:.0f} / {self.sent_bytes / 1e6:.0f}"),
            *((name, str(count)) for name, count in sorted(self.counts.items())),
            *((f"typed error: {name}", str(count)) for name, count in sorted(self.typed_errors.items())),
            ("RSS MiB warm / largest / last", f"{rss.warm / MIB:.0f} / {rss.largest / MIB:.0f} / {rss.last / MIB:.0f}"),
        ]


class Storm:
    """One of them."""

    def __init__(self, folder: Path, emulator: MortalEmulator, weather: Weather, figures: Figures) -> None:
        self._folder = folder
        self._emulator = emulator
        self._weather = weather
        self._figures = figures

    async def run(self, files: list[SoakFile]) -> None:
        """Until both clients have uploaded their half."""
        half = len(files) // 2
        async with anyio.create_task_group() as weather:
            weather.start_soon(self._weather.kill_emulator)
            weather.start_soon(self._weather.spoil_network)
            async with anyio.create_task_group() as clients:
                clients.start_soon(self._short_lived, files[:half])
                clients.start_soon(self._long_lived, files[half:])
            weather.cancel_scope.cancel()

    async def _short_lived(self, files: list[SoakFile]) -> None:
        errand = self._errand("short", files)
        code = KILLED
        while code in {KILLED, FAILED}:
            async with await self._start(errand) as process, anyio.create_task_group() as group:
                group.start_soon(self._weather.kill_client, process)
                code = await process.wait()
                group.cancel_scope.cancel()
            self._figures.counts["client killed"] += code == KILLED
        self._note_end(errand, code)

    async def _long_lived(self, files: list[SoakFile]) -> None:
        errand = self._errand("long", files)
        async with await self._start(errand) as process, anyio.create_task_group() as group:
            group.start_soon(self._watch_memory, process, errand)
            code = await process.wait()
            group.cancel_scope.cancel()
        self._note_end(errand, code)

    def _errand(self, name: str, files: list[SoakFile]) -> Path:
        errand = Errand(
            self._emulator.url,
            TOKEN,
            files=[(str(file.path), file.destination) for file in files],
            progress=str(self._folder / f"{name}.progress"),
            lanes=LANES,
            passes=50,
            part_size=PART,
            small_file_max=SMALL_FILE_MAX,
            memory=MEMORY,
            client_id=name,
            stall_timeout_s=5.0,
            answer_timeout_s=5.0,
            max_attempts=60,
        )
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(asdict(errand)), encoding="utf-8")
        return path

    async def _start(self, errand: Path) -> Process:
        with errand.with_suffix(".err").open("ab") as errors:
            return await anyio.open_process(
                [sys.executable, "-m", "tests.loopback.lanes", str(errand)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=REPOSITORY,
            )

    async def _watch_memory(self, process: Process, errand: Path) -> None:
        rss, progress = self._figures.rss, errand.with_suffix(".progress")
        files = len(json.loads(errand.read_text(encoding="utf-8"))["files"])
        while True:
            await anyio.sleep(0.5)
            rss.last = _rss(process.pid) or rss.last
            rss.largest = max(rss.largest, rss.last)
            if not rss.warm and progress.exists() and _lines(progress)["done"] >= WARM_SHARE * files:
                rss.warm = rss.last

    def _note_end(self, errand: Path, code: int) -> None:
        figures = self._figures
        if code:
            figures.wrong.append(f"the {errand.stem}-lived client ended with {code}")
        figures.counts["retries"] += _lines(errand.with_suffix(".progress"))["retry"]
        for line in errand.with_suffix(".err").read_text(encoding="utf-8").splitlines():
            name = line.partition(":")[0]
            if line[:1].isalpha() and name.isidentifier():
                figures.typed_errors[name] += 1
            if line.startswith("Traceback"):
                figures.wrong.append(f"the {errand.stem}-lived client crashed: see {errand.with_suffix('.err')}")


async def storm(folder: Path, count: int, seed: int, within_s: float) -> Figures:
    """Upload `count` files below a folder that is empty; look at what became of them."""
    rng = random.Random(seed)
    files = make_files(folder / "files", count, rng)
    figures = Figures(files=count, data_bytes=sum(file.size for file in files))
    loss = Loss(seed=seed, mean_bytes=20e6, mean_s=8.0, mean_burst=3.0)
    switches = [f"part_min_bytes={PART}", "job_duration_s=0.1"]
    arguments = [word for switch in switches for word in ("--switch", switch)]
    begun = time.monotonic()
    async with mortal_emulator(folder / "vault", *arguments, link=LINK, loss=loss) as emulator:
        weather = Weather(emulator, rng)
        with anyio.move_on_after(within_s) as scope:
            await Storm(folder, emulator, weather, figures).run(files)
        if scope.cancelled_caught:
            figures.wrong.append(f"not done within {within_s:.0f} s")
        emulator.proxy.resume()
        await emulator.proxy.admit()
        async with Vault(emulator.url, TokenLogin(TOKEN)) as vault:
            left = [session.path for session in await vault.list_upload_sessions()]
        figures.elapsed_s = time.monotonic() - begun
        figures.counts.update(weather.counts)
        figures.counts["connections lost"] = emulator.proxy.lost
        figures.sent_bytes = emulator.proxy.bytes_up
    figures.wrong += [f"an upload session is open: {path}" for path in left]
    figures.wrong += complaints(files, emulator.root / "files")
    figures.wrong += [f"no {name}: nothing was tried" for name in NEEDED if not figures.counts[name]]
    if figures.rss.last > figures.rss.warm + RSS_GROWTH_BYTES:
        figures.wrong.append("the memory of the long-lived client grew")
    return figures


def _lines(progress: Path) -> Counter[str]:
    return Counter(line.partition("\t")[0] for line in progress.read_text(encoding="utf-8").splitlines())


def _rss(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
