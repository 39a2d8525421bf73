"""What there is to see of a bulk run at one moment: values only, ready to be drawn or said in a line.

Must not know terminals, or where the values come from.
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncup.cli.sizes import show_bytes

__all__ = ["Burst", "LaneView", "RunView", "plain_line", "show_seconds"]

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneView:
    """One file on its way.

    Attributes:
        file: its name, below the source.
        size: its bytes.
        acknowledged: those that Vault has confirmed.
        part: the part on offer, counted from 1; 0 before the first.
        parts: how many it has in all; 0 until that is known.
        waits_for: what for, in a word or a few.
    """

    file: str
    size: int
    acknowledged: int
    part: int
    parts: int
    waits_for: str


@dataclass(frozen=True, slots=True)
class Burst:
    """Calls that Vault allows in its window of five minutes, and how many of them are left, for everybody."""

    remaining: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A bulk run at one moment.

    Attributes:
        source, destination: from where to where.
        files, bytes: what is known of all inputs that can be sent.
        counted: whether every input is known by now; until then `files` and `bytes` grow.
        files_done, bytes_done: in Vault, whether sent or skipped; the bytes of files on their way count as well.
        success, skipped, failed, broken: inputs that have come to an end, by how.
        rate_now: acknowledged bytes per second, of late.
        rate_mean: the same since the beginning.
        files_per_s: files that came to an end per second, of late.
        elapsed_s: since the beginning of this run.
        left_s: an estimate; None when there is none.
        lanes: files on their way.
        lanes_allowed: how many there may be now.
        waiting_for_jobs: files that Vault has every byte of, and makes appear.
        burst: None when Vault has not told.
        sessions, sessions_allowed: upload sessions that we hold, and may hold; None when that is not known.
        calls: API calls of this run.
        ended: inputs that came to an end in this run.
        limited_by: what the run would have to have more of to be faster, in words; empty when that is not known.
        last_failure: the last failure in a line, or empty.
        ending: whether it was asked to end.
    """

    source: str
    destination: str
    files: int
    bytes: int
    counted: bool
    files_done: int
    bytes_done: int
    success: int
    skipped: int
    failed: int
    broken: int
    rate_now: float
    rate_mean: float
    files_per_s: float
    elapsed_s: float
    left_s: float | None
    lanes: tuple[LaneView, ...]
    lanes_allowed: int
    waiting_for_jobs: int
    burst: Burst | None
    sessions: int
    sessions_allowed: int | None
    calls: int
    ended: int
    limited_by: str
    last_failure: str = ""
    ending: bool = False

    @property
    def share(self) -> float:
        """How much is done, 0 to 1: by bytes, or by files where there are no bytes."""
        done, of_all = (self.bytes_done, self.bytes) if self.bytes else (self.files_done, self.files)
        return min(1.0, done / of_all) if of_all else 0.0

    @property
    def calls_per_file(self) -> float | None:
        """API calls of this run per input that it has ended; None before the first."""
        return self.calls / self.ended if self.ended else None


def plain_line(view: RunView) -> str:
    """Return what matters most as one line, for logs and pipes."""
    so_far = "" if view.counted else " so far"
    facts = [
        f"{int(view.share * 100)} %",
        f"{view.files_done:,} of {view.files:,} files{so_far}",
        f"{show_bytes(view.bytes_done)} of {show_bytes(view.bytes)}",
        f"{view.rate_now / 1e6:.1f} MB/s",
        f"{show_seconds(view.left_s)} left" if view.left_s is not None else None,
        f"{view.failed:,} failed" if view.failed else None,
        f"{view.broken:,} broken" if view.broken else None,
        f"{len(view.lanes)} lanes",
        f"limited by {view.limited_by}" if view.limited_by else None,
        "ending" if view.ending else None,
    ]
    return ", ".join(fact for fact in facts if fact)


def show_seconds(seconds: float) -> str:
    """Return a time in its two largest units, such as `4 h 52 min`."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"
