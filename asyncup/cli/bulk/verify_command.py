"""`asyncup verify`, as cyclopts sees it: options in, a `VerifyRun` on."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from asyncup.bulk.run.inputs import RunSource
from asyncup.cli.arguments import Flag
from asyncup.cli.bulk.verify_run import VerifyRun
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.vault_options import VaultOptions

__all__ = ["verify"]


def verify(
    source: Annotated[str, Parameter(name="MANIFEST")],
    destination: Annotated[str, Parameter(name="DESTINATION")] = "/",
    /,
    *,
    bytes: Flag = False,  # noqa: A002 - the option's name
    quiet: Flag = False,
    json: Flag = False,
    vault: VaultOptions | None = None,
) -> int:
    """Compare what a manifest or folder says with what is in Vault.

    Args:
        source: A manifest (`.csv` or `.jsonl`), a `results.jsonl`, or a folder.
        destination: The folder in Vault for what names none of its own.
        bytes: Download every file and compare its MD5, not only the size that Vault lists.
        quiet: Print only what does not agree.
        json: Print one JSON object per file.
        vault: Which Vault.
    """
    run = VerifyRun(
        RunSource(place=source, destination=destination),
        vault=vault or VaultOptions(),
        every_byte=bytes,
        quiet=quiet,
        json=json,
    )
    return run_interruptible(run.run, run.say_interrupted)
