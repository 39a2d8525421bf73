"""What an earlier attempt left in Vault has the file's size, and may have other bytes: nobody takes it for the file."""

import os
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import pytest

from asyncup.bulk.inputs.item import Leftover, UploadItem
from asyncup.bulk.journal.entry import Entry, State
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.report.report import write_report
from asyncup.bulk.report.results import failed_rows, write_results
from asyncup.bulk.run.open_run import open_run
from asyncup.bulk.run.options import BulkOptions
from asyncup.errors import VaultUnreachable
from asyncup.events import Event, JobStatusSeen, PartAcknowledged
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.options import UploadOptions
from asyncup.protocol.retry import RetryPolicy
from tests.bulk.journals import entry_with
from tests.bulk.runs import make_files, run_all, vault_in_memory
from tests.fakes.memory_vault import Endpoint, MemoryVault, flipped, raw, refused, unreachable

IN_PLACE = UploadOptions(create_folders=False, memory_budget=100_000)
SMALL, LARGE = 400, 25_000


def one_file(tmp_path: Path, size: int) -> tuple[MemoryVault, Path, list[tuple[Path, str]]]:
    memory = vault_in_memory()
    [(file, _)] = make_files(tmp_path, 1, sizes=(size,))
    return memory, file, [(file, "/u1/f")]


def write_anew(file: Path) -> None:
    """Other bytes, as many as before, at another time."""
    status = file.stat()
    file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def forget_the_end(folder: Path) -> None:
    """The journal as a run leaves it that was killed after Vault had the file, and before that was recorded."""
    connection = sqlite3.connect(folder / "j.db")
    connection.execute("UPDATE entry SET state = 'SENDING', job_id = NULL WHERE state = 'DONE'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_file_that_was_written_anew_is_not_skipped(
    tmp_path: Path, size: int, overwrite: bool, killed: bool
) -> None:
    memory, file, pairs = one_file(tmp_path, size)
    before = file.read_bytes()
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path)
        if killed:
            forget_the_end(tmp_path)
        write_anew(file)
        bulk = BulkOptions(overwrite=overwrite)
        [result] = await run_all(pairs, vault, tmp_path, bulk=bulk)
        assert result.state is (State.DONE if overwrite else State.FAILED)
        assert memory.items["/u1/f"] == (file.read_bytes() if overwrite else before)
        if not overwrite:
            assert result.error_type == "ITEM_NAME_EXISTS"
            assert "written anew" in (result.error or "")
        again = await run_all(pairs, vault, tmp_path, bulk=replace(bulk, overwrite=True, failed_again=True))
    assert memory.items["/u1/f"] == file.read_bytes()
    assert [result.state for result in again] == ([] if overwrite else [State.DONE])
    memory.assert_clean()


async def test_a_file_that_was_only_begun_is_skipped_when_its_size_is_there(tmp_path: Path) -> None:
    memory, _, pairs = one_file(tmp_path, SMALL)
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path)
        forget_the_end(tmp_path)
        [result] = await run_all(pairs, vault, tmp_path)
    assert result.state is State.SKIPPED
    assert memory.count(Endpoint.CREATE_ITEM) == 1


@pytest.mark.parametrize("size", [SMALL, 0])
async def test_without_a_listing_a_killed_run_knows_its_own_files(tmp_path: Path, size: int) -> None:
    memory, _, pairs = one_file(tmp_path, size)
    never = BulkOptions(skip="never")
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path, bulk=never)
        forget_the_end(tmp_path)
        [result] = await run_all(pairs, vault, tmp_path, bulk=never)
        assert result.state is State.SKIPPED
        (tmp_path / "other").mkdir()
        [result] = await run_all(pairs, vault, tmp_path / "other", bulk=never)
    assert (result.state, result.error_type) == (State.FAILED, "ITEM_NAME_EXISTS")


async def test_somebody_elses_file_of_the_same_size_is_not_ours(tmp_path: Path) -> None:
    memory, file, pairs = one_file(tmp_path, SMALL)
    never = BulkOptions(skip="never")
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path, bulk=never)
        forget_the_end(tmp_path)
        memory.items["/u1/f"] = bytes(SMALL)
        [result] = await run_all(pairs, vault, tmp_path, bulk=never)
        assert (result.state, result.error_type) == (State.FAILED, "ITEM_NAME_EXISTS")
        # Where reading is refused, the size that the listing shows has to do.
        memory.fail(Endpoint.DOWNLOAD, refused("INSUFFICIENT_ACCESS"))
        [result] = await run_all(pairs, vault, tmp_path, bulk=replace(never, failed_again=True))
    assert result.state is State.SKIPPED
    assert memory.items["/u1/f"] != file.read_bytes()
    memory.assert_clean()


