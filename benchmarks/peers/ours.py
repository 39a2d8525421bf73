"""asyncup, through its public API: one file into an upload session, or many small files in lanes.

Hashing cannot be switched off in asyncup: it compares every part. To see what the rest of the pipeline costs, a job
without `md5` replaces asyncup's hasher in this process by one that looks at no byte; the sink answers its digest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401 - anyio imports it at its first use, and imports are not timed
import uvloop

from asyncup import MemoryBudget, TokenLogin, UploadOptions, Vault, events, upload, upload_file
from asyncup.pipeline import transfer
from benchmarks.job import Job, run_job

__all__ = ["main"]

_MEMORY = 256 * 2**20


class NoDigest:
    """In the place of a part's digest: always the same, and known at once."""

    known = True
    value = bytes(16)

    def ask(self) -> None:
        """Do nothing."""

    async def wait(self) -> bytes:
        """Return it."""
        return self.value


class NoHasher(contextlib.nullcontext[object]):
    """In the place of asyncup's hasher: no thread, and no look at a part."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what the hasher takes."""
        super().__init__(self)

    def start(self, _: object) -> NoDigest:
        """Return the digest."""
        return NoDigest()

    def all_started(self) -> None:
        """Do nothing."""


def switch_hashing_off() -> None:
    """Let asyncup send parts that nobody hashes."""
    transfer.Hasher = NoHasher  # type: ignore[attr-defined, assignment] # see above
    with contextlib.suppress(ImportError):  # an older revision
        from asyncup.pipeline import multi_md5  # noqa: PLC0415

        multi_md5.AT_ONCE = 1  # no memory is held for hashing


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
    options = UploadOptions(part_size=job.part_size)
    result = await upload(job.path, job.session_id, vault=vault, options=options, on_event=note)
    if job.md5 is (result.md5s[0] == NoDigest.value.hex()):
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
