"""The end of a run in lines."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from asyncup.bulk.journal.entry import Count
from asyncup.bulk.report.report import Report
from asyncup.bulk.report.totals import Losses, RunTotals
from asyncup.cli.bulk.run_summary import Effort, code_of, summary_lines

NONE = Count()
REPORT = Report(
    totals=RunTotals(
        success=Count(90, 9 * 10**9), skipped=Count(5, 500), failed=Count(3, 30), broken=Count(2), not_begun=NONE
    ),
    losses=Losses(Counter({f"KIND_{n}": n for n in range(1, 7)}), 0),
    results=(Path("R/results.jsonl"), Path("R/results.csv")),
    loader=tuple(Path(f"R/loader-{n}.csv") for n in range(1, 6)),
)
EFFORT = Effort(files=50, bytes=5 * 10**9, calls=75, seconds=50)


def test_every_line() -> None:
    assert list(summary_lines(REPORT, EFFORT)) == [
        "inputs                100       9.0 GB",
        "  success              90       9.0 GB",
        "  skipped               5        500 B",
        "  failed                3         30 B",
        "  broken                2          0 B",
        "  not begun             0          0 B",
        "failed or broken because of KIND_6 (6), KIND_5 (5), KIND_4 (4), KIND_3 (3), others (3)",
        "this run: 50 files and 5.0 GB in 50 s (100.0 MB/s), 75 API calls, 1.5 per file",
        "a record for every input: R/results.jsonl, R/results.csv",
        "for Vault Loader: R/loader-1.csv, R/loader-2.csv, R/loader-3.csv and 2 more",
    ]


def test_codes() -> None:
    assert code_of(REPORT) == 3
    assert code_of(replace(REPORT, losses=Losses(Counter(), 5))) == 4
    assert code_of(replace(REPORT, totals=replace(REPORT.totals, not_begun=Count(1)))) == 5
    clean = replace(REPORT, totals=replace(REPORT.totals, failed=NONE, broken=NONE))
    assert code_of(clean) == 0
