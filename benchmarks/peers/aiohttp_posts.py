"""Many small files with bare aiohttp: one POST each, `lanes` at a time over one connector, and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.job import Job, run_job


async def send(job: Job) -> None:
    """Send every file of the folder."""
    files = iter(sorted(Path(job.path).iterdir()))
    async with aiohttp.ClientSession(headers={"Authorization": "benchmark"}) as http:
        await asyncio.gather(*(lane(job, http, files) for _ in range(job.lanes)))


async def lane(job: Job, http: aiohttp.ClientSession, files: Iterator[Path]) -> None:
    """Send one file after the other, until none is left."""
    for file in files:
        form = aiohttp.FormData()
        form.add_field("kind", "file")
        form.add_field("path", f"/bench/{file.name}")
        form.add_field("overwrite", "true")
        form.add_field("file", file.read_bytes(), filename="file")
        async with http.post(job.items, data=form) as answer:
            told = await answer.json()
        if told["data"]["size"] != file.stat().st_size:
            raise RuntimeError(f"{file} arrived wrong")


if __name__ == "__main__":
    run_job(lambda job: uvloop.run(send(job)))
