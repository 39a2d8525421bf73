"""Reports as text: for a terminal and, as Markdown, for the README between its markers. Pure but for the file.

The Markdown is generated and never typed: `write_between` replaces what stands between the markers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.bars import bars_of
from benchmarks.figures import Figures
from benchmarks.machine import one_line
from benchmarks.report import Measured, Report
from benchmarks.workloads import OURS

__all__ = ["BEGIN", "END", "as_text", "markdown", "write_between"]

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_HEADER = ("client", "MB/s", "spread", "of roofline", "asyncup is", "CPU s/GB", "peak MiB")
_SMALL = ("client", "files/s", "spread", "of roofline", "asyncup is", "CPU us/file", "peak MiB")
MIB = 2**20
_FEW = 100
_NEARLY_ALL = 0.93


def as_text(report: Report) -> str:
    """Return the whole report for a terminal, with the bars at its end."""
    lines = [
        one_line(dict(report.machine)),
        f"MD5: {report.md5_one:.2f} GB/s on a core, {report.md5_all:.2f} on all; {_quiet(report)}",
    ]
    for measured in report.measured:
        lines += ["", f"{measured.workload.name}: {_what(measured)}", *_aligned(_rows(measured))]
        lines += [f"  missing: {client} ({why})" for client, why in measured.missing.items()]
    bars = bars_of(report)
    held = sum(bar.holds for bar in bars)
    bars_held = [f"bars: {held} of {len(bars)} hold", *(f"  {bar}" for bar in bars)]
    return "\n".join([*lines, "", *bars_held, "", f"took {report.took_s:.0f} s"])


def markdown(report: Report, workloads: Sequence[str] = ()) -> str:
    """Return the tables of some workloads (all, when none is named) as Markdown."""
    lines = [f"Made by `{report.command}` on: {one_line(dict(report.machine))}; {_quiet(report)}."]
    for measured in report.measured:
        if workloads and measured.workload.name not in workloads:
            continue
        header, *rows = _rows(measured)
        lines += ["", f"**{measured.workload.name}** ({_what(measured)})", "", _row(header)]
        lines += [_row(["---", *["--:"] * (len(header) - 1)])]
        lines += [_row([f"**{cell}**" if cell else "" for cell in row] if row[0] == OURS else row) for row in rows]
        if measured.missing:
            lines += ["", "Missing: " + "; ".join(f"{client} ({why})" for client, why in measured.missing.items())]
    return "\n".join(lines)


def write_between(path: Path, content: str) -> None:
    """Replace what stands between the markers of a file.

    Raises:
        ValueError: the file has not both markers, each once and in order.
    """
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{path} must have {BEGIN} and, behind it, {END}")
    before, behind = text.partition(BEGIN)[0], text.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{content}\n{END}{behind}", encoding="utf-8")


def _quiet(report: Report) -> str:
    """Say whether the machine had its cores for us: figures of a machine that had not are worth less."""
    had = [measured.limit.costs.cores for measured in report.measured if measured.limit and measured.limit.costs.md5]
    cores = float(report.machine["cores"])
    if not had or min(had) >= cores * _NEARLY_ALL:
        return "the machine was quiet"
    return f"THE MACHINE WAS NOT QUIET: at times {min(had):.1f} of {cores:.0f} cores were to be had"


def _what(measured: Measured) -> str:
    workload, limit = measured.workload, measured.limit
    size = f"{workload.files} files of {workload.size} bytes" if workload.files > 1 else _bytes(workload.size)
    parts = "" if workload.files > 1 else f", parts of {_bytes(workload.part_size)}"
    if limit is None:
        return size + parts
    cost = limit.costs
    minimal = "" if limit.minimal is None else f", minimal program {limit.minimal:.2f}"
    return (
        f"{size}{parts}; roofline {limit.roofline:.2f} GB/s: model {limit.model:.2f}{minimal}; core-seconds per GB: "
        f"MD5 {cost.md5:.2f}, send {cost.send:.2f}, sink {cost.sink:.2f}; bare loop {cost.lane:.2f} GB/s; "
        f"{cost.cores:.1f} cores to be had{_together(measured)}"
    )


def _together(measured: Measured) -> str:
    """Say what could be had by who hashes many parts together, as asyncup does with those that its memory holds."""
    limit, ours = measured.limit, measured.of(OURS)
    if limit is None or limit.together is None or limit.md5_together is None:
        return ""
    share = "" if ours is None else f", of which asyncup has {ours.rate.median / limit.together:.0%}"
    return f"; parts hashed together (MD5 {limit.md5_together:.2f}): limit {limit.together:.2f} GB/s{share}"


def _rows(measured: Measured) -> list[tuple[str, ...]]:
    small = measured.workload.files > 1
    return [_SMALL if small else _HEADER, *(_cells(measured, figures) for figures in measured.figures)]


def _cells(measured: Measured, figures: Figures) -> tuple[str, ...]:
    small = measured.workload.files > 1
    unit = 1e9 / measured.workload.size if small else 1e3
    digits = 1 if figures.rate.median * unit < _FEW else 0
    rate = figures.rate
    return (
        figures.client,
        f"{rate.median * unit:.{digits}f}",
        f"{rate.low * unit:.{digits}f} to {rate.high * unit:.{digits}f}" if rate.count > 1 else "1 run",
        "" if figures.of_roofline is None else f"{figures.of_roofline:.0%}",
        "" if figures.ours_is is None else f"{figures.ours_is.median:.2f}x",
        f"{figures.cpu_us_per_file:.0f}" if small else f"{figures.cpu_s_per_gb:.2f}",
        f"{figures.peak_rss_bytes / MIB:.0f}",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bytes(size: int) -> str:
    """Return a size in the unit in which it is a round number, if there is one."""
    units = (("GiB", 2**30), ("MiB", 2**20), ("MB", 10**6))
    return next((f"{size // unit} {name}" for name, unit in units if size % unit == 0), f"{size} bytes")
