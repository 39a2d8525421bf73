"""From a run's snapshot to what is shown of it. Pure. Must not know how it is shown."""

from __future__ import annotations

import os
from dataclasses import dataclass

from asyncup.bulk.journal.entry import Count, State
from asyncup.bulk.run.snapshot import LaneSnapshot, RunSnapshot
from asyncup.cli.bulk.run_view import Burst, LaneView, RunView
from asyncup.events import Stage

__all__ = ["RunViews"]

_STAGE_WORDS = {
    Stage.DISK: "the disk",
    Stage.HASH: "its MD5",
    Stage.WIRE: "the network",
    Stage.VAULT: "Vault",
    None: "a start",
}


@dataclass(frozen=True, slots=True)
class RunViews:
    """Makes views of one run.

    Attributes:
        source, destination: as they are shown; names of files are shown from the source on.
    """

    source: str
    destination: str

    def of(self, snapshot: RunSnapshot, *, before: RunView | None = None) -> RunView:
        """Return the view of a snapshot. What is done never falls behind the view `before`.

        A file that has just come to its end is on no lane any more, and in the journal a moment later.
        """
        tally = snapshot.tally
        broken, failed = tally.of(State.BROKEN), tally.of(State.FAILED)
        in_vault, everything = tally.of(State.DONE, State.SKIPPED), tally.of()
        files, size = everything.files - broken.files, everything.bytes - broken.bytes
        to_come = Count(files - in_vault.files - failed.files, size - in_vault.bytes - failed.bytes)
        return RunView(
            source=self.source,
            destination=self.destination,
            files=files,
            bytes=size,
            counted=snapshot.source_read,
            files_done=in_vault.files,
            bytes_done=max(
                0 if before is None else before.bytes_done, min(size, in_vault.bytes + snapshot.bytes_on_the_way)
            ),
            success=tally.of(State.DONE).files,
            skipped=tally.of(State.SKIPPED).files,
            failed=failed.files,
            broken=broken.files,
            rate_now=snapshot.rate_now,
            rate_mean=snapshot.rate_mean,
            files_per_s=snapshot.files_per_s,
            elapsed_s=snapshot.elapsed_s,
            left_s=_left_s(snapshot, to_come),
            lanes=tuple(map(self._lane, snapshot.lanes)),
            lanes_allowed=snapshot.lanes_allowed,
            waiting_for_jobs=snapshot.waiting_for_jobs,
            burst=_burst(snapshot),
            sessions=snapshot.sessions_held,
            sessions_allowed=snapshot.sessions_allowed,
            calls=snapshot.calls,
            ended=snapshot.ended,
            limited_by=snapshot.limited_by,
            last_failure=self._below_source(snapshot.last_failure),
            ending=snapshot.ending,
        )

    def _below_source(self, text: str) -> str:
        return text.removeprefix(os.path.join(self.source, ""))  # noqa: PTH118 - text, and a slash at its end

    def _lane(self, lane: LaneSnapshot) -> LaneView:
        return LaneView(
            file=self._below_source(lane.file),
            size=lane.size,
            acknowledged=lane.acknowledged,
            part=lane.part,
            parts=lane.parts,
            waits_for=_STAGE_WORDS[lane.stage] if lane.job_id is None else "Vault's job",
        )


def _burst(snapshot: RunSnapshot) -> Burst | None:
    if snapshot.burst_limit is None or snapshot.burst_remaining is None:
        return None
    return Burst(snapshot.burst_remaining, snapshot.burst_limit)


def _left_s(snapshot: RunSnapshot, to_come: Count) -> float | None:
    """Return an estimate: what is to come, at a rate between that of late and the mean."""
    if not snapshot.source_read or not to_come.files:
        return None
    rate = (snapshot.rate_now + snapshot.rate_mean) / 2
    left = to_come.bytes - snapshot.bytes_on_the_way
    if left > 0 and rate > 0:
        return left / rate
    return to_come.files / snapshot.files_per_s if snapshot.files_per_s > 0 else None
