"""asyncup against the usual loop (read a part, hash it, PUT it, the next), in turn, in processes of their own.

    python -m benchmarks.against_sequential [MIB] [PAIRS]

Both use aiohttp and uvloop, 50 MB parts with Content-MD5, and compare the MD5 that comes back; the emulator throws the
bytes away and runs in a process of its own. Prints each pair, and the median ratio with its spread.
"""

from __future__ import annotations

import base64
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import aiohttp
import anyio
import uvloop

from asyncup import TokenLogin, UploadOptions, Vault, upload
from asyncup.cli.emulator_process import emulator_process

PART_SIZE = 50_000_000
TOKEN = "benchmark"  # noqa: S105 - of an emulator that lives as long as this program
MIB = 2**20


async def sequential(url: str, path: str, session_id: str) -> float:
    """Upload as most scripts do; return the seconds."""
    target = f"{url}/api/v25.2/services/file_staging/upload/{session_id}"
    async with aiohttp.ClientSession(headers={"Authorization": TOKEN}) as http:
        begun = time.perf_counter()
        with open(path, "rb") as file:  # noqa: PTH123 - that is how the loop is usually written
            number = 0
            while content := file.read(PART_SIZE):
                number += 1
                digest = hashlib.md5(content, usedforsecurity=False)
                md5 = base64.b64encode(digest.digest()).decode()
                headers = {"X-VaultAPI-FilePartNumber": str(number), "Content-MD5": md5}
                async with http.put(target, data=content, headers=headers) as response:
                    answer = await response.json()
                if answer["data"]["part_content_md5"] != digest.hexdigest():
                    raise RuntimeError(f"part {number} arrived wrong")
        return time.perf_counter() - begun


async def ours(vault: Vault, path: str, session_id: str) -> float:
    """Upload with asyncup; return the seconds."""
    result = await upload(path, session_id, vault=vault, options=UploadOptions(part_size=PART_SIZE))
    return result.elapsed_s


async def measure(who: str, url: str, path: str) -> None:
    """One upload in this process: print the seconds, and the process's peak memory in MiB."""
    import resource  # noqa: PLC0415 - not on Windows, where the rest can run

    async with Vault(url, TokenLogin(TOKEN)) as vault:
        session = await vault.create_upload_session("/u1/benchmark.bin", Path(path).stat().st_size, overwrite=True)
        run = ours(vault, path, session.id) if who == "ours" else sequential(url, path, session.id)
        seconds = await run
        await vault.abort_upload_session(session.id)
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


async def compare(size: int, pairs: int) -> None:
    """Run the pairs and print what they took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "benchmark.bin")
        with path.open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        ratios = []
        async with emulator_process("--token", TOKEN, "--discard", "--profile", "quick") as emulator:
            await timed("ours", emulator.url, path)  # warms the page cache
            for _ in range(pairs):
                usual_s, usual_mib = await timed("sequential", emulator.url, path)
                ours_s, ours_mib = await timed("ours", emulator.url, path)
                ratios.append(usual_s / ours_s)
                print(
                    f"sequential {size / usual_s / 1e9:.2f} GB/s, {usual_mib:.0f} MiB peak;  "
                    f"asyncup {size / ours_s / 1e9:.2f} GB/s, {ours_mib:.0f} MiB peak;  ratio {ratios[-1]:.2f}"
                )
    print(f"median ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


async def timed(who: str, url: str, path: Path) -> tuple[float, float]:
    """Run `measure` in a process of its own; return its seconds and its peak memory in MiB."""
    command = [sys.executable, "-m", "benchmarks.against_sequential", "--measure", who, url, str(path)]
    ran = await anyio.run_process(command, stderr=subprocess.STDOUT)
    seconds, mib = ran.stdout.split()
    return float(seconds), float(mib)


def main(arguments: list[str]) -> None:
    """Understand the arguments: two optional numbers, or what `timed` gives."""
    warnings.simplefilter("ignore", ResourceWarning)  # aiohttp's, of a body in one piece
    if arguments[:1] == ["--measure"]:
        uvloop.run(measure(*arguments[1:4]))
        return
    mib, pairs = (int(argument) for argument in (*arguments, *("1024", "5")[len(arguments) :]))
    anyio.run(compare, mib * MIB, pairs)


if __name__ == "__main__":
    main(sys.argv[1:])
