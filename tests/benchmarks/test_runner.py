"""A whole run on tiny files: every client that is installed, plain, over TLS and over a link, to a table and JSON."""

from pathlib import Path

import pytest

from benchmarks.__main__ import measure, trace_upload
from benchmarks.bars import bars_of
from benchmarks.clients import CLIENTS, missing
from benchmarks.report import Report
from benchmarks.runner import ClientFailed, Run, Runner
from benchmarks.table import as_text
from benchmarks.trace import Doing
from benchmarks.workloads import FULL, LIMITS, OURS, PEERS, QUICK, SENDALL, Link, Workload, named

SIZE = 3_000_000
MD5 = Workload(name="MD5", size=SIZE, part_size=10**6, clients=("MD5, 1 thread", "MD5, all cores"), rounds=1)
EVERYBODY = ("bare socket", *LIMITS, OURS)
TINY = (
    Workload(name="plain", size=SIZE, clients=EVERYBODY, rotating=PEERS, rounds=1),
    Workload(name="TLS", size=SIZE, tls=True, clients=(*LIMITS, OURS), rotating=PEERS, rounds=1),
    Workload(name="no MD5", size=SIZE, md5=False, clients=(SENDALL, OURS), rounds=1),
    Workload(name="small files", size=100, files=5, lanes=2, clients=("aiohttp posts", OURS), rounds=1),
    Workload(name="sparse", size=SIZE, sparse=True, cold=True, clients=("cold read", OURS), rounds=1),
    Workload(name="link", size=SIZE, link=Link(0.002, 125e6, 0.001), clients=(OURS,), rounds=1),
)


def test_every_client_does_every_workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = measure(TINY, command="a test", folder=tmp_path, md5=MD5)
    assert Report.from_json(report.as_json()) == report
    for measured in report.measured:
        expected = {*measured.workload.clients, *measured.workload.rotating}
        assert {figures.client for figures in measured.figures} | {*measured.missing} == expected
        assert all(figures.rate.median > 0 and figures.peak_rss_bytes > 0 for figures in measured.figures)
    text = as_text(report)
    assert all(client in text for client in PEERS)  # with figures, or named as missing
    assert bars_of(report)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_read_once_before_it_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[tuple[str, str, int]] = []

    def run(_: Runner, client: str, workload: Workload, path: Path, round_: int) -> Run:
        runs.append((workload.name, client, round_))
        return Run(client, round_, 1.0, 1.0, 0.0, 1)

    monkeypatch.setattr(Runner, "run", run)
    workloads = (
        Workload(name="first", size=SIZE, clients=("sendall", OURS), rotating=("MD5, all cores", "minimal"), rounds=2),
        Workload(name="same file", size=SIZE, clients=(OURS,), rounds=1, md5=False),
        Workload(name="another", size=SIZE + 1, clients=(OURS,), rounds=1),
        Workload(name="link", size=SIZE + 2, clients=(OURS,), rounds=1, link=Link(0.002, 125e6)),
    )
    with Runner.opened(tmp_path, print) as runner:
        series = [runner.series(workload) for workload in workloads]
    assert runs == [
        ("first", "sendall", 0),
        ("first", "sendall", 1),
        ("first", OURS, 1),
        ("first", "MD5, all cores", 1),
        ("first", "sendall", 2),
        ("first", OURS, 2),
        ("first", "minimal", 2),
        ("same file", OURS, 1),
        ("another", OURS, 0),
        ("another", OURS, 1),
        ("link", OURS, 1),
    ]
    assert [len(each.runs) for each in series] == [6, 1, 1, 1], "what warms up is no figure"


def test_a_client_that_fails_is_not_a_figure(tmp_path: Path) -> None:
    workload = Workload(name="no file", size=SIZE)
    with Runner.opened(tmp_path, print) as runner, pytest.raises(ClientFailed, match="does not exist"):
        runner.run(OURS, workload, tmp_path / "nothing")


def test_who_is_not_installed_is_missing_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCUP_PEERS_PYTHON", "/no/python")
    missing.cache_clear()
    assert "/no/python" in (missing("httpx") or "")
    missing.cache_clear()


def test_every_client_of_a_workload_is_known_and_every_name_is_one_workloads() -> None:
    for table in (QUICK, FULL):
        assert len({workload.name for workload in table}) == len(table)
        assert {client for workload in table for client in (*workload.clients, *workload.rotating)} <= {*CLIENTS}


def test_workloads_are_found_by_the_beginning_of_their_name() -> None:
    assert all(workload.name.startswith("link") for workload in named(FULL, "link"))
    with pytest.raises(LookupError, match="small files"):
        named(QUICK, "nothing")


def test_an_adapter_of_a_peer_has_at_most_60_lines() -> None:
    adapters = [
        path for path in (Path(__file__).parents[2] / "benchmarks" / "peers").glob("*.py") if path.stem != "ours"
    ]
    assert len(adapters) > len(PEERS)
    assert [path.name for path in adapters if len(path.read_text().splitlines()) > 60] == []


@pytest.mark.slow
def test_the_timeline_is_that_of_one_upload(tmp_path: Path) -> None:
    trace = trace_upload(tmp_path)
    assert {span.doing for span in trace.spans} == {*Doing}
    sent = [span for span in trace.spans if span.doing is Doing.SEND]
    assert [span.part for span in sent] == list(range(1, 11))