async def damaged_and_left(memory: MemoryVault, pairs: list[tuple[Path, str]], folder: Path) -> None:
    """A run that gives a damaged file up, and whose deletion is refused."""
    memory.fail(Endpoint.CREATE_ITEM, flipped("store"))
    memory.fail(Endpoint.DELETE_ITEM, refused("OPERATION_NOT_ALLOWED"))
    async with memory.vault() as vault:
        [result] = await run_all(pairs, vault, folder, options=IN_PLACE, bulk=BulkOptions(file_attempts=1))
    assert (result.state, result.error_type) == (State.FAILED, "ChecksumMismatch")
    assert len(memory.items["/u1/f"]) == SMALL
    memory.closed = False


@pytest.mark.parametrize("overwrite", [False, True])
async def test_damage_is_remembered_over_runs(tmp_path: Path, overwrite: bool) -> None:
    memory, file, pairs = one_file(tmp_path, SMALL)
    await damaged_and_left(memory, pairs, tmp_path)
    async with memory.vault() as vault:
        bulk = BulkOptions(failed_again=True, overwrite=overwrite)
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=bulk)
    assert result.state is (State.DONE if overwrite else State.FAILED)
    assert overwrite or "arrived damaged" in (result.error or "")
    assert (memory.items["/u1/f"] == file.read_bytes()) == overwrite
    memory._faults.clear()


async def test_what_somebody_put_there_since_is_not_deleted(tmp_path: Path) -> None:
    memory, file, pairs = one_file(tmp_path, SMALL)
    await damaged_and_left(memory, pairs, tmp_path)
    memory.items["/u1/f"] = by_hand = file.read_bytes()
    file.unlink()
    async with memory.vault() as vault:
        bulk = BulkOptions(failed_again=True, overwrite=True)
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=bulk)
    assert result.state is State.FAILED
    assert memory.items["/u1/f"] == by_hand


async def test_a_deletion_that_was_only_accepted_proves_nothing(tmp_path: Path) -> None:
    memory, _, pairs = one_file(tmp_path, SMALL)
    memory.fail(Endpoint.CREATE_ITEM, flipped("store"))
    accepted = '{"responseStatus": "SUCCESS", "data": {"job_id": 77}}'
    memory.fail(Endpoint.DELETE_ITEM, raw(200, accepted, headers={"content-type": "application/json"}))
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=BulkOptions(file_attempts=1))
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=BulkOptions(failed_again=True))
    assert (result.state, result.error_type) == (State.FAILED, "ITEM_NAME_EXISTS")


async def test_what_is_left_out_and_taken_in_again_is_still_known_to_be_damaged(tmp_path: Path) -> None:
    memory, _, pairs = one_file(tmp_path, SMALL)
    await damaged_and_left(memory, pairs, tmp_path)
    async with memory.vault() as vault:
        async with open_run([], vault=vault, journal=tmp_path / "j.db", still_wanted=lambda _: False) as run:
            assert [result async for result in run.results()] == []
        bulk = BulkOptions(failed_again=True)
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=bulk)
    assert (result.state, result.error_type) == (State.FAILED, "ITEM_NAME_EXISTS")


async def test_a_small_file_that_was_on_its_way_is_read_back(tmp_path: Path) -> None:
    """A run that is killed between a damaged file's arrival and the journal."""
    memory, file, pairs = one_file(tmp_path, SMALL)
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path, options=IN_PLACE)
        forget_the_end(tmp_path)
        memory.items["/u1/f"] = bytes(SMALL)
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE)
        assert (result.state, result.error_type) == (State.FAILED, "ITEM_NAME_EXISTS")
        bulk = BulkOptions(failed_again=True, overwrite=True)
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=bulk)
    assert result.state is State.DONE
    assert memory.items["/u1/f"] == file.read_bytes()


async def test_a_commit_that_failed_is_not_saved_by_the_older_version(tmp_path: Path) -> None:
    memory, file, pairs = one_file(tmp_path, LARGE)
    before = file.read_bytes()
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path)
        write_anew(file)
        memory.job_takes_s, memory.job_ending = 1e6, "ERRORS_ENCOUNTERED"
        drain = Drain()

        def hook(event: object) -> None:
            if isinstance(event, JobStatusSeen):
                drain.request()

        await run_all(pairs, vault, tmp_path, bulk=BulkOptions(overwrite=True), on_event=hook, drain=drain)
        memory.now_s += 2e6
        bulk = BulkOptions(overwrite=True, file_attempts=1)
        [result] = await run_all(pairs, vault, tmp_path, bulk=bulk)
    assert memory.items["/u1/f"] == before
    assert result.state is State.FAILED


