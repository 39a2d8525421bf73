"""What two sockets of this machine do with nothing between them: it says whether the sink is a bottleneck.

A blocking `sendall` of the mapped file into a process that does nothing but `recv_into`.
"""

from __future__ import annotations

import mmap
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.job import Job, run_job

__all__ = ["main"]

_RECEIVER = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
memory = bytearray(2**16)  # as the sink
while connection.recv_into(memory):
    pass
connection.sendall(b"!")
"""


def send(job: Job, port: int) -> None:
    """Send the whole file, and wait until the other side has it."""
    with (
        Path(job.path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.sendall(mapped)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


def main() -> None:
    """Do the job on the command line."""
    with subprocess.Popen([sys.executable, "-c", _RECEIVER], stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None  # noqa: S101 - asked for above
        port = int(receiver.stdout.readline())
        run_job(lambda job: send(job, port))


if __name__ == "__main__":
    main()
