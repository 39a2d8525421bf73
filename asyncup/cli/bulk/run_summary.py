"""The end of a bulk run in lines that add up: pure, from values to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asyncup.bulk.report.report import Report
from asyncup.bulk.report.totals import Ending
from asyncup.cli.bulk.run_view import show_seconds
from asyncup.cli.bulk.status_view import totals_lines
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.sizes import show_bytes, show_rate

__all__ = ["Effort", "code_of", "summary_lines"]

_CODES = {
    Ending.COMPLETE: ExitCode.OK,
    Ending.SOURCE_TROUBLE: ExitCode.SOURCE_CHANGED,
    Ending.ACCESS_REFUSED: ExitCode.ACCESS,
    Ending.OVER_LIMITS: ExitCode.LIMIT,
    Ending.SOME_FAILED: ExitCode.SOME_FAILED,
    Ending.UNFINISHED: ExitCode.VAULT_AWAY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What this run took, earlier ones on the same journal aside.

    Attributes:
        files: that it brought to Vault.
        bytes: that Vault acknowledged.
        calls: API calls.
        seconds: from beginning to end.
    """

    files: int
    bytes: int
    calls: int
    seconds: float


def code_of(report: Report) -> ExitCode:
    """Return the exit code of a run that came to its end."""
    return _CODES[report.losses.ending(report.totals)]


def summary_lines(report: Report, effort: Effort) -> Iterator[str]:
    """Yield the summary: a table that adds up, what it took, and where the records are."""
    yield from totals_lines(report.totals, report.losses)
    per_file = f", {effort.calls / effort.files:.1f} per file" if effort.files else ""
    yield (
        f"this run: {effort.files:,} files and {show_bytes(effort.bytes)} in {show_seconds(effort.seconds)} "
        f"({show_rate(effort.bytes, effort.seconds)}), {effort.calls:,} API calls{per_file}"
    )
    yield f"a record for every input: {', '.join(map(str, report.results))}"
    if report.loader:
        yield f"for Vault Loader: {', '.join(map(str, report.loader[:3]))}" + (
            f" and {len(report.loader) - 3} more" if len(report.loader) > 3 else ""  # noqa: PLR2004 - as many as fit
        )
