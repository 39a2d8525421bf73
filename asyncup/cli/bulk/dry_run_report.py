"""`--dry-run`: what would be sent, in lines for people. The arithmetic is in `asyncup.bulk.dry_run`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Iterator

from asyncup.bulk.dry_run import DryRun, Estimate
from asyncup.bulk.inputs.item import BrokenInput, Input
from asyncup.cli.bulk.run_view import show_seconds
from asyncup.cli.messages import say
from asyncup.cli.sizes import show_bytes

__all__ = ["DryRunReport", "estimate_lines"]

_MOST_NAMED = 20


class DryRunReport:
    """Adds up inputs, and names the first broken ones."""

    def __init__(self, dry_run: DryRun) -> None:
        self._dry_run = dry_run
        self.broken: Counter[str] = Counter()

    async def add_all(self, inputs: AsyncIterable[Input]) -> None:
        """Add up everything."""
        async for one in inputs:
            if isinstance(one, BrokenInput):
                self._add_broken(one)
            else:
                size = one.size if one.identity is None else one.identity.size
                self._dry_run.add(one.path, size)

    def _add_broken(self, one: BrokenInput) -> None:
        self.broken[one.trouble.value] += 1
        if self.broken.total() <= _MOST_NAMED:
            line = "" if one.row is None else f"line {one.row}: "
            say(f"broken: {line}{one.name}: {one.reason}")
        elif self.broken.total() == _MOST_NAMED + 1:
            say("more are broken; the run's results will name them all")

    def lines(self, *, rate: float, turnaround_s: float, lanes: int) -> Iterator[str]:
        """Yield the report."""
        yield from estimate_lines(self._dry_run.estimate(), rate=rate, turnaround_s=turnaround_s, lanes=lanes)
        if self.broken:
            kinds = ", ".join(f"{kind} ({number:,})" for kind, number in self.broken.most_common())
            yield f"broken and not sent: {self.broken.total():,} inputs: {kinds}"


def estimate_lines(estimate: Estimate, *, rate: float, turnaround_s: float, lanes: int) -> Iterator[str]:
    """Yield an estimate as lines for people."""
    files, size = estimate.small_files + estimate.large_files, estimate.small_bytes + estimate.large_bytes
    rows = (
        ("files", f"{files:,}", show_bytes(size)),
        ("  in one request", f"{estimate.small_files:,}", show_bytes(estimate.small_bytes)),
        ("  in parts", f"{estimate.large_files:,}", show_bytes(estimate.large_bytes)),
        ("parts", f"{estimate.parts:,}", ""),
        ("API calls", f"{estimate.calls:,}", f"{estimate.folders:,} of them make folders"),
    )
    for name, number, more in rows:
        yield f"{name:<18} {number:>14}  {more}".rstrip()
    if estimate.unknown_sizes:
        yield f"{estimate.unknown_sizes:,} files have no size in the manifest, and are counted as small and empty"
    if estimate.too_large:
        yield f"{estimate.too_large:,} files are too large for Vault, and are counted nowhere above"
    yield (
        f"at {rate / 1e6:g} MB/s, {turnaround_s:g} s per answer and {lanes} lanes: {show_seconds(estimate.seconds)} "
        f"({estimate.minutes:.1f} minutes), because of: {estimate.limited_by}"
    )
