"""What a client is to do, and how it says what that took: the contract between the runner and every client.

A client is a program `python -m benchmarks... JOB`, in a process of its own; JOB is a `Job` as JSON. It prints one line
of JSON. Only what is inside `run_job`'s call is timed, not the start of Python nor the imports. Standard library only:
the peers' Python has nothing of ours. Must not know any client.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Job", "Took", "job_on_command_line", "run_job"]


@dataclass(frozen=True)
class Job:
    """One upload, or many.

    Attributes:
        url: scheme, host and port of the server.
        session_id: the upload session, which is open.
        path: the file; the folder with the files when there are several.
        size: the file's bytes.
        part_size: bytes of every part but the last.
        md5: whether each part is hashed, its Content-MD5 sent, and the MD5 in the answer compared.
        authority: with TLS, the file with the authority to trust; SSL_CERT_FILE and its like name it, too.
        lanes: files that may be on their way at once.
        threads: hashing threads of the roofline's program; 0 means one for each core.
        trace: where asyncup writes its events; empty: nowhere.
        send_buffer: bytes of the send buffer that the machine's limits ask the system for; 0 leaves it to the system.
    """

    url: str
    session_id: str
    path: str
    size: int
    part_size: int
    md5: bool = True
    authority: str = ""
    lanes: int = 1
    threads: int = 0
    trace: str = ""
    send_buffer: int = 0

    @property
    def target(self) -> str:
        """Where parts go."""
        return f"{self.url}/api/v25.2/services/file_staging/upload/{self.session_id}"

    @property
    def items(self) -> str:
        """Where small files go."""
        return f"{self.url}/api/v25.2/services/file_staging/items"

    def as_json(self) -> str:
        """Return the command line's argument."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Took:
    """What a job took. `peak_rss_bytes` is 0 where the system does not tell; processes that it started count, too."""

    seconds: float
    cpu_s: float
    peak_rss_bytes: int


def job_on_command_line() -> Job:
    """Return what this process is to do."""
    return Job(**json.loads(sys.argv[1]))


def run_job(do: Callable[[Job], None]) -> None:
    """Do the job on the command line, and print what it took."""
    job = job_on_command_line()
    cpu_before, begun = _cpu_s(), time.perf_counter()
    do(job)
    seconds, cpu_s = time.perf_counter() - begun, _cpu_s() - cpu_before
    print(json.dumps(asdict(Took(seconds, cpu_s, _peak_rss_bytes()))))


def _cpu_s() -> float:
    if sys.platform == "win32":
        spent = time.process_time()
    else:
        import resource  # noqa: PLC0415 - not on Windows

        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return spent


def _peak_rss_bytes() -> int:
    """Return the most memory of this process, or of the largest that it has waited for.

    From /proc where there is one: `ru_maxrss` of a process begins with what its parent had when it was forked.
    """
    if sys.platform == "win32":
        peak = 0
    else:
        import resource  # noqa: PLC0415 - not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        status = Path("/proc/self/status")
        if status.exists():
            peak = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if "VmHWM" in line)
        peak = max(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
    return peak
