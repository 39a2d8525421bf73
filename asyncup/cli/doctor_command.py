"""`asyncup doctor`, as cyclopts sees it: the list of checks, and how what they say is shown."""

from __future__ import annotations

import functools
import sys
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asyncup.cli.arguments import Flag
from asyncup.cli.doctor.account import (
    look_at_budget,
    look_at_clock,
    look_at_login,
    look_at_permissions,
    look_at_slots,
    look_at_versions,
)
from asyncup.cli.doctor.configuration import look_at_configuration, look_at_credentials, look_at_proxy
from asyncup.cli.doctor.examination import Check, code_of, examine
from asyncup.cli.doctor.finding import Checked, Status
from asyncup.cli.doctor.machine import look_at_disk, look_at_hashing, look_at_kernel, look_at_lease, look_at_python
from asyncup.cli.doctor.network import look_at_dns, look_at_tcp, look_at_tls
from asyncup.cli.doctor.round_trip import look_at_round_trip
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.messages import one_line, say
from asyncup.cli.vault_options import VaultOptions

__all__ = ["CHECKS", "doctor"]

CHECKS = (
    Check("configuration", look_at_configuration),
    Check("credentials", look_at_credentials, ("configuration",)),
    Check("proxy", look_at_proxy, ("configuration",)),
    Check("dns", look_at_dns, ("proxy",)),
    Check("tcp", look_at_tcp, ("dns",)),
    Check("tls", look_at_tls, ("tcp",)),
    Check("api version", look_at_versions, ("credentials", "tls")),
    Check("login", look_at_login, ("api version",)),
    Check("permissions", look_at_permissions, ("login",)),
    Check("burst budget", look_at_budget, ("login",)),
    Check("sessions", look_at_slots, ("permissions",)),
    Check("clock", look_at_clock, ("login",)),
    Check("python", look_at_python),
    Check("kernel", look_at_kernel),
    Check("hashing", look_at_hashing),
    Check("lease", look_at_lease),
    Check("disk", look_at_disk),
    Check("round trip", look_at_round_trip, ("permissions",)),
)

_STYLES = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red", Status.SKIPPED: "dim"}


def doctor(
    *,
    path: str | None = None,
    no_write: Flag = False,
    json: Flag = False,
    vault: VaultOptions | None = None,
) -> int:
    """Say what is wrong between here and the Vault, and what to do.

    Args:
        path: A local file or folder that uploads would come from: is it fast, are read leases granted?
        no_write: Leave out the last check, which uploads a few KiB to your own folder, reads them back and
            deletes them.
        json: Print one JSON object per check.
        vault: Which Vault.
    """
    visit = Visit(options=vault or VaultOptions(), path=path, write=not no_write)
    return run_interruptible(functools.partial(_visit, visit, as_json=json), lambda: say("interrupted"))


async def _visit(visit: Visit, *, as_json: bool) -> int:
    results: list[Checked] = []
    console = Console(highlight=False)
    try:
        async for checked in examine(CHECKS, visit):
            results.append(checked)
            if as_json:
                print(checked.as_json(), flush=True)
            elif sys.stdout.isatty():
                console.print(_as_rows(checked))
            else:
                print(_as_line(checked), flush=True)
    finally:
        if visit.vault is not None:
            await visit.vault.aclose()
    if not as_json:
        print(_summary(results))
    return code_of(results)


def _as_rows(checked: Checked) -> Table:
    """Return what a terminal shows: long sentences go on below their beginning."""
    finding = checked.finding
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=4)
    grid.add_column(width=13)
    grid.add_column(overflow="fold")
    said = Text(one_line(finding.seen), style="dim" if finding.status is Status.SKIPPED else "")
    if finding.advice:
        said.append(f"\n-> {one_line(finding.advice)}", style=_STYLES[finding.status])
    grid.add_row(Text(finding.status.value, style=_STYLES[finding.status]), checked.name, said)
    return grid


def _as_line(checked: Checked) -> str:
    finding = checked.finding
    advice = f" -> {finding.advice}" if finding.advice else ""
    return one_line(f"{finding.status.value:<4} {checked.name:<13} {finding.seen}{advice}")


def _summary(results: list[Checked]) -> str:
    counts = Counter(checked.finding.status for checked in results)
    words = ((Status.OK, "ok"), (Status.WARN, "to be looked at"), (Status.FAIL, "failed"), (Status.SKIPPED, "left out"))
    return f"{len(results)} checks: " + ", ".join(
        f"{counts[status]} {word}" for status, word in words if counts[status]
    )
