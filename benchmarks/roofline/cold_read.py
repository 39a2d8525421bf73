"""Reading a file part by part and nothing else: the disk's limit when the file is not in the page cache."""

from __future__ import annotations

from pathlib import Path

from benchmarks.job import Job, run_job

__all__ = ["main"]

_READ_AT_ONCE = 8 * 2**20


def read(job: Job) -> None:
    """Read the file once, into the same memory."""
    memory = bytearray(_READ_AT_ONCE)
    with Path(job.path).open("rb", buffering=0) as file:
        while file.readinto(memory):
            pass


def main() -> None:
    """Do the job on the command line."""
    run_job(read)


if __name__ == "__main__":
    main()
