"""MD5 of a mapped file, part by part, in `threads` threads, and nothing else."""

from __future__ import annotations

import hashlib
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.job import Job, run_job

__all__ = ["main"]


def digest(job: Job) -> None:
    """Hash every part of the file."""
    with (
        Path(job.path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        ThreadPoolExecutor(job.threads or os.cpu_count()) as threads,
    ):
        list(threads.map(lambda begin: _md5(whole, begin, job.part_size), range(0, job.size, job.part_size)))


def _md5(whole: memoryview, begin: int, length: int) -> None:
    with whole[begin : begin + length] as view:
        hashlib.md5(view, usedforsecurity=False).digest()


def main() -> None:
    """Do the job on the command line."""
    run_job(digest)


if __name__ == "__main__":
    main()
