"""Results: one record per input, whole or not at all, and a manifest again."""

import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync as in_thread
from blockbuster import blockbuster_ctx

from asyncup.bulk.errors import ManifestError
from asyncup.bulk.inputs.item import BrokenInput, Trouble, UploadItem
from asyncup.bulk.inputs.manifest import manifest_rows
from asyncup.bulk.inputs.result_columns import RESULT_COLUMNS
from asyncup.bulk.journal.entry import Done, Entry, Failed, Skipped
from asyncup.bulk.report.results import (
    MOST_MD5S_IN_A_CELL,
    further_names,
    read_failed,
    result_files,
    write_results,
)
from tests.bulk.journals import done, identity, item, opened

COLUMNS = {"state": "Ohio", "name__v": 'Text, "quoted"\nand a \\', "n": None}


async def report(folder: Path) -> list[dict[str, Any]]:
    """Write the report of a run in which everything happened; return its lines."""
    async with opened(folder) as journal:
        inputs = [item(n, columns=COLUMNS, md5="AB" * 16, overwrite=True) for n in range(1, 6)]
        await journal.add(
            [
                *inputs,
                item(6, file="/data/caf\udce9", identity=identity(5)),
                BrokenInput(name="x,y", trouble=Trouble.TOO_FEW_CELLS, reason="it has 1 cell", row=7),
            ]
        )
        await journal.claim(large=False, most=3)
        await journal.record(1, done())
        await journal.record(2, Failed(error_type="INVALID_DATA", error="bad\nthing", session_id="s1"))
        await journal.record(3, Skipped(reason="in place"))
        further = await further_names(journal.entries())
        with blockbuster_ctx():
            assert await write_results(folder, journal.entries(), further=further) == 7
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


async def test_every_input_has_its_record(tmp_path: Path) -> None:
    lines = await report(tmp_path)
    states = ["SUCCESS", "FAILED", "SKIPPED", "PENDING", "PENDING", "PENDING", "BROKEN"]
    assert [line["state"] for line in lines] == states
    assert [line["row"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    first, failed, *_, broken = lines
    assert list(first) == [*RESULT_COLUMNS, "columns"]
    assert first["columns"] == COLUMNS
    assert (first["size"], first["md5s"], first["parts"]) == (10, ["ab" * 16, "cd" * 16], 2)
    assert (first["attempts"], first["seconds"], first["calls"]) == (1, 0.5, 7)
    assert (failed["error_type"], failed["error"], failed["session_id"]) == ("INVALID_DATA", "bad\nthing", "s1")
    assert (broken["file"], broken["path"], broken["error_type"]) == ("x,y", None, "TOO_FEW_CELLS")
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == [*RESULT_COLUMNS, *COLUMNS]
    assert [row[2] for row in rows[1:]] == states
    assert rows[1][-3:] == ["Ohio", COLUMNS["name__v"], ""]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["j.db", "j.db.lock", "results.csv", "results.jsonl"]


@pytest.mark.parametrize("name", ["results.jsonl", "results.csv"])
async def test_results_are_a_manifest(tmp_path: Path, name: str) -> None:
    await report(tmp_path)
    *items, broken = manifest_rows(tmp_path / name)
    assert isinstance(broken, BrokenInput)
    assert (broken.name, broken.trouble) == (
        ("x,y", Trouble.MISSING_FIELD) if name == "results.jsonl" else ("x,y", Trouble.EMPTY_PATH)
    )
    for number, found in enumerate(items[:5], 1):
        assert isinstance(found, UploadItem)
        assert (found.file, found.path) == (f"/data/f{number}", f"/u1/f{number}")
        assert (found.size, found.md5, found.overwrite) == (None, "ab" * 16, True)
        assert {key: value or "" for key, value in found.columns.items()} == {**COLUMNS, "n": ""}
    if name == "results.jsonl":
        assert isinstance(items[5], UploadItem)
        assert items[5].file == "/data/caf\udce9"


async def test_only_what_is_not_in_vault_is_tried_again(tmp_path: Path) -> None:
    await report(tmp_path)
    found = [one async for one in read_failed(tmp_path / "results.jsonl")]
    assert [(one.row, getattr(one, "path", None)) for one in found] == [
        (2, "/u1/f2"),
        (4, "/u1/f4"),
        (5, "/u1/f5"),
        (6, "/u1/f6"),
        (7, None),
    ]
    assert found[-1] == BrokenInput(name="x,y", trouble=Trouble.TOO_FEW_CELLS, reason="it has 1 cell", row=7)


@pytest.mark.parametrize("line", ["{", "[]", '{"file": "a", "path": "/a"}', '{"asyncup": "result 1", "state": "x"}'])
async def test_what_is_no_result_is_not_retried(tmp_path: Path, line: str) -> None:
    (tmp_path / "m.jsonl").write_text(line)
    with pytest.raises(ManifestError, match="line 1"):
        await anext(read_failed(tmp_path / "m.jsonl"))


async def test_a_report_that_is_cut_off_leaves_the_old_one(tmp_path: Path) -> None:
    await report(tmp_path)
    before = (tmp_path / "results.jsonl").read_bytes()

    async def entries() -> AsyncIterator[Entry]:
        async with opened(tmp_path) as journal:
            async for entry in journal.entries():
                yield entry
                if entry.id == 3:
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_results(tmp_path, entries())
    assert (tmp_path / "results.jsonl").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    async def entries() -> AsyncIterator[Entry]:
        for _ in ():
            yield _

    with pytest.raises(FileNotFoundError):
        await write_results(tmp_path / "missing", entries())


async def test_a_file_of_very_many_parts(tmp_path: Path) -> None:
    many = MOST_MD5S_IN_A_CELL + 1
    async with opened(tmp_path) as journal:
        await journal.add([item(1)])
        await journal.claim(large=False, most=1)
        whole = Done(size=9, md5s=("ab" * 16,) * many, parts=many, seconds=1, calls=1, bytes_written=1)
        await journal.record(1, whole)
        [entry] = [entry async for entry in journal.entries()]

    def write_it() -> None:
        with result_files(tmp_path) as write:
            write(entry)

    await in_thread(write_it)
    assert len(json.loads((tmp_path / "results.jsonl").read_text())["md5s"]) == many
    for name in ("results.jsonl", "results.csv"):
        [found] = await in_thread(list, manifest_rows(tmp_path / name))
        assert isinstance(found, UploadItem)
