"""From made-up runs to figures."""

import pytest

from benchmarks.figures import figures_of, limit_of
from benchmarks.runner import Series
from benchmarks.workloads import LIMITS, MD5, OURS, TOGETHER, Workload
from tests.benchmarks.reports import GB, measured, run, series


def test_the_roofline_is_made_of_what_the_bare_loop_costs() -> None:
    limit = limit_of(series(), cores=2)
    assert limit is not None
    assert (limit.costs.send, limit.costs.sink, limit.costs.lane) == (0.3, 0.2, 2.5)
    assert limit.minimal == pytest.approx(1 / 0.95)
    assert limit.model == pytest.approx(2 / 1.85)
    assert limit.roofline == limit.model


def test_the_limit_for_parts_that_are_hashed_together_is_told_beside_it() -> None:
    limit = limit_of(series(), cores=2)
    assert limit is not None
    assert limit.md5_together == 0.2
    assert limit.together == 2.5  # the bare loop: the cores would allow 2 / 0.7
    made = series()
    made.runs = [one for one in made.runs if one.client != TOGETHER]
    without = limit_of(made, cores=2)
    assert without is not None
    assert (without.together, without.md5_together) == (None, None)


def test_cores_that_others_used_are_not_counted() -> None:
    made = series()
    made.runs = [one for one in made.runs if one.client != MD5] + [run(MD5, 1, 1.35, 1.35), run(MD5, 2, 1.35, 1.35)]
    limit = limit_of(made, cores=2)
    assert limit is not None
    assert limit.costs.cores == pytest.approx(1.0)
    assert limit.model == pytest.approx(1 / 1.85)


def test_without_the_bare_loop_there_is_no_roofline() -> None:
    assert limit_of(Series(Workload(name="alone", clients=(OURS,))), cores=2) is None


def test_asyncup_is_compared_in_the_round_in_which_the_peer_ran() -> None:
    made = series()
    made.runs = [one for one in made.runs if one.client != OURS]
    made.runs += [run(OURS, 1, 1.6), run(OURS, 2, 0.1)]
    requests = next(figures for figures in figures_of(made, None) if figures.client == "requests")
    assert requests.ours_is is not None
    assert requests.ours_is.median == pytest.approx(2.0)
    assert requests.ours_is.count == 1


def test_a_clients_figures() -> None:
    ours = measured().of(OURS)
    assert ours is not None
    assert ours.rate.median == 1.0
    assert ours.of_roofline == pytest.approx(0.925)
    assert ours.ours_is is None
    assert (ours.cpu_s_per_gb, ours.peak_rss_bytes) == (1.7, 230 * 2**20)
    assert ours.cpu_us_per_file == pytest.approx(1.7e6)


def test_who_did_not_run_has_no_figures() -> None:
    assert [figures.client for figures in measured().figures] == [*LIMITS, TOGETHER, OURS, "requests"]
    assert measured().workload.total == GB
