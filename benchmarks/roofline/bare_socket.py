"""What two sockets of this machine do with nothing between them: it says whether the sink is a bottleneck.

A blocking `sendall` of each part of the mapped file into a process that does nothing but `recv_into`, and says when it
has the part, as a server must.
"""

from __future__ import annotations

import mmap
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.job import Job, job_on_command_line, run_job

__all__ = ["main"]

_RECEIVER = """
import socket
import sys
left, part_size = map(int, sys.argv[1:])
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
memory = bytearray(2**16)  # as the sink
while left:
    of_part = min(left, part_size)
    left -= of_part
    while of_part:
        received = connection.recv_into(memory)
        if not received:
            sys.exit("the sender has gone")
        of_part -= received
    connection.sendall(b"!")
"""


def send(job: Job, port: int) -> None:
    """Send the whole file, and wait after each part until the other side has it."""
    with (
        Path(job.path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        if job.send_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, job.send_buffer)
        for begin in range(0, job.size, job.part_size):
            with view[begin : begin + job.part_size] as part:
                connection.sendall(part)
            if not connection.recv(1):
                raise RuntimeError("the receiver has gone")


def main() -> None:
    """Do the job on the command line."""
    job = job_on_command_line()
    command = [sys.executable, "-c", _RECEIVER, str(job.size), str(job.part_size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None  # noqa: S101 - asked for above
        port = int(receiver.stdout.readline())
        run_job(lambda job: send(job, port))


if __name__ == "__main__":
    main()
