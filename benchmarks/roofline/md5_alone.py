"""MD5 of a mapped file, piece by piece, in `threads` threads, and nothing else.

Pieces, because a few large parts are not shared out evenly: a core would be idle at the end.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.job import Job, run_job

__all__ = ["main"]

_PIECE = 2**23


def digest(job: Job) -> None:
    """Hash all of the file."""
    piece = min(job.part_size, _PIECE)
    with (
        Path(job.path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        ThreadPoolExecutor(job.threads or os.cpu_count()) as threads,
    ):
        list(threads.map(lambda begin: _md5(whole, begin, piece), range(0, job.size, piece)))


def _md5(whole: memoryview, begin: int, length: int) -> None:
    with whole[begin : begin + length] as view:
        hashlib.md5(view, usedforsecurity=False).digest()


def main() -> None:
    """Do the job on the command line."""
    run_job(digest)


if __name__ == "__main__":
    main()
