"""Which bars a report is held to, and which of them hold."""

from dataclasses import replace

import pytest

from benchmarks.bars import Bar, bars_of
from benchmarks.figures import Figures
from benchmarks.report import Measured
from benchmarks.statistics import spread
from benchmarks.workloads import BARE, NEAR, OURS, SENDALL, Link, Workload
from tests.benchmarks.reports import GB, measured, report


def figures(client: str, rate: float = 1.0, *, cpu_us: float = 0.0, peak_mib: float = 200.0) -> Figures:
    return Figures(client, spread([rate]), None, None, 1.5, 0.2, cpu_us, int(peak_mib * 2**20))


def alone(workload: Workload, *clients: Figures) -> Measured:
    return Measured(workload, None, clients, {})


def values(*more: Measured) -> dict[str, tuple[float, bool]]:
    return {bar.claim: (round(bar.value, 4), bar.holds) for bar in bars_of(report(*more))}


def test_what_a_run_with_peers_is_held_to() -> None:
    assert values() == {
        "plain: share of the roofline": (0.925, True),
        "plain: CPU, times MD5 and bare send": (1.0303, True),
        "plain: peak memory, MiB": (230, True),
        "plain: times requests": (3.2, True),
    }


def test_tls_is_held_to_less_against_peers() -> None:
    tls = replace(measured(), workload=replace(measured().workload, name="TLS", tls=True))
    [bar] = [bar for bar in bars_of(report(tls)) if bar.claim == "TLS: times requests"]
    assert bar.bar == 2.2


def test_without_md5_the_bare_loop_is_the_bar_and_the_sink_is_held_to_the_bare_socket() -> None:
    workload = Workload(name="raw", size=GB, md5=False, clients=(BARE, SENDALL, NEAR, OURS))
    bare = replace(figures(SENDALL, 2.5), ours_is=spread([0.8]))
    for near, share in ((2.6, (0.8966, False)), (2.61, (0.9, True))):
        raw = Measured(
            workload, measured().limit, (figures(BARE, 2.9), bare, figures(NEAR, near), figures(OURS, 2.8)), {}
        )
        found = values(raw)
        assert found["raw: share of the bare loop"] == (0.8, False)
        assert found["raw: sendall into the sink, share of a bare socket"] == share


@pytest.mark.parametrize(("cpu_us", "holds"), [(500.0, True), (501.0, False)])
def test_small_files_are_held_to_what_they_cost_above_a_bare_post(cpu_us: float, *, holds: bool) -> None:
    workload = Workload(name="small", size=4096, files=10)
    small = alone(workload, figures("aiohttp posts", cpu_us=200), figures(OURS, cpu_us=cpu_us))
    assert values(small)["small: CPU above a bare POST, us a file"] == (cpu_us - 200, holds)


def test_a_link_is_held_to_its_model() -> None:
    workload = Workload(name="link", size=500_000_000, part_size=50_000_000, link=Link(0.1, 125e6, 0.3))
    # The model: 4 s for the bytes, ten turnarounds of 0.4 s, two round trips: 8.2 s.
    assert values(alone(workload, figures(OURS, 0.5 / 8.2)))["link: share of the model"] == (1.0, True)
    assert values(alone(workload, figures(OURS, 0.5 / 8.6)))["link: share of the model"][1] is False


def test_a_cold_file_is_held_to_the_slower_of_disk_and_roofline() -> None:
    workload = Workload(name="cold", size=GB, cold=True)
    cold = Measured(workload, measured().limit, (figures("cold read", 0.5), figures(OURS, 0.48)), {})
    assert values(cold)["cold: share of the slower of disk and roofline"] == (0.96, True)


def test_memory_is_held_not_to_grow_with_the_file() -> None:
    one = alone(Workload(name="file of 1 GiB sparse"), figures(OURS, peak_mib=200))
    ten = alone(Workload(name="file of 10 GiB sparse"), figures(OURS, peak_mib=211))
    assert values(one, ten)["10 GiB: peak memory above that of 1 GiB, MiB"] == (11, False)
    assert not any("10 GiB" in claim for claim in values(one))


def test_a_bar_says_on_which_side_it_must_be() -> None:
    assert str(Bar("speed", 0.95, 0.9)) == "ok   speed: 0.95 (at least 0.9)"
    assert str(Bar("memory", 253, 252, at_least=False)) == "FAIL memory: 253.00 (at most 252)"
