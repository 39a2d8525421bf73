"""The loop that most scripts have: read a part, hash it, PUT it with `requests`, the next."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import requests

from benchmarks.job import Job, run_job


def send(job: Job) -> None:
    """Send the parts over one `requests.Session`."""
    with requests.Session() as http, Path(job.path).open("rb") as file:
        number = 0
        while content := file.read(job.part_size):
            number += 1
            headers = {
                "Authorization": "benchmark",
                "Content-Type": "application/octet-stream",
                "X-VaultAPI-FilePartNumber": str(number),
            }
            digest = hashlib.md5(content, usedforsecurity=False) if job.md5 else None
            if digest:
                headers["Content-MD5"] = base64.b64encode(digest.digest()).decode()
            answer = http.put(job.target, data=content, headers=headers)
            answer.raise_for_status()
            if digest and answer.json()["data"]["part_content_md5"] != digest.hexdigest():
                raise RuntimeError(f"part {number} arrived wrong")


if __name__ == "__main__":
    run_job(send)
