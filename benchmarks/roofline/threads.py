"""The empirical roofline: a file mapped into memory, one hashing thread for each core, and blocking sends in order.

Nothing else: no retry, no lease, no budget, no event, no loop. With `md5` off it is a bare `sendall` loop. It shows
what can be reached on this machine by a program that may ignore everything that makes an uploader safe.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from benchmarks.job import Job, run_job
from benchmarks.roofline.blocking_put import BlockingPut

__all__ = ["main"]


def send(job: Job) -> None:
    """Send the file's parts, each after its MD5 is known."""
    with (
        Path(job.path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        BlockingPut(job) as connection,
        ThreadPoolExecutor(job.threads or os.cpu_count()) as threads,
    ):
        views = [whole[begin : begin + job.part_size] for begin in range(0, job.size, job.part_size)]
        try:
            digests = [threads.submit(_md5, view) if job.md5 else None for view in views]
            for number, (view, digest) in enumerate(zip(views, digests, strict=True), start=1):
                _put(connection, number, view, digest)
        finally:
            for view in views:
                view.release()


def _put(connection: BlockingPut, number: int, view: memoryview, digest: Future[str] | None) -> None:
    md5 = None if digest is None else digest.result()
    answer = json.loads(connection.put(number, view, md5))
    if md5 is not None and answer["data"]["part_content_md5"] != md5:
        raise RuntimeError(f"part {number} arrived wrong")


def _md5(view: memoryview) -> str:
    return hashlib.md5(view, usedforsecurity=False).hexdigest()


def main() -> None:
    """Do the job on the command line."""
    run_job(send)


if __name__ == "__main__":
    main()
