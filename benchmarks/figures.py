"""From runs to figures: throughput, cost and memory of each client, against the roofline and each other. Pure.

Must not know how anything was run, nor how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.roofline.model import Costs, lane_rate, roofline
from benchmarks.runner import Run, Series
from benchmarks.statistics import Spread, paired_ratio, spread
from benchmarks.workloads import BARE, MD5, MINIMAL, OURS, SENDALL, TOGETHER

__all__ = ["Figures", "Limit", "figures_of", "limit_of"]

GB = 1e9


@dataclass(frozen=True, slots=True)
class Limit:
    """A workload's roofline, GB/s, and what it was made of: the model's value and the minimal program's median.

    `together` is the model's value for a program that hashes many parts together, and `md5_together` the core-seconds
    of that for a GB; both None where that was not measured.
    """

    roofline: float
    model: float
    minimal: float | None
    costs: Costs
    together: float | None = None
    md5_together: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What one client did with one workload.

    Attributes:
        client: who.
        rate: GB/s.
        of_roofline: its median rate, as a share of the workload's roofline; None without one.
        ours_is: how many times its rate asyncup's is, in pairs that ran in turn; None for asyncup itself.
        cpu_s_per_gb: of the client's process.
        sink_cpu_s_per_gb: of the server's, meanwhile.
        cpu_us_per_file: of the client's process.
        peak_rss_bytes: the largest.
    """

    client: str
    rate: Spread
    of_roofline: float | None
    ours_is: Spread | None
    cpu_s_per_gb: float
    sink_cpu_s_per_gb: float
    cpu_us_per_file: float
    peak_rss_bytes: int


def limit_of(series: Series, *, cores: int) -> Limit | None:
    """Return a workload's roofline; None when the bare loop, or MD5 where it is wanted, was not measured with it.

    Args:
        series: the runs.
        cores: that the machine has.
    """
    bare, md5 = series.of(SENDALL), series.of(MD5)
    if not bare or (series.workload.md5 and not md5):
        return None
    gb = series.workload.total / GB
    costs = Costs(
        cores=min(cores, _median([run.cpu_s / run.seconds for run in md5])) if md5 else cores,
        md5=_median([run.cpu_s / gb for run in md5]) if series.workload.md5 else 0.0,
        send=_median([run.cpu_s / gb for run in bare]),
        sink=_median([run.sink_cpu_s / gb for run in bare]),
        lane=_median([gb / run.seconds for run in bare]),
    )
    minimal = [gb / run.seconds for run in series.of(MINIMAL)]
    reached = _median(minimal) if minimal else None
    together = [run.cpu_s / gb for run in series.of(TOGETHER)]
    cost = _median(together) if together and costs.md5 else None
    limit = None if cost is None else lane_rate(replace(costs, md5=cost))
    return Limit(roofline(costs, reached or 0.0), lane_rate(costs), reached, costs, limit, cost)


def figures_of(series: Series, limit: Limit | None) -> list[Figures]:
    """Return the figures of each client that ran, in the order of the workload."""
    names = [*series.workload.clients, *series.workload.rotating]
    ours = {run.round: run for run in series.of(OURS)}
    return [_figures(series, name, runs, limit, ours) for name in names if (runs := series.of(name))]


def _figures(series: Series, name: str, runs: Sequence[Run], limit: Limit | None, ours: Mapping[int, Run]) -> Figures:
    gb = series.workload.total / GB
    rate = spread([gb / run.seconds for run in runs])
    pairs = [(ours[run.round], run) for run in runs if run.round in ours] if name != OURS else []
    alone = name in (BARE, MD5, TOGETHER)  # they upload nothing: there is nothing to compare
    return Figures(
        client=name,
        rate=rate,
        of_roofline=None if limit is None or alone else rate.median / limit.roofline,
        ours_is=_ours_is(pairs) if pairs and not alone else None,
        cpu_s_per_gb=_median([run.cpu_s / gb for run in runs]),
        sink_cpu_s_per_gb=_median([run.sink_cpu_s / gb for run in runs]),
        cpu_us_per_file=_median([run.cpu_s / series.workload.files * 1e6 for run in runs]),
        peak_rss_bytes=max(run.peak_rss_bytes for run in runs),
    )


def _ours_is(pairs: Sequence[tuple[Run, Run]]) -> Spread:
    return paired_ratio([run.seconds for _, run in pairs], [ours.seconds for ours, _ in pairs])


def _median(values: Sequence[float]) -> float:
    return spread(values).median
