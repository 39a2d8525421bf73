"""Who can be measured: each client's program, which Python runs it, and whether it is installed there.

Must not know workloads or figures.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CLIENTS", "Client", "missing"]

REPOSITORY = Path(__file__).parents[1]

NEAR_SEND_BUFFER = 5 * 2**16
"""As asyncup asks for it over loopback (`asyncup/vault/sockets.py`)."""


@dataclass(frozen=True, slots=True)
class Client:
    """A program that does a `Job`.

    Attributes:
        module: what `python -m` runs.
        needs: the package that must be installed, if any.
        program: the program that must be installed, if any.
        foreign: True when it runs in the peers' Python, False when in ours.
        sends: False when it only reads the file.
        hashes: whether MD5 is any of its business; None: as the workload says.
        send_buffer: bytes of the send buffer that it asks the system for; 0 leaves it to the system.
    """

    module: str
    needs: str = ""
    program: str = ""
    foreign: bool = False
    sends: bool = True
    hashes: bool | None = None
    send_buffer: int = 0

    @property
    def python(self) -> str:
        """The Python that runs it."""
        return peers_python() if self.foreign else sys.executable


CLIENTS: Mapping[str, Client] = {
    "asyncup": Client("benchmarks.peers.ours"),
    # The machine's limits.
    "MD5, 1 thread": Client("benchmarks.roofline.md5_alone", sends=False),
    "MD5, all cores": Client("benchmarks.roofline.md5_alone", sends=False),
    "MD5, parts together": Client("benchmarks.roofline.md5_together", needs="asyncup.pipeline._multi_md5", sends=False),
    "bare socket": Client("benchmarks.roofline.bare_socket", sends=False, send_buffer=NEAR_SEND_BUFFER),
    "sendall": Client("benchmarks.roofline.threads", hashes=False),
    "sendall, near buffer": Client("benchmarks.roofline.threads", hashes=False, send_buffer=NEAR_SEND_BUFFER),
    "minimal": Client("benchmarks.roofline.threads"),
    "cold read": Client("benchmarks.roofline.cold_read", sends=False),
    # The peers.
    "curl + split": Client("benchmarks.peers.curl_split", program="curl"),
    "requests": Client("benchmarks.peers.requests_loop", needs="requests", foreign=True),
    "httpx": Client("benchmarks.peers.httpx_loop", needs="httpx", foreign=True),
    "aiohttp": Client("benchmarks.peers.aiohttp_loop"),
    "aiohttp posts": Client("benchmarks.peers.aiohttp_posts"),
    "veevatools": Client("benchmarks.peers.veevatools_loop", needs="veevatools", foreign=True),
}


def peers_python() -> str:
    """Return the Python in which the peers are installed: the one that `make` made, or that the environment names."""
    return os.environ.get("ASYNCUP_PEERS_PYTHON") or str(REPOSITORY / ".venv" / "peers" / "bin" / "python")


@functools.cache
def missing(name: str) -> str | None:
    """Return why a client cannot run here, in words; None when it can."""
    client = CLIENTS[name]
    if client.program and shutil.which(client.program) is None:
        return f"{client.program} is not installed"
    if client.foreign and shutil.which(client.python) is None:
        return f"there is no Python for the peers at {client.python}; make bench-quick makes it"
    if client.needs:
        looked = subprocess.run([client.python, "-c", f"import {client.needs}"], capture_output=True, check=False)
        return None if looked.returncode == 0 else f"{client.needs} is not installed"
    return None