@pytest.mark.parametrize("size", [SMALL, 0])
async def test_what_changed_while_it_was_sent_does_not_stay(tmp_path: Path, size: int) -> None:
    memory, file, pairs = one_file(tmp_path, size)

    def hook(event: Event) -> None:
        if isinstance(event, PartAcknowledged):
            write_anew(file)

    async with memory.vault() as vault:
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE, on_event=hook)
        assert (result.state, result.error_type) == (State.FAILED, "SourceChanged")
        assert "/u1/f" not in memory.items
        [result] = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=BulkOptions(failed_again=True))
    assert result.state is State.DONE
    assert memory.items["/u1/f"] == file.read_bytes()
    memory.assert_clean()


async def cut_off(memory: MemoryVault, pairs: list[tuple[Path, str]], folder: Path) -> Path:
    """A run that ends in the middle of a file, because Vault is away; its results."""
    few = RetryPolicy(max_attempts=1)
    memory.fail(Endpoint.PUT_PART, *[unreachable()] * 3, nth=3)
    async with memory.vault(retry=few) as vault:
        with pytest.raises(VaultUnreachable):
            await run_all(pairs, vault, folder, options=UploadOptions(memory_budget=100_000, retry=few))
    memory._faults.clear()
    memory.closed = False
    return await reported(folder)


async def reported(folder: Path) -> Path:
    await anyio.to_thread.run_sync(write_report, folder / "j.db", folder / "report")
    return folder / "report" / "results.jsonl"


async def retried(memory: MemoryVault, results: Path, folder: Path) -> FileResult:
    """The only result of `asyncup retry`, which has a journal of its own."""
    rows = await anyio.to_thread.run_sync(lambda: list(failed_rows(results)))
    (folder / "retry").mkdir()
    async with memory.vault() as vault:
        [result] = await run_all(rows, vault, folder / "retry", options=IN_PLACE)
    return result


async def test_a_retry_goes_on_with_the_upload_session_that_was_left(tmp_path: Path) -> None:
    memory, file, pairs = one_file(tmp_path, LARGE)
    results = await cut_off(memory, pairs, tmp_path)
    sessions = memory.count(Endpoint.CREATE_SESSION)
    result = await retried(memory, results, tmp_path)
    assert result.state is State.DONE
    assert memory.items["/u1/f"] == file.read_bytes()
    assert memory.count(Endpoint.CREATE_SESSION) == sessions
    assert not memory.sessions


async def test_an_upload_session_of_another_path_is_not_gone_on_with(tmp_path: Path) -> None:
    memory, file, pairs = one_file(tmp_path, LARGE)
    results = await cut_off(memory, pairs, tmp_path)
    results.write_text(results.read_text().replace('"/u1/f"', '"/u1/corrected"'))
    result = await retried(memory, results, tmp_path)
    assert (result.state, result.destination) == (State.DONE, "/u1/corrected")
    assert memory.items == {"/u1/corrected": file.read_bytes()}


async def test_a_retry_of_damage_overwrites_nothing_elsewhere(tmp_path: Path) -> None:
    memory, _, pairs = one_file(tmp_path, SMALL)
    await damaged_and_left(memory, pairs, tmp_path)
    results = await reported(tmp_path)
    results.write_text(results.read_text().replace('"/u1/f"', '"/u1/others"'))
    memory.items["/u1/others"] = b"somebody else's"
    result = await retried(memory, results, tmp_path)
    assert (result.state, result.error_type) == (State.FAILED, "ITEM_NAME_EXISTS")
    assert memory.items["/u1/others"] == b"somebody else's"


async def test_a_retry_knows_what_was_written_anew_since_it_was_begun(tmp_path: Path) -> None:
    memory, file, pairs = one_file(tmp_path, SMALL)
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path, options=IN_PLACE)
    memory.closed = False
    forget_the_end(tmp_path)
    results = await reported(tmp_path)
    write_anew(file)
    result = await retried(memory, results, tmp_path)
    assert (result.state, result.error_type) == (State.FAILED, "ITEM_NAME_EXISTS")


async def test_a_report_tells_the_next_run_what_was_left(tmp_path: Path) -> None:
    failed = entry_with(
        id=1, row=1, file="/data/f", destination="/u1/f", state=State.FAILED, md5s=(), columns={}, attempts=2,
        session_id="s1", leftover=Leftover.DAMAGED, error_type="x", error="x",
    )  # fmt: skip

    async def entries() -> AsyncIterator[Entry]:
        yield failed
        yield replace(failed, id=2, row=2, session_id=None, leftover=None)

    await write_results(tmp_path, entries())
    rows = await anyio.to_thread.run_sync(lambda: list(failed_rows(tmp_path / "results.jsonl")))
    found = [found for found in rows if isinstance(found, UploadItem)]
    assert [(item.session_id, item.leftover) for item in found] == [("s1", Leftover.DAMAGED), (None, None)]
