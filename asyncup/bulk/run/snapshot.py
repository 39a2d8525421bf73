"""A bulk run at one moment, for a display: values only, cheap enough to be asked for several times a second."""

from __future__ import annotations

from dataclasses import dataclass

from asyncup.bulk.journal.entry import Tally
from asyncup.events import Stage

__all__ = ["LaneSnapshot", "RunSnapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSnapshot:
    """One file on its way.

    Attributes:
        file: the local file.
        destination: where it goes.
        size: its bytes.
        acknowledged: those that Vault has confirmed.
        part: the part on offer, counted from 1; 0 before the first.
        parts: how many it has in all; 0 until that is known.
        stage: what it waits for; None before it is opened, and once its lane is free again.
        job_id: the job of its commit: Vault has every byte, and the lane is free for another file.
    """

    file: str
    destination: str
    size: int
    acknowledged: int
    part: int
    parts: int
    stage: Stage | None
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot:
    """A bulk run at one moment.

    Attributes:
        tally: inputs by state, as the journal has them: all runs on it together.
        source_read: whether every input is known by now; until then the tally grows.
        ended: inputs that came to their end in this run.
        bytes_acknowledged: bytes that Vault has confirmed in this run.
        bytes_on_the_way: those of them that belong to files that have not come to their end.
        rate_now: acknowledged bytes per second, over the last ten seconds.
        rate_mean: the same since the run began.
        files_per_s: inputs that came to their end per second, over the last ten seconds.
        elapsed_s: since the run began.
        lanes: files that are being sent, the longest on its way first.
        waiting_for_jobs: files whose commit is taken, and whose job has not ended.
        lanes_allowed: how many files may be sent at once now.
        burst_limit: calls in Vault's window of five minutes; None when Vault has not told.
        burst_remaining: how many of them are left, for everybody.
        sessions_held: upload sessions that we hold, or have left open to be continued.
        sessions_allowed: how many we may hold.
        calls: API calls so far.
        limited_by: what the run would need more of to be faster, in words; empty when it is not known.
        last_failure: the last failure in a line; empty before the first.
        ending: whether it was asked to end.
    """

    tally: Tally
    source_read: bool
    ended: int
    bytes_acknowledged: int
    bytes_on_the_way: int
    rate_now: float
    rate_mean: float
    files_per_s: float
    elapsed_s: float
    lanes: tuple[LaneSnapshot, ...]
    waiting_for_jobs: int
    lanes_allowed: int
    burst_limit: int | None
    burst_remaining: int | None
    sessions_held: int
    sessions_allowed: int
    calls: int
    limited_by: str
    last_failure: str
    ending: bool
