"""The usual loop in an async program: read a part, hash it, PUT it with aiohttp (on uvloop), the next."""

from __future__ import annotations

import base64
import hashlib
import warnings
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.job import Job, run_job


async def send(job: Job) -> None:
    """Send the parts over one `aiohttp.ClientSession`."""
    warnings.simplefilter("ignore", ResourceWarning)  # aiohttp's, of a body in one piece
    async with aiohttp.ClientSession(headers={"Authorization": "benchmark"}) as http:
        with Path(job.path).open("rb") as file:
            number = 0
            while content := file.read(job.part_size):
                number += 1
                headers = {
                    "Content-Type": "application/octet-stream",
                    "X-VaultAPI-FilePartNumber": str(number),
                }
                digest = hashlib.md5(content, usedforsecurity=False) if job.md5 else None
                if digest:
                    headers["Content-MD5"] = base64.b64encode(digest.digest()).decode()
                async with http.put(job.target, data=content, headers=headers) as answer:
                    told = await answer.json()
                if digest and told["data"]["part_content_md5"] != digest.hexdigest():
                    raise RuntimeError(f"part {number} arrived wrong")


if __name__ == "__main__":
    run_job(lambda job: uvloop.run(send(job)))
