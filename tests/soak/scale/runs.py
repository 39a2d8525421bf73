"""Runs of the scale tests: an emulator, and clients in processes of their own. Must not know what is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process

from asyncup.cli.emulator_process import EmulatorProcess, emulator_process
from tests.loopback.clients import REPOSITORY
from tests.soak.scale.client import TOKEN, Ended, Errand

MIB = 2**20
DONE = "done"


@dataclass
class Measured:
    """What one part of the scale tests has to say. `wrong` is empty when all is well."""

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, name: str, value: str) -> None:
        """Add a row."""
        self.rows.append((name, value))

    def demand(self, held: bool, complaint: str) -> None:
        """Note what is wrong, unless it holds."""
        if not held:
            self.wrong.append(f"{self.title}: {complaint}")


def quick_emulator(root: Path | None, *arguments: str) -> AbstractAsyncContextManager[EmulatorProcess]:
    """An emulator whose jobs take no time and that has no burst limit, in a process of its own.

    Without a root it keeps no bytes.
    """
    switches = ("burst=off", "job_queued_s=0", "job_duration_s=0.05")
    return emulator_process(
        *(("--root", str(root)) if root else ("--discard",)),
        *(word for switch in switches for word in ("--switch", switch)),
        *arguments,
        environment={"ASYNCUP_EMULATOR_TOKEN": TOKEN},
    )


def write_manifest(manifest: Path, rows: Sequence[tuple[Path, str]]) -> None:
    """Write a manifest of files and their paths."""
    with manifest.open("w", encoding="utf-8") as lines:
        lines.write("file,path\n")
        lines.writelines(f"{file},{path}\n" for file, path in rows)


@asynccontextmanager
async def client_process(errand: Errand, printed: Path) -> AsyncIterator[Process]:
    """Run a client while inside; what it prints goes to a file."""
    with printed.open("wb") as stdout:
        process = await anyio.open_process(
            [sys.executable, "-m", "tests.soak.scale.client", json.dumps(asdict(errand))],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=None,
            cwd=REPOSITORY,
        )
    async with process:
        yield process


async def run_client(errand: Errand, printed: Path) -> tuple[Ended, list[dict[str, Any]]]:
    """Let a client do its errand; return what came of it, and its changes of lanes.

    Raises:
        RuntimeError: it ended otherwise.
    """
    async with client_process(errand, printed) as process:
        code = await process.wait()
    return told_by(printed, code)


def told_by(printed: Path, code: int) -> tuple[Ended, list[dict[str, Any]]]:
    """Read what a client that has ended has printed.

    Raises:
        RuntimeError: it did not end well.
    """
    if code:
        raise RuntimeError(f"the client ended with {code}")
    *lanes, ended = (json.loads(line) for line in printed.read_text(encoding="utf-8").splitlines())
    return Ended(**ended), lanes
