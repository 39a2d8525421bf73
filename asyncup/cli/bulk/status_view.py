"""How a journal looks to a person: pure, from values to lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asyncup.bulk.journal.entry import Count, Entry, RunKey, State, Tally
from asyncup.bulk.report.totals import Losses, RunTotals
from asyncup.cli.sizes import show_bytes

__all__ = ["kinds_shown", "status_json", "status_lines", "totals_lines"]

_MOST_KINDS = 4


def status_lines(key: RunKey | None, tally: Tally, losses: Losses, under_way: Sequence[Entry]) -> Iterator[str]:
    """Yield the lines of `asyncup status`."""
    if key is None:
        yield "no run was begun with this journal yet"
        return
    yield f"{key.source} -> {key.destination}"
    yield from totals_lines(RunTotals.of(tally), losses)
    if under_way:
        yield f"under way, or claimed by lanes: {len(under_way)}"
        yield from (f"  {entry.file}, {show_bytes(entry.size or 0)}" for entry in under_way)


def totals_lines(totals: RunTotals, losses: Losses) -> Iterator[str]:
    """Yield a table that adds up: the first line is the sum of those below."""
    rows = (
        ("inputs", totals.inputs),
        ("  success", totals.success),
        ("  skipped", totals.skipped),
        ("  failed", totals.failed),
        ("  broken", totals.broken),
        ("  not begun", totals.not_begun),
    )
    for name, count in rows:
        yield f"{name:<12} {count.files:>12,} {show_bytes(count.bytes):>12}"
    if losses.kinds:
        yield f"failed or broken because of {kinds_shown(losses)}"


def kinds_shown(losses: Losses) -> str:
    """Return the commonest kinds of loss, with their numbers."""
    commonest = losses.kinds.most_common(_MOST_KINDS)
    others = losses.kinds.total() - sum(number for _, number in commonest)
    words = [f"{kind} ({number:,})" for kind, number in commonest]
    return ", ".join([*words, f"others ({others:,})"] if others else words)


def status_json(key: RunKey | None, tally: Tally, losses: Losses, under_way: Sequence[Entry]) -> dict[str, object]:
    """Return the keys of `asyncup status --json`, in their order."""
    totals = RunTotals.of(tally)
    return {
        "source": None if key is None else key.source,
        "destination": None if key is None else key.destination,
        "inputs": _count(totals.inputs),
        "success": _count(totals.success),
        "skipped": _count(totals.skipped),
        "failed": _count(totals.failed),
        "broken": _count(totals.broken),
        "not_begun": _count(totals.not_begun),
        "states": {state.value: _count(tally.of(state)) for state in State},
        "losses": dict(losses.kinds),
        "under_way": [{"file": entry.file, "path": entry.destination, "size": entry.size} for entry in under_way],
    }


def _count(count: Count) -> dict[str, int]:
    return {"files": count.files, "bytes": count.bytes}
