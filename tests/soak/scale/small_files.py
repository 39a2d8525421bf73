"""Many small files: what a journal, lanes and all that is looked at cost, beside bare POSTs over as many connections.

Must not know how either sends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio

from asyncup import TokenLogin, Vault
from benchmarks.job import Job, Took
from tests.loopback.clients import REPOSITORY
from tests.soak.scale.client import TOKEN, Errand
from tests.soak.scale.runs import MIB, Measured, quick_emulator, run_client, write_manifest

SIZE = 4096
LANES = 32
LEAST_RATIO = 0.7


async def small_files(folder: Path, files: int) -> Measured:
    """Send files of 4 KiB; half of what the bare client sends goes before ours, and half behind it."""
    measured = Measured("small files")
    places = await anyio.to_thread.run_sync(_make_files, folder / "files", files)
    manifest = folder / "small.csv"
    write_manifest(manifest, [(path, f"/ours/{path.parent.name}/{path.name}") for path in places])
    async with quick_emulator(None) as emulator:
        async with Vault(emulator.url, TokenLogin(TOKEN)) as vault:
            await vault.folders.ensure("/bench")
        before = await _bare(emulator.url, folder / "files" / "0")
        errand = Errand(emulator.url, str(manifest), str(folder / "small.journal"))
        ours, lanes = await run_client(errand, folder / "small.out")
        after = await _bare(emulator.url, folder / "files" / "1")
    bare_s = before.seconds + after.seconds
    ratio = bare_s / ours.seconds
    measured.note(f"{files} files of {SIZE} bytes, files/s", f"{files / ours.seconds:.0f}")
    measured.note("bare aiohttp POSTs, files/s", f"{files / bare_s:.0f}")
    measured.note("ratio", f"{ratio:.2f} (at least {LEAST_RATIO})")
    measured.note("CPU per file, ours and bare", _per_file(files, ours.cpu_s, before.cpu_s + after.cpu_s))
    measured.note("peak RSS", f"{ours.peak_rss_bytes / MIB:.0f} MiB")
    measured.note("lanes at last", str(lanes[-1]["lanes"] if lanes else "as at first"))
    measured.demand(ours.states == {"DONE": files}, f"not all arrived: {ours.states}")
    measured.demand(ratio >= LEAST_RATIO, f"{ratio:.2f} of bare POSTs")
    return measured


def _per_file(files: int, *cpu_s: float) -> str:
    return " and ".join(f"{spent / files * 1e6:.0f} us" for spent in cpu_s)


def _make_files(folder: Path, count: int) -> list[Path]:
    places = []
    for number in range(count):
        path = folder / str(number % 2) / f"{number}.bin"
        if number < 2:
            path.parent.mkdir(parents=True)
        path.write_bytes(os.urandom(SIZE))
        places.append(path)
    return places


async def _bare(url: str, folder: Path) -> Took:
    job = Job(url=url, session_id="", path=str(folder), size=0, part_size=0, lanes=LANES)
    command = [sys.executable, "-m", "benchmarks.peers.aiohttp_posts", job.as_json()]
    ended = await anyio.run_process(command, stderr=subprocess.PIPE, cwd=REPOSITORY)
    return Took(**json.loads(ended.stdout))
