"""`asyncup bench`: how fast this machine, this network and this Vault are together, and what holds them up.

Must not know how it is measured or judged.
"""

from __future__ import annotations

import functools
import os
import secrets
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import anyio
from anyio.to_thread import run_sync as in_thread
from cyclopts import Parameter

from asyncup import TokenLogin, Vault
from asyncup.cli.arguments import Bytes, Flag
from asyncup.cli.bench_run import BenchRequest, measure
from asyncup.cli.bottleneck import StageTimes, bottleneck
from asyncup.cli.demo_summary import peak_memory
from asyncup.cli.emulator_process import EmulatorFailed, emulator_process
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.messages import say
from asyncup.cli.sizes import show_bytes, show_rate
from asyncup.cli.usage_error import UsageError
from asyncup.cli.vault_opening import vault_from_settings
from asyncup.cli.vault_options import VaultOptions
from asyncup.errors import AsyncupError

__all__ = ["bench"]

_RANDOM_AT_ONCE = 8 * 1024 * 1024
_EMULATED_FOLDER = "/u1"


def bench(  # noqa: PLR0913 - each is an option
    file: Annotated[Path | None, Parameter(name="FILE")] = None,
    *,
    folder: Annotated[str | None, Parameter(metavar="FOLDER")] = None,
    size: Bytes = 268_435_456,
    files: int = 1,
    lanes: int = 1,
    part_size: Bytes | None = None,
    memory: Bytes | None = None,
    tls: Flag = False,
    vault: VaultOptions | None = None,
) -> int:
    """Measure uploads to your Vault, or to an emulated one, and name what holds them up.

    Args:
        file: Send this file; by default, random bytes that are made for it.
        folder: Measure your own Vault: send parts into upload sessions for files in
            this folder of it, and abort the sessions. No file appears. Without it, an emulated
            Vault on this machine is measured.
        size: Bytes of the random file, such as `1GiB`.
        files: Upload sessions, one after the other.
        lanes: Upload sessions at once.
        part_size: Bytes of a part, such as `50MB` or `8MiB`; by default what suits the file best.
        memory: Bytes of the file that are in memory at once, 256 MiB by default.
        tls: Speak TLS with the emulated Vault.
        vault: Which Vault, with --folder.
    """
    if files < 1 or lanes < 1:
        raise UsageError("--files and --lanes are at least 1")
    if folder is not None and tls:
        raise UsageError("--tls is for the emulated Vault; VEEVA_VAULT_DNS says how yours is spoken to")
    request = BenchRequest(
        files=files, lanes=lanes, part_size=part_size, memory=memory, folder=folder or _EMULATED_FOLDER
    )
    own = None if folder is None else vault or VaultOptions()
    work = functools.partial(_show_bench, file, size, request, own=own, tls=tls)
    return run_interruptible(work, _say_nothing_is_left)


def _say_nothing_is_left() -> None:
    say("interrupted: the benchmark has aborted its upload sessions and removed its files")


async def _show_bench(
    file: Path | None, size: int, request: BenchRequest, *, own: VaultOptions | None, tls: bool
) -> int:
    try:
        async with _source(file, size) as source, _vault(own=own, tls=tls) as vault:
            times = await measure(vault, source, request)
    except AsyncupError as error:
        say(str(error))
        return exit_code_for(error)
    except EmulatorFailed as error:
        say(str(error))
        return ExitCode.BUG
    except FileNotFoundError as error:
        say(f"{error.filename}: there is no such file")
        return ExitCode.SOURCE_MISSING
    for line in summary(times, peak_memory()):
        print(line)
    return ExitCode.OK


def summary(times: StageTimes, peak_bytes: int | None) -> list[str]:
    """Return the lines that are shown."""
    total = times.size * times.files
    parts = -(-times.size // times.part_size) if times.part_size else 0
    waits = ", ".join(f"{stage.value} {seconds:.2f} s" for stage, seconds in times.waits_s.items())
    shape = f"{times.files} x {show_bytes(times.size)} in {parts} parts of {show_bytes(times.part_size)}"
    return [
        f"{shape}, {times.lanes} at once",
        f"{show_rate(total, times.elapsed_s)}, {times.elapsed_s:.2f} s; waited for: {waits}",
        *([f"peak memory {show_bytes(peak_bytes)}"] if peak_bytes is not None else []),
        bottleneck(times),
    ]


@asynccontextmanager
async def _source(file: Path | None, size: int) -> AsyncIterator[Path]:
    if file is not None:
        yield file
        return
    path = Path(await in_thread(_random_file, size))
    try:
        yield path
    finally:
        with anyio.CancelScope(shield=True):  # also when interrupted
            await in_thread(path.unlink)


@asynccontextmanager
async def _vault(*, own: VaultOptions | None, tls: bool) -> AsyncIterator[Vault]:
    if own is not None:
        async with await vault_from_settings(own) as vault:
            yield vault
        return
    token = secrets.token_hex(16)
    arguments = ["--discard", "--profile", "quick", *(["--tls"] if tls else [])]
    async with emulator_process(*arguments, environment={"ASYNCUP_EMULATOR_TOKEN": token}) as emulator:
        trust = await in_thread(_trusting, emulator.authority) if emulator.authority else None
        async with Vault(emulator.url, TokenLogin(token), ssl_context=trust) as vault:
            yield vault


def _trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


def _random_file(size: int) -> str:
    with tempfile.NamedTemporaryFile(prefix="asyncup-bench-", delete=False) as file:
        for offset in range(0, size, _RANDOM_AT_ONCE):
            file.write(os.urandom(min(_RANDOM_AT_ONCE, size - offset)))
        return file.name
