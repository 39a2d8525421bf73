"""asyncup, through its public API: one file into an upload session, or many small files in lanes.

Hashing cannot be switched off in asyncup: it compares every part. To see what the rest of the pipeline costs, a job
without `md5` replaces MD5 in this process by a constant that takes no time; the sink answers that constant.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401 - anyio imports it at its first use, and imports are not timed
import uvloop

from asyncup import MemoryBudget, TokenLogin, UploadOptions, Vault, events, upload, upload_file
from benchmarks.job import Job, run_job

__all__ = ["main"]

_MEMORY = 256 * 2**20


class NoMd5:
    """In the place of a hash: takes any bytes, knows none of them."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what `hashlib.md5` takes."""

    def update(self, content: memoryview) -> None:
        """Do nothing."""

    def digest(self) -> bytes:
        """Return always the same."""
        return bytes(16)


def switch_hashing_off() -> None:
    """Let asyncup hash each part on its own, when it is loaded, with `NoMd5`: more of it would be part of hashing."""
    hashlib.md5 = NoMd5  # type: ignore[assignment] # see above
    with contextlib.suppress(ImportError):  # an older revision, which knows nothing but hashlib
        from asyncup.pipeline import multi_md5  # noqa: PLC0415

        multi_md5.AT_ONCE = 1


async def send(job: Job) -> None:
    """Do the job over one `Vault`."""
    trust = ssl.create_default_context(cafile=job.authority) if job.authority else None
    async with Vault(job.url, TokenLogin("benchmark"), ssl_context=trust) as vault:
        if Path(job.path).is_dir():
            files, memory = iter(sorted(Path(job.path).iterdir())), MemoryBudget(_MEMORY)
            await asyncio.gather(*(lane(vault, files, memory) for _ in range(job.lanes)))
        else:
            await send_file(job, vault)


async def send_file(job: Job, vault: Vault) -> None:
    """Send the file into the upload session."""
    seen: list[tuple[float, events.Event]] = []
    note = (lambda event: seen.append((time.perf_counter(), event))) if job.trace else None
    # One thread hashes, as where MD5 is computed.
    options = UploadOptions(part_size=job.part_size, hash_threads=None if job.md5 else 1)
    result = await upload(job.path, job.session_id, vault=vault, options=options, on_event=note)
    if job.md5 is (result.md5s[0] == NoMd5().digest().hex()):
        raise RuntimeError("MD5 was not computed, or was computed where it should not")
    if job.trace:
        lines = [json.dumps([at, type(event).__name__, asdict(event)], default=str) for at, event in seen]
        Path(job.trace).write_text("\n".join(lines))


async def lane(vault: Vault, files: Iterator[Path], memory: MemoryBudget) -> None:
    """Send one file after the other, until none is left."""
    for file in files:
        await upload_file(file, f"/bench/{file.name}", vault=vault, overwrite=True, memory=memory)


def main() -> None:
    """Do the job on the command line."""

    def do(job: Job) -> None:
        if not job.md5:
            switch_hashing_off()
        uvloop.run(send(job))

    run_job(do)


if __name__ == "__main__":
    main()
