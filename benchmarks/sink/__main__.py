"""The sink as a program: `python -m benchmarks.sink '{"check_md5": false, "answer_delay_s": 0.0}'`.

Listens on a free port with plain HTTP and on another with TLS, prints one line of JSON that tells them, and ends with
its stdin, so that it does not outlive whoever started it.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import trustme
import uvloop

from benchmarks.sink.answers import Answers
from benchmarks.sink.connection import Connection
from benchmarks.sink.part_digest import PartDigest

_HOST = "127.0.0.1"
_SCRATCH_BYTES = 2**16
"""It stays in the fastest cache: 3.5 to 4 GB/s of blocking `sendall` arrived, with 1 MiB 2.5."""


async def serve(settings: dict[str, float], folder: Path) -> None:
    """Serve until stdin ends."""
    answers, scratch = Answers(), memoryview(bytearray(_SCRATCH_BYTES))
    threads = ThreadPoolExecutor(os.cpu_count()) if settings.get("check_md5") else None

    def connection() -> Connection:
        return Connection(
            answers,
            scratch,
            answer_delay_s=settings.get("answer_delay_s", 0.0),
            digests=None if threads is None else lambda transport: PartDigest(threads, transport),
        )

    loop = asyncio.get_running_loop()
    context, authority = certificate(folder)
    plain = await loop.create_server(connection, _HOST, 0)
    tls = await loop.create_server(connection, _HOST, 0, ssl=context)
    told = {"plain": port_of(plain), "tls": port_of(tls), "authority": str(authority)}
    print(json.dumps(told), flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    plain.close()
    tls.close()


def port_of(server: asyncio.Server) -> int:
    """Return where a server listens."""
    return int(server.sockets[0].getsockname()[1])


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what a server listens with, and the file with the authority that a client must trust."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(_HOST, "localhost").configure_cert(context)
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, file


def main() -> None:
    """Read the settings from the command line."""
    settings = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    with tempfile.TemporaryDirectory(prefix="asyncup-sink-") as folder:
        uvloop.run(serve(settings, Path(folder)))


if __name__ == "__main__":
    main()
