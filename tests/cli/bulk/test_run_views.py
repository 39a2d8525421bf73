"""From snapshots to views."""

from dataclasses import replace

import pytest

from asyncup.bulk.journal.entry import Count, State, Tally
from asyncup.bulk.run.snapshot import LaneSnapshot, RunSnapshot
from asyncup.cli.bulk.run_view import Burst
from asyncup.cli.bulk.run_views import RunViews
from asyncup.events import Stage

VIEWS = RunViews("/data/studies/", "/u1/t")
NONE = dict.fromkeys(State, Count())
LANE = LaneSnapshot(
    file="/data/studies/2024/a", destination="/u1/t/2024/a", size=10, acknowledged=4, part=1, parts=2, stage=Stage.WIRE
)
SNAPSHOT = RunSnapshot(
    tally=Tally(
        {**NONE, State.DONE: Count(5, 500), State.BROKEN: Count(1), State.PENDING: Count(2, 200)},
        {**NONE, State.SKIPPED: Count(1, 1000), State.SENDING: Count(1, 2000), State.FAILED: Count(1, 300)},
    ),
    source_read=True,
    ended=4,
    bytes_acknowledged=900,
    bytes_on_the_way=400,
    rate_now=150.0,
    rate_mean=50.0,
    files_per_s=0.5,
    elapsed_s=18.0,
    lanes=(LANE, replace(LANE, file="/elsewhere/b", stage=None), replace(LANE, job_id=7)),
    waiting_for_jobs=1,
    lanes_allowed=8,
    burst_limit=2000,
    burst_remaining=1500,
    sessions_held=3,
    sessions_allowed=25,
    calls=8,
    limited_by="the network",
    last_failure="/data/studies/b: no",
    ending=False,
)


def test_sums() -> None:
    view = VIEWS.of(SNAPSHOT)
    assert (view.files, view.bytes) == (10, 4000)
    assert (view.files_done, view.bytes_done) == (6, 1900)
    assert (view.success, view.skipped, view.failed, view.broken) == (5, 1, 1, 1)
    assert view.burst == Burst(1500, 2000)
    assert view.calls_per_file == 2.0
    assert view.last_failure == "b: no"
    assert view.left_s == (200 + 2000 - 400) / 100


def test_what_is_done_never_falls() -> None:
    before = VIEWS.of(SNAPSHOT)
    between = replace(SNAPSHOT, lanes=(), bytes_on_the_way=0)
    assert VIEWS.of(between).bytes_done == 1500
    assert VIEWS.of(between, before=before).bytes_done == before.bytes_done == 1900


def test_lanes_are_named_from_the_source_on() -> None:
    first, elsewhere, committed = VIEWS.of(SNAPSHOT).lanes
    assert (first.file, first.waits_for) == ("2024/a", "the network")
    assert (elsewhere.file, elsewhere.waits_for) == ("/elsewhere/b", "a start")
    assert committed.waits_for == "Vault's job"


@pytest.mark.parametrize(
    ("changed", "left_s"),
    [
        ({"source_read": False}, None),
        ({"rate_now": 0.0, "rate_mean": 0.0}, 6.0),
        ({"rate_now": 0.0, "rate_mean": 0.0, "files_per_s": 0.0}, None),
        ({"bytes_on_the_way": 2200}, 6.0),
        ({"tally": Tally({**NONE, State.DONE: Count(5, 500)}, NONE)}, None),
    ],
)
def test_what_is_left_is_an_estimate(changed: dict[str, object], left_s: float | None) -> None:
    assert VIEWS.of(replace(SNAPSHOT, **changed)).left_s == left_s  # type: ignore[arg-type] # each case's own


def test_a_vault_that_does_not_tell_its_burst_limit() -> None:
    assert VIEWS.of(replace(SNAPSHOT, burst_limit=None)).burst is None
