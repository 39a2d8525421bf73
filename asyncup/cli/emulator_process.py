"""The emulator in a process of its own, started and surely ended: for the demo, tests, benchmarks.

In a process of its own it neither shares the client's interpreter lock nor its memory figures.
Secrets go to it through its environment, not through its command line. Must not know what the
emulator does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

__all__ = ["AUTHORITY", "LISTENING", "EmulatorFailed", "EmulatorProcess", "emulator_process"]

LISTENING = "asyncup emulator listening on "
"""What the line on the emulator's stdout begins with that tells its URL."""

AUTHORITY = "asyncup emulator's certificate is from the authority in "
"""With TLS, what the line before that one begins with; it tells a file."""

_START_S = 30.0
_TERMINATE_S = 5.0
_LINE_BYTES = 4096


class EmulatorFailed(Exception):
    """The emulator did not start; `str()` is one line that says why."""


@dataclass(frozen=True, slots=True)
class EmulatorProcess:
    """A running emulator.

    Attributes:
        url: where it listens.
        authority: with TLS, the file with the authority that a client must trust.
        process: the process.
    """

    url: str
    authority: Path | None
    process: Process


@asynccontextmanager
async def emulator_process(
    *arguments: str, environment: Mapping[str, str] | None = None, stderr: int | None = None
) -> AsyncIterator[EmulatorProcess]:
    """Run `asyncup emulator` on a free port while inside.

    Args:
        arguments: options of `asyncup emulator`, such as `"--discard"`; `--port 0` is there
            already.
        environment: added to this process's own, such as ASYNCUP_EMULATOR_TOKEN.
        stderr: where its stderr goes, as for `subprocess.Popen`; None is this process's own.

    Raises:
        EmulatorFailed: it ended, or said nothing, instead of listening.
    """
    process = await anyio.open_process(
        # It ends with its stdin: also when this process is killed and can end nothing any more.
        _command(arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, **(environment or {})},
        # Ctrl-C goes to everything in the terminal's group; the emulator must outlive the upload
        # that it interrupts.
        start_new_session=True,
    )
    try:
        yield await _listening(process)
    finally:
        await _end(process)


def _command(arguments: Sequence[str]) -> list[str]:
    return [
        sys.executable,
        "-m",
        "asyncup",
        "emulator",
        "--port",
        "0",
        "--end-with-stdin",
        *arguments,
    ]


async def _listening(process: Process) -> EmulatorProcess:
    """Wait for the lines that tell where it listens."""
    assert process.stdout is not None  # noqa: S101 - asked for above
    stdout = BufferedByteReceiveStream(process.stdout)
    authority = None
    try:
        with anyio.fail_after(_START_S):
            line = await _line(stdout)
            if line.startswith(AUTHORITY):
                authority = Path(line.removeprefix(AUTHORITY))
                line = await _line(stdout)
    except TimeoutError as error:
        raise EmulatorFailed(f"the emulator did not listen within {_START_S:g} s") from error
    except (anyio.EndOfStream, anyio.IncompleteRead) as error:
        code = await process.wait()
        raise EmulatorFailed(f"the emulator ended with exit code {code} instead of listening") from error
    if not line.startswith(LISTENING):
        raise EmulatorFailed(f"the emulator said {line!r} instead of where it listens")
    return EmulatorProcess(line.removeprefix(LISTENING), authority, process)


async def _line(stream: BufferedByteReceiveStream) -> str:
    return (await stream.receive_until(b"\n", _LINE_BYTES)).decode("utf-8", "replace").strip()


async def _end(process: Process) -> None:
    """End the process, if it has not ended: asked first, then killed. Also under cancellation."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(_TERMINATE_S):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
        await process.aclose()
