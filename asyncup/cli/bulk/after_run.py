"""What follows when all files are sent: comparing what is in Vault, and sending the CSV files for Vault Loader.

Must not know how the files came there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack, aclosing, suppress
from pathlib import Path

import anyio
import anyio.to_thread

from asyncup import Vault, upload_file
from asyncup.bulk.in_vault.verification import Check, verify
from asyncup.bulk.report.placed_files import read_placed
from asyncup.bulk.report.results import RESULTS_JSONL
from asyncup.bulk.report.whole_file import written_whole
from asyncup.cli.bulk.verify_run import Verdict, verified_line
from asyncup.cli.exit_codes import ExitCode
from asyncup.protocol.paths import join

__all__ = ["VERIFICATION_JSONL", "send_loader_files", "verify_placed"]

VERIFICATION_JSONL = "verification.jsonl"


async def verify_placed(vault: Vault, report: Path, *, every_byte: bool, say: Callable[[str], None]) -> ExitCode:
    """Compare everything that a report says is in Vault; write a record each, and say what disagrees.

    Raises:
        AsyncupError: the Vault is away.
    """
    verdict = Verdict()
    files = ExitStack()
    file = await anyio.to_thread.run_sync(files.enter_context, written_whole(report / VERIFICATION_JSONL))
    try:
        async with (
            aclosing(read_placed(report / RESULTS_JSONL)) as placed,
            aclosing(verify(placed, vault, every_byte=every_byte)) as records,
        ):
            async for record in records:
                verdict.add(record)
                if record.check is not Check.SAME:
                    say(verified_line(record))
                await anyio.to_thread.run_sync(file.write, json.dumps(record.as_json()) + "\n")
    except BaseException as error:
        with anyio.CancelScope(shield=True), suppress(type(error)):
            await anyio.to_thread.run_sync(files.__exit__, type(error), error, error.__traceback__)
        raise
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(files.close)
    say(f"{verdict.line()}; a record each: {report / VERIFICATION_JSONL}")
    return verdict.exit_code


async def send_loader_files(vault: Vault, files: Sequence[Path], destination: str) -> list[str]:
    """Send CSV files into a folder in Vault, and return where they are.

    Raises:
        AsyncupError: one could not be sent.
    """
    sent = []
    for file in files:
        uploaded = await upload_file(file, join(destination, file.name), vault=vault, overwrite=True)
        sent.append(uploaded.destination)
    return sent
