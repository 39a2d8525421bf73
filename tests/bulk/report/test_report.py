"""The report of a run, written from its journal alone."""

import csv
import functools
import json
from pathlib import Path

import anyio.to_thread
import pytest

from asyncup.bulk.errors import JournalUnusable
from asyncup.bulk.inputs.item import BrokenInput, Trouble
from asyncup.bulk.journal.entry import Count, Failed, Skipped
from asyncup.bulk.report.report import Report, write_report
from asyncup.bulk.report.totals import Ending
from tests.bulk.journals import done, item, opened

pytestmark = pytest.mark.anyio


async def report_of(folder: Path, *, loader_rows: int | None = None) -> Report:
    """The report of a run in which two files succeeded, one was skipped, one failed, and two were not begun."""
    async with opened(folder) as journal:
        await journal.add([item(n, columns={"name__v": f"file {n}"}) for n in range(1, 7)])
        await journal.add([BrokenInput(name="b", trouble=Trouble.SPECIAL_FILE, reason="a pipe", row=7)])
        await journal.claim(large=False, most=5)
        await journal.record(1, done())
        await journal.record(2, done())
        await journal.record(3, Skipped(reason="in place"))
        await journal.record(4, Failed(error_type="SourceChanged", error="it grew"))
    write = functools.partial(write_report, folder / "j.db", folder / "reports" / "1", loader_rows=loader_rows)
    return await anyio.to_thread.run_sync(write)


async def test_the_sums_add_up(tmp_path: Path) -> None:
    report = await report_of(tmp_path)
    totals = report.totals
    assert totals.success == Count(2, 20)
    assert [part.files for part in (totals.skipped, totals.failed, totals.broken, totals.not_begun)] == [1, 1, 1, 2]
    assert totals.inputs.files == 7
    assert report.losses.kinds == {"SourceChanged": 1, "SPECIAL_FILE": 1}
    assert report.losses.of_source == 2
    assert report.losses.ending(totals) is Ending.UNFINISHED
    lines = [json.loads(line) for line in report.results[0].read_text().splitlines()]
    states = [line["state"] for line in lines]
    assert states == ["SUCCESS", "SUCCESS", "SKIPPED", "FAILED", "SENDING", "PENDING", "BROKEN"]
    assert len(list(csv.DictReader(report.results[1].read_text().splitlines()))) == 7
    assert report.loader == ()


async def test_vault_loader_gets_what_is_in_vault(tmp_path: Path) -> None:
    report = await report_of(tmp_path, loader_rows=2)
    assert [path.name for path in report.loader] == ["loader-0001.csv", "loader-0002.csv"]
    rows = [row for path in report.loader for row in csv.DictReader(path.read_text().splitlines())]
    assert rows == [{"file": f"/u1/f{n}", "name__v": f"file {n}"} for n in (1, 2, 3)]


def test_there_must_be_a_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable):
        write_report(tmp_path / "none", tmp_path / "report")
