"""What a report says is in Vault."""

from pathlib import Path

import anyio.to_thread
import pytest

from asyncup.bulk.inputs.item import UploadItem
from asyncup.bulk.journal.entry import Done
from asyncup.bulk.report.placed_files import read_placed
from asyncup.bulk.report.report import write_report
from tests.bulk.journals import done, item, opened

pytestmark = pytest.mark.anyio


async def test_only_what_is_in_vault_with_the_md5_that_is_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1, md5="ef" * 16), item(2), item(3), item(4)])
        await journal.claim(large=False, most=3)
        await journal.record(1, done())
        await journal.record(2, done())
        one_part = Done(size=10, md5s=("ab" * 16,), parts=1, seconds=0.5, calls=7, bytes_written=11)
        await journal.record(3, one_part)
    await anyio.to_thread.run_sync(write_report, tmp_path / "j.db", tmp_path)
    placed = [one async for one in read_placed(tmp_path / "results.jsonl")]
    assert placed == [
        UploadItem(file="/data/f1", path="/u1/f1", size=10, md5="ef" * 16, row=1),
        UploadItem(file="/data/f2", path="/u1/f2", size=10, md5=None, row=2),
        UploadItem(file="/data/f3", path="/u1/f3", size=10, md5="ab" * 16, row=3),
    ]
