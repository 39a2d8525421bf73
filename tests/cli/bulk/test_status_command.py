"""`asyncup status`: what a journal tells, while it is being written."""

import json
from pathlib import Path

import anyio.to_thread
import pytest

from asyncup.bulk.inputs.item import BrokenInput, Trouble, UploadItem
from asyncup.bulk.journal.entry import Done, Failed, RunKey, Skipped
from asyncup.bulk.journal.journal import open_journal
from asyncup.cli.app import run

pytestmark = pytest.mark.anyio


async def status_while_running(journal: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What it prints while a run has six inputs in six different states."""
    key = RunKey(source="/data", destination="/u1/t")
    async with open_journal(str(journal), key, large_from=1000, now_s=0.0) as opened:
        items = [UploadItem(file=f"/data/{n}", path=f"/u1/t/{n}", size=n, row=n) for n in range(1, 6)]
        broken = BrokenInput(name="link", trouble=Trouble.SYMBOLIC_LINK, reason="a link", row=6)
        await opened.add([*items, broken])
        done, failed, skipped, _ = await opened.claim(large=False, most=4)
        await opened.record(done.id, Done(size=1, md5s=("0" * 32,), parts=1, seconds=1.0, calls=1, bytes_written=1))
        await opened.record(failed.id, Failed(error_type="INVALID_DATA", error="no"))
        await opened.record(skipped.id, Skipped(reason="listed"))
        code = await anyio.to_thread.run_sync(run, ["status", str(journal), *options])
    assert code == 0
    return capsys.readouterr().out


async def test_the_lines_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *lines = (await status_while_running(tmp_path / "j", capsys)).splitlines()
    assert first == "/data -> /u1/t"
    figures = [line.split() for line in lines[:6]]
    assert figures == [
        ["inputs", "6", "15", "B"],
        ["success", "1", "1", "B"],
        ["skipped", "1", "3", "B"],
        ["failed", "1", "2", "B"],
        ["broken", "1", "0", "B"],
        ["not", "begun", "2", "9", "B"],
    ]
    assert lines[6:] == [
        "failed or broken because of INVALID_DATA (1), SYMBOLIC_LINK (1)",
        "under way, or claimed by lanes: 1",
        "  /data/4, 4 B",
    ]


async def test_programs_get_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(await status_while_running(tmp_path / "j", capsys, "--json"))
    assert (told["source"], told["destination"]) == ("/data", "/u1/t")
    assert told["inputs"] == {"files": 6, "bytes": 15}
    assert told["states"]["SENDING"] == {"files": 1, "bytes": 4}
    assert told["losses"] == {"INVALID_DATA": 1, "SYMBOLIC_LINK": 1}
    assert told["under_way"] == [{"file": "/data/4", "path": "/u1/t/4", "size": 4}]


def test_what_is_no_journal_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
    (tmp_path / "text").write_text("text " * 1000)
    assert run(["status", str(tmp_path / "text")]) == 2
    assert not (tmp_path / "none").exists()
