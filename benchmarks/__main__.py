"""`python -m benchmarks`: measures, prints the table and the bars, writes JSON; makes table and plots from JSON.

    python -m benchmarks quick                      # under a minute
    python -m benchmarks full                       # minutes
    python -m benchmarks full --only "link"         # the workloads whose name begins so
    python -m benchmarks table RESULTS --into README.md
    python -m benchmarks timeline --json RESULTS    # one upload over a link, part by part
    python -m benchmarks plots FOLDER --into docs/plots

`--strict` ends with 1 when a bar does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.bars import bars_of
from benchmarks.figures import figures_of, limit_of
from benchmarks.machine import facts
from benchmarks.report import Measured, Report
from benchmarks.runner import Runner
from benchmarks.statistics import spread
from benchmarks.table import as_text, markdown, write_between
from benchmarks.trace import Trace, spans_of
from benchmarks.workloads import FULL, GIB, MIB, OURS, QUICK, Link, Workload, named

__all__ = ["main", "measure"]

_MD5 = Workload(name="MD5", size=GIB // 8, part_size=4 * MIB, clients=("MD5, 1 thread", "MD5, all cores"), rounds=1)
_TRACED = Workload(name="timeline", size=500_000_000, link=Link(0.02, 125e6), clients=(OURS,))
README_TABLES = ("plain", "TLS")


def measure(workloads: tuple[Workload, ...], *, command: str, folder: Path | None, md5: Workload = _MD5) -> Report:
    """Measure MD5, then every workload, in one run."""
    begun = time.perf_counter()
    with Runner.opened(folder, lambda line: print(line, file=sys.stderr, flush=True)) as runner:
        alone = runner.series(md5)
        gb = md5.size / 1e9
        one, all_ = (spread([gb / run.seconds for run in alone.of(name)]).median for name in md5.clients)
        measured = []
        for workload in workloads:
            series = runner.series(workload)
            limit = limit_of(series, cores=os.cpu_count() or 1)
            measured.append(Measured(workload, limit, tuple(figures_of(series, limit)), series.missing))
    return Report(command, facts(), one, all_, time.perf_counter() - begun, tuple(measured))


def main(arguments: list[str]) -> int:
    """Do what the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("quick", "full"):
        command = commands.add_parser(name)
        command.add_argument("--only", default="", help="workloads whose name begins so")
        command.add_argument("--json", type=Path, help="where the results go")
        command.add_argument("--folder", type=Path, help="where files are made; the disk of the cold cache")
        command.add_argument("--strict", action="store_true", help="end with 1 when a bar does not hold")
    command = commands.add_parser("timeline")
    command.add_argument("--json", type=Path, required=True)
    command.add_argument("--folder", type=Path)
    for name in ("table", "plots"):
        command = commands.add_parser(name)
        command.add_argument("results", type=Path, help="a file of results; for plots the folder with all of them")
        command.add_argument("--into", type=Path, required=True)
    command.add_argument("--png", action="store_true", help="PNG in place of SVG")
    chosen = parser.parse_args(arguments)
    match chosen.command:
        case "table":
            write_between(chosen.into, markdown(_read(chosen.results), README_TABLES))
        case "plots":
            _plot(chosen)
        case "timeline":
            _write(chosen.json, trace_upload(chosen.folder).as_json())
        case _:
            return _measure(chosen)
    return 0


def trace_upload(folder: Path | None) -> Trace:
    """Upload one file over a link, and return when what was done to each part."""
    with Runner.opened(folder, print) as runner:
        path = runner.source(_TRACED)
        trace = path.with_suffix(".trace")
        runner.run(OURS, _TRACED, path, trace=str(trace))
        records = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    title = f"asyncup, {_TRACED.size / 1e6:.0f} MB in parts of 50 MB over {_TRACED.link}"
    return Trace(f"{title} round trip, server time 300 ms", tuple(spans_of(records)))


def _plot(chosen: argparse.Namespace) -> None:
    from benchmarks.plots import write_plots  # noqa: PLC0415 - matplotlib takes a second

    folder: Path = chosen.results
    full, quick, timeline = (folder / f"{name}.json" for name in ("full", "quick", "timeline"))
    trace = Trace.from_json(timeline.read_text(encoding="utf-8")) if timeline.exists() else None
    write_plots(_read(full if full.exists() else quick), trace, chosen.into, suffix="png" if chosen.png else "svg")


def _measure(chosen: argparse.Namespace) -> int:
    workloads = named(QUICK if chosen.command == "quick" else FULL, chosen.only)
    made_by = "make bench-quick" if chosen.command == "quick" else "make bench"
    report = measure(workloads, command=made_by, folder=chosen.folder)
    print(as_text(report))
    if chosen.json:
        _write(chosen.json, report.as_json())
    return int(chosen.strict and not all(bar.holds for bar in bars_of(report)))


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def _read(path: Path) -> Report:
    return Report.from_json(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
