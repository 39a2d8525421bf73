"""veevatools from PyPI: `FileStagingService.upload_to_session`, part by part, as its documentation shows."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from loguru import logger
from veevatools.veevavault.client import VaultClient
from veevatools.veevavault.services.file_staging import FileStagingService

from benchmarks.job import Job, run_job


def send(job: Job) -> None:
    """Send the parts. It is logged in already: a login is not what is compared here."""
    logger.disable("veevatools")
    client = VaultClient()
    client.vaultURL, client.sessionId = job.url, "benchmark"
    staging = FileStagingService(client)
    with Path(job.path).open("rb") as file:
        number = 0
        while content := file.read(job.part_size):
            number += 1
            digest = hashlib.md5(content, usedforsecurity=False) if job.md5 else None
            md5 = base64.b64encode(digest.digest()).decode() if digest else None
            told = staging.upload_to_session(job.session_id, content, number, md5)
            if digest and told["data"]["part_content_md5"] != digest.hexdigest():
                raise RuntimeError(f"part {number} arrived wrong")


if __name__ == "__main__":
    run_job(send)
