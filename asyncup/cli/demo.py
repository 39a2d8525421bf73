"""`asyncup demo`: the whole job on this machine, against an emulator, through the public API.

A file of random bytes is uploaded, read back from the emulator, and compared by MD5. Must not know
anything of uploading that a user of the library would not know.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.to_thread import run_sync as in_thread

from asyncup import TokenLogin, Vault, upload_file
from asyncup.bulk.in_vault.read_back import md5_read_back
from asyncup.cli.arguments import Bytes, Flag
from asyncup.cli.demo_summary import DemoResult, peak_memory, show_summary
from asyncup.cli.emulator_process import EmulatorFailed, emulator_process
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.messages import say
from asyncup.cli.progress import Progress
from asyncup.cli.progress_display import showing
from asyncup.cli.sizes import show_bytes
from asyncup.errors import AsyncupError

__all__ = ["demo"]

_DESTINATION = "/u1/demo.bin"
_RANDOM_AT_ONCE = 8 * 1024 * 1024
_PLAIN_INTERVAL_S = 1.0


def demo(*, size: Bytes = 268_435_456, tls: Flag = False) -> int:
    """Upload a file of random bytes to an emulated Vault, read it back, and compare.

    Args:
        size: Bytes of the file, such as `1GiB`.
        tls: Speak TLS with the emulated Vault.
    """
    return run_interruptible(functools.partial(_show_demo, size, tls=tls), _say_nothing_is_left)


def _say_nothing_is_left() -> None:
    say("interrupted: the demo has removed its files and ended its emulator")


async def _show_demo(size: int, *, tls: bool) -> int:
    try:
        async with _temporary_folder() as folder:
            result = await _demo(folder, size, tls=tls)
    except AsyncupError as error:
        say(str(error))
        return exit_code_for(error)
    except EmulatorFailed as error:
        say(str(error))
        return ExitCode.BUG
    show_summary(result)
    return ExitCode.OK if result.equal else ExitCode.VERIFICATION


async def _demo(folder: Path, size: int, *, tls: bool) -> DemoResult:
    source, token = folder / "demo.bin", secrets.token_hex(16)
    _tell(f"making {show_bytes(size)} of random bytes")
    await in_thread(_write_random, source, size)
    arguments = ["--root", str(folder / "vault"), *(["--tls"] if tls else [])]
    environment = {"ASYNCUP_EMULATOR_TOKEN": token}
    async with emulator_process(*arguments, environment=environment) as emulator:
        _tell(f"an emulated Vault listens on {emulator.url}, process {emulator.process.pid}")
        trust = await in_thread(_trusting, emulator.authority) if emulator.authority else None
        async with Vault(emulator.url, TokenLogin(token), ssl_context=trust) as vault:
            _tell(f"uploading to {_DESTINATION}")
            progress = Progress(source.name)
            with showing(progress, quiet=False, interval_s=_PLAIN_INTERVAL_S):
                uploaded = await upload_file(source, _DESTINATION, vault=vault, on_event=progress)
            peak_bytes = peak_memory()
            _tell("reading it back from the emulated Vault")
            vault_md5 = await md5_read_back(vault, uploaded.destination, uploaded.size)
    return DemoResult(
        uploaded=uploaded,
        source_md5=await in_thread(_md5_of, source),
        vault_md5=vault_md5,
        sending_s=progress.sending_s,
        buffers=tuple(kind.value for kind in progress.buffers),
        peak_bytes=peak_bytes,
    )


@asynccontextmanager
async def _temporary_folder() -> AsyncIterator[Path]:
    folder = await in_thread(tempfile.mkdtemp, "", "asyncup-demo-")
    try:
        yield Path(folder)
    finally:
        with anyio.CancelScope(shield=True):  # also when interrupted
            await in_thread(lambda: shutil.rmtree(folder, ignore_errors=True))


def _trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


def _write_random(path: Path, size: int) -> None:
    with path.open("xb") as file:
        for offset in range(0, size, _RANDOM_AT_ONCE):
            file.write(os.urandom(min(_RANDOM_AT_ONCE, size - offset)))


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _tell(step: str) -> None:
    print(f"- {step}", flush=True)
