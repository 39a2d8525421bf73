"""What Veeva's document shows: the file cut into part files by `split`, each of them sent by a `curl`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.job import Job, run_job


def send(job: Job) -> None:
    """Split the file, then send the parts. The split belongs to it: there is no other way to have the part files."""
    with tempfile.TemporaryDirectory(dir=Path(job.path).parent) as folder:
        split = ["split", "--bytes", str(job.part_size), "--suffix-length", "4", job.path, f"{folder}/chunk-"]
        subprocess.run(split, check=True)
        for number, chunk in enumerate(sorted(Path(folder).iterdir()), start=1):
            md5 = md5_of(chunk) if job.md5 else None
            told = json.loads(output_of(curl(job, number, chunk, md5)))
            if md5 is not None and told["data"]["part_content_md5"] != md5:
                raise RuntimeError(f"part {number} arrived wrong")


def curl(job: Job, number: int, chunk: Path, md5: str | None) -> list[str]:
    """Return the command of the document."""
    headers = [
        "Authorization: benchmark",
        "Accept: application/json",
        "Content-Type: application/octet-stream",
        f"Content-Length: {chunk.stat().st_size}",
        f"X-VaultAPI-FilePartNumber: {number}",
        *([f"Content-MD5: {md5}"] if md5 is not None else []),
    ]
    options = [word for header in headers for word in ("-H", header)]
    quiet = ["--disable", "--silent", "--show-error"]
    return ["curl", *quiet, "-L", "-X", "PUT", *options, "--data-binary", f"@{chunk}", job.target]


def md5_of(chunk: Path) -> str:
    """Return a file's MD5 in hex, as a shell script would find it."""
    return output_of(["md5sum", str(chunk)]).split()[0]


def output_of(command: list[str]) -> str:
    """Run a command, and return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    run_job(send)
