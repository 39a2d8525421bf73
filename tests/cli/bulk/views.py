"""Views of runs for the tests of what is shown of them."""

from dataclasses import replace
from typing import Any

from asyncup.cli.bulk.run_view import Burst, LaneView, RunView

LANE = LaneView(
    file="studies/a.tif", size=700_000_000, acknowledged=350_000_000, part=8, parts=14, waits_for="the wire"
)
VIEW = RunView(
    source="/data/studies",
    destination="/u1/target",
    files=100_000,
    bytes=20 * 10**12,
    counted=True,
    files_done=34_567,
    bytes_done=7 * 10**12,
    success=34_000,
    skipped=560,
    failed=5,
    broken=2,
    rate_now=112.4e6,
    rate_mean=104e6,
    files_per_s=12.3,
    elapsed_s=70_000,
    left_s=125_000,
    lanes=(LANE,),
    lanes_allowed=16,
    waiting_for_jobs=0,
    burst=Burst(1411, 2000),
    sessions=12,
    sessions_allowed=25,
    calls=51_000,
    ended=34_000,
    limited_by="the network",
)


def view(**changes: Any) -> RunView:  # noqa: ANN401 - fields of a view
    return replace(VIEW, **changes)


def lanes(count: int) -> tuple[LaneView, ...]:
    return tuple(replace(LANE, file=f"studies/{n}.tif", size=10**9 + n) for n in range(count))
