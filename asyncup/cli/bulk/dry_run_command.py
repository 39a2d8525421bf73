"""`asyncup migrate --dry-run`: reads the source, and asks Vault nothing. Must not know the arithmetic."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import dataclass

from asyncup.bulk.dry_run import DryRun
from asyncup.bulk.run.inputs import RunSource
from asyncup.bulk.run.options import LEAST_PARTS, BulkOptions
from asyncup.cli.bulk.dry_run_report import DryRunReport
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.messages import say
from asyncup.cli.usage_error import UsageError
from asyncup.errors import AsyncupError
from asyncup.protocol.limits import DEFAULT_API_VERSION, limits_for

__all__ = ["DryRunRequest", "run_dry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunRequest:
    """What is to be estimated.

    Attributes:
        source: what would be sent.
        rate: bytes per second of the line.
        turnaround_s: seconds that Vault needs for an answer.
        lanes, memory: as for the run; None is what it has by default.
    """

    source: RunSource
    rate: int
    turnaround_s: float
    lanes: int | None
    memory: int | None

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: a number cannot be.
        """
        if not 0 <= self.turnaround_s < float("inf"):
            raise UsageError(f"--turnaround must be a number of seconds, not {self.turnaround_s}")


async def run_dry(asked: DryRunRequest) -> int:
    """Print the estimate, and return the exit code: 0, whatever the source holds."""
    try:
        limits = limits_for(os.environ.get("VEEVA_VAULT_API_VERSION") or DEFAULT_API_VERSION)
        default = BulkOptions()
        options = BulkOptions(lanes=asked.lanes or default.lanes, memory=asked.memory or default.memory)
        report = DryRunReport(
            DryRun(
                limits=limits,
                small_file_max=limits.max_item_size,
                memory_budget=options.memory,
                least_parts=LEAST_PARTS,
                bytes_per_s=asked.rate,
                turnaround_s=asked.turnaround_s,
                lanes=options.lanes,
            )
        )
        async with aclosing(asked.source.inputs()) as inputs:
            await report.add_all(inputs)
    except AsyncupError as error:
        say(str(error))
        return exit_code_for(error)
    print("\n".join(report.lines(rate=asked.rate, turnaround_s=asked.turnaround_s, lanes=options.lanes)))
    return ExitCode.OK
