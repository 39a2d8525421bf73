"""MD5 of a mapped file's parts, as many together as asyncup's compiled MD5 takes, in one thread, and nothing else.

What hashing costs at least here: asyncup itself never has that many large parts in memory.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from asyncup.pipeline import multi_md5
from benchmarks.job import Job, run_job

__all__ = ["main"]

_ROUND = 2**21


def digest(job: Job) -> None:
    """Hash every part of the file."""
    with (
        Path(job.path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
    ):
        waiting = list(range(0, job.size, job.part_size))[::-1]
        together: list[multi_md5.Message] = []
        while waiting or together:
            while waiting and len(together) < multi_md5.AT_ONCE:
                together.append(_message(whole, waiting.pop(), job.part_size))
            multi_md5.advance(together, _ROUND)
            for message in [each for each in together if not each.ready]:
                message.digest()
                together.remove(message)


def _message(whole: memoryview, begin: int, length: int) -> multi_md5.Message:
    message = multi_md5.Message()
    message.give(whole[begin : begin + length])
    return message


def main() -> None:
    """Do the job on the command line."""
    run_job(digest)


if __name__ == "__main__":
    main()
