"""The proxy as a process of its own."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from asyncup.emulator.tcp_proxy.__main__ import LISTENING, address, bandwidth_bytes_s

ENOUGH_S = 30.0


class Program:
    """It runs: where it listens, and what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self._stdin, self._stdout = process, process.stdin, process.stdout
        line = self._stdout.readline()
        assert line.startswith(LISTENING), line
        self.at = address(line.removeprefix(LISTENING).strip())

    def told(self, order: str) -> str:
        self._stdin.write(f"{order}\n")
        self._stdin.flush()
        return self._stdout.readline().strip()


@contextmanager
def running(*arguments: str) -> Iterator[Program]:
    with subprocess.Popen(
        [sys.executable, "-m", "asyncup.emulator.tcp_proxy", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        killer = threading.Timer(ENOUGH_S, process.kill)
        killer.start()
        yield Program(process)
        killer.cancel()


def test_it_obeys_its_stdin_and_ends_with_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with running("--to", f"127.0.0.1:{port}", "--round-trip-ms", "1", "--bandwidth", "100MB/s") as program:
            with socket.create_connection(program.at) as client:
                client.sendall(b"hello")
                served, _ = server.accept()
                with served:
                    assert served.recv(100) == b"hello"
                    assert program.told("stall") == "done"
                    assert program.told("resume") == "done"
                    served.sendall(b"answer")
                    assert client.recv(100) == b"answer"
                    assert program.told("refuse") == "done"
                    with pytest.raises(ConnectionError):
                        socket.create_connection(program.at)
                    assert program.told("reset") == "done"
                    with pytest.raises(ConnectionResetError):
                        client.recv(100)
            assert program.told("admit") == "done"
            socket.create_connection(program.at).close()
            assert "none of stall" in program.told("dance")
            assert program.process.stdin is not None
            program.process.stdin.close()
            assert program.process.wait() == 0


@pytest.mark.parametrize(
    ("text", "found"), [("125MB/s", 125e6), ("1Gbit/s", 125e6), ("20000", 20000), ("1.5 kB/s", 1500)]
)
def test_bandwidths(text: str, found: float) -> None:
    assert bandwidth_bytes_s(text) == found


@pytest.mark.parametrize("text", ["", "fast", "1 MB", "-1MB/s"])
def test_what_is_no_bandwidth(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        bandwidth_bytes_s(text)


def test_addresses() -> None:
    assert address("localhost:80") == ("localhost", 80)
    assert address("[::1]:80") == ("::1", 80)
    for text in ("80", ":80", "localhost:http"):
        with pytest.raises(argparse.ArgumentTypeError):
            address(text)
