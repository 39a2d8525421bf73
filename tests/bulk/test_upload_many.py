"""Many files at once: the right bytes, one result for each, and no file that stops another."""

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncup import PasswordLogin, RetryPolicy, UploadOptions, upload_many
from asyncup.bulk.errors import JournalInUse
from asyncup.bulk.inputs.item import BrokenInput, Trouble, UploadItem
from asyncup.bulk.journal.entry import State
from asyncup.bulk.run.options import BulkOptions
from asyncup.errors import AccessRefused, AsyncupError, LoginError, VaultUnreachable
from asyncup.events import UploadSessionOpened
from asyncup.pipeline.drain import Drain
from asyncup.protocol.answers import Answer
from asyncup.vault.transport import HttpRequest
from tests.bulk.runs import assert_all_in_place, make_files, run_all, states, vault_in_memory
from tests.fakes.memory_vault import (
    PASSWORD,
    USER,
    Endpoint,
    MemoryVault,
    broken_off,
    do,
    flipped,
    login_expires,
    lost_after,
    refused,
    unreachable,
)

pytestmark = pytest.mark.anyio


async def test_files_of_all_sizes_arrive_and_each_has_one_result(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 40)
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path)
    assert set(states(results).values()) == {State.DONE}
    assert len(results) == len(pairs)
    for result in results:
        assert result.size == Path(result.file).stat().st_size
        assert result.bytes_written is not None
        assert result.bytes_written >= result.size
        assert result.calls
        assert len(result.md5s) == result.parts
    assert_all_in_place(memory, pairs)


async def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 10)
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path)
        before = list(memory.effects)
        assert await run_all(pairs, vault, tmp_path) == []
    assert memory.effects == before


async def test_files_in_place_are_not_sent_again(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 12)
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path)
        before = list(memory.effects)
        (tmp_path / "other").mkdir()
        results = await run_all(pairs, vault, tmp_path / "other")
    assert set(states(results).values()) == {State.SKIPPED}
    assert memory.effects == before


@pytest.mark.parametrize("overwrite", [True, False])
async def test_another_size_is_replaced_only_when_that_is_allowed(tmp_path: Path, overwrite: bool) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 6)
    memory.folders |= {"/u1/t", "/u1/t/0"}
    memory.items["/u1/t/0/f3"] = b"old"
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path, bulk=BulkOptions(overwrite=overwrite))
    failed = [result for result in results if result.state is State.FAILED]
    if overwrite:
        assert not failed
        assert_all_in_place(memory, pairs)
    else:
        (only,) = failed
        assert (only.destination, only.error_type, only.bytes_written) == ("/u1/t/0/f3", "ITEM_NAME_EXISTS", 0)
        assert memory.items["/u1/t/0/f3"] == b"old"


async def test_a_tree_that_is_not_there_costs_one_listing(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 12, sizes=(10,))
    memory.folders.add("/u1/t")
    async with memory.vault() as vault:
        await run_all(pairs, vault, tmp_path)
    # "/u1/t" shows that none of the three folders below it is there.
    assert memory.count(Endpoint.LIST_ITEMS) == 1


async def test_every_kind_of_bad_file_fails_alone(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 14)
    (tmp_path / "folder").mkdir()
    size, md5 = UploadItem(file=str(pairs[4][0]), path="/u1/size", size=7), "0" * 32
    bad = [
        (tmp_path / "missing", "/u1/missing"),
        (tmp_path / "folder", "/u1/folder"),
        (pairs[3][0], "no/../path"),
        (pairs[3][0], pairs[2][1]),
        replace(size, row=100),
        UploadItem(file=str(pairs[5][0]), path="/u1/md5", md5=md5, row=101),
        BrokenInput(name="row 102", trouble=Trouble.MISSING_FIELD, reason="no file", row=102),
    ]
    async with memory.vault() as vault:
        results = await run_all([*pairs, *bad], vault, tmp_path)
    assert len(results) == len(pairs) + len(bad)
    lost = {result.error_type for result in results if not result.in_vault}
    assert lost == {
        "SourceNotFound", "SourceNotAFile", "DESTINATION", "SAME_DESTINATION", "UnexpectedSize", "UnexpectedMd5",
        "MISSING_FIELD",
    }  # fmt: skip
    assert sum(result.in_vault for result in results) == len(pairs)
    assert_all_in_place(memory, pairs)
    assert not {"/u1/size", "/u1/md5"} & set(memory.items)


async def test_what_vault_refuses_for_good_fails_with_its_words(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 7)
    memory.fail(Endpoint.CREATE_ITEM, refused("INVALID_DATA"), nth=2)
    memory.fail(Endpoint.PUT_PART, refused("INVALID_DATA"), nth=3)
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path)
    failed = [result for result in results if result.state is State.FAILED]
    assert [result.error_type for result in failed] == ["INVALID_DATA"] * 2
    assert not memory.sessions, "a file that is given up leaves no session"
    assert [result.session_id for result in failed] == [None, None]
    memory.assert_clean()


@pytest.mark.parametrize(
    ("folders", "before", "refusals"),
    [(3, 0, 10), (1, 0, 100), (3, 1, 120)],
    ids=["in three folders", "in one folder", "others had arrived"],
)
async def test_a_missing_permission_ends_the_run_unless_some_files_arrive(
    tmp_path: Path, folders: int, before: int, refusals: int
) -> None:
    memory = vault_in_memory()
    files = [file for file, _ in make_files(tmp_path, 120 + before, sizes=(10,))]
    pairs = [(file, f"/u1/{number % folders}/{file.name}") for number, file in enumerate(files)]
    memory.folders |= {f"/u1/{number}" for number in range(folders)}
    one_lane = BulkOptions(lanes=1)
    async with memory.vault() as vault:
        await run_all(pairs[:before], vault, tmp_path, options=IN_PLACE, bulk=one_lane)
        memory.fail(Endpoint.CREATE_ITEM, *[refused("INSUFFICIENT_ACCESS")] * 120)
        sent = memory.count(Endpoint.CREATE_ITEM)
        with suppress(AccessRefused) if before else pytest.raises(AccessRefused, match="none has arrived"):
            await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=one_lane)
    assert memory.count(Endpoint.CREATE_ITEM) - sent == refusals


def one_folder(count: int, tmp_path: Path) -> tuple[MemoryVault, list[tuple[Path, str]]]:
    """Small files for a folder that is there, so that every `CREATE_ITEM` is a file."""
    memory = vault_in_memory()
    return memory, [(file, f"/u1/{file.name}") for file, _ in make_files(tmp_path, count, sizes=(400,))]


IN_PLACE = UploadOptions(create_folders=False, memory_budget=100_000)


async def test_a_damaged_file_is_replaced_although_it_has_the_size(tmp_path: Path) -> None:
    memory, pairs = one_folder(3, tmp_path)
    memory.fail(Endpoint.CREATE_ITEM, flipped("store"))
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path, options=IN_PLACE)
    assert set(states(results).values()) == {State.DONE}
    assert sorted(result.attempts for result in results) == [1, 1, 2]
    assert_all_in_place(memory, pairs)
    memory.assert_clean()


async def test_a_damaged_file_is_replaced_although_the_next_attempt_failed_otherwise(tmp_path: Path) -> None:
    memory, pairs = one_folder(1, tmp_path)
    memory.fail(Endpoint.CREATE_ITEM, flipped("store"), broken_off(after=0))
    async with memory.vault() as vault:
        options = replace(IN_PLACE, retry=RetryPolicy(max_attempts=1))
        results = await run_all(pairs, vault, tmp_path, options=options)
    assert [(result.state, result.attempts) for result in results] == [(State.DONE, 3)]
    assert_all_in_place(memory, pairs)


async def test_a_file_that_became_small_leaves_no_session(tmp_path: Path) -> None:
    memory = vault_in_memory()
    [(file, destination)] = pairs = make_files(tmp_path, 1, sizes=[25_000])
    memory.fail(Endpoint.PUT_PART, *[unreachable()] * 200, nth=2)
    options = UploadOptions(memory_budget=100_000, retry=RetryPolicy(max_attempts=2))
    async with memory.vault(retry=RetryPolicy(max_attempts=2)) as vault:
        with pytest.raises(VaultUnreachable):
            await run_all(pairs, vault, tmp_path, options=options)
    assert len(memory.sessions) == 1
    memory._faults.clear()
    memory.closed = False
    file.write_bytes(b"small")
    async with memory.vault() as vault:
        [result] = await run_all(pairs, vault, tmp_path)
    assert result.state is State.DONE
    assert memory.items[destination] == b"small"
    assert not memory.sessions


async def test_what_may_pass_is_tried_only_so_often_and_nothing_damaged_is_left(tmp_path: Path) -> None:
    memory, pairs = one_folder(1, tmp_path)
    memory.fail(Endpoint.CREATE_ITEM, flipped("store"), flipped("store"))
    async with memory.vault() as vault:
        (result,) = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=BulkOptions(file_attempts=2))
        assert (result.state, result.error_type, result.attempts) == (State.FAILED, "ChecksumMismatch", 2)
        assert not memory.items
        (result,) = await run_all(pairs, vault, tmp_path, options=IN_PLACE, bulk=BulkOptions(failed_again=True))
    assert result.state is State.DONE
    assert_all_in_place(memory, pairs)
    memory.assert_clean()


async def test_lost_answers_leave_no_session(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 6, sizes=(3_000,))
    memory.fail(Endpoint.CREATE_SESSION, lost_after())
    memory.fail(Endpoint.COMMIT, lost_after())
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path)
    assert all(result.in_vault for result in results)
    assert_all_in_place(memory, pairs)


async def test_other_peoples_sessions_are_waited_for(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 2, sizes=(3_000,))
    taken = [memory.open_session(f"/u1/other{number}", 10) for number in range(50)]
    for session_id in taken:
        memory.sessions[session_id].owner = 2
    memory.fail(Endpoint.CREATE_SESSION, do(lambda _: None), do(lambda vault: vault.sessions.clear()))
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path)
    assert set(states(results).values()) == {State.DONE}
    assert 10.0 in memory.waited
    assert_all_in_place(memory, pairs)


async def test_an_expired_login_is_renewed_once_for_all(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 30)
    memory.fail(Endpoint.CREATE_ITEM, login_expires(), nth=6)
    async with memory.vault(PasswordLogin(USER, PASSWORD)) as vault:
        results = await run_all(pairs, vault, tmp_path)
    assert set(states(results).values()) == {State.DONE}
    assert memory.effects.count(Endpoint.LOG_IN) == 2
    assert_all_in_place(memory, pairs)


async def test_a_refused_login_stops_the_run(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 5)
    async with memory.vault(PasswordLogin(USER, "wrong")) as vault:
        with pytest.raises(LoginError):
            await run_all(pairs, vault, tmp_path)
    memory.closed = False
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path)
    assert set(states(results).values()) == {State.DONE}
    assert_all_in_place(memory, pairs)


async def test_a_vault_that_goes_away_stops_the_run_and_the_next_one_finishes(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 30)
    memory.fail(Endpoint.CREATE_ITEM, *[unreachable()] * 200, nth=4)
    first = []
    async with memory.vault(retry=RetryPolicy(max_attempts=2)) as vault:
        options = UploadOptions(retry=RetryPolicy(max_attempts=2))
        results = upload_many(pairs, vault=vault, journal=tmp_path / "j.db", options=options)
        with pytest.raises(VaultUnreachable):  # noqa: PT012 - what comes before the exception counts
            async for result in results:
                first.append(result)  # noqa: PERF401 - it ends with an exception
    assert all(result.in_vault for result in first)
    memory._faults.clear()
    memory.closed = False
    async with memory.vault() as vault:
        second = await run_all(pairs, vault, tmp_path)
    assert len(first) + len(second) == len(pairs)
    assert not set(states(first)) & set(states(second))
    assert_all_in_place(memory, pairs)


async def test_two_runs_on_one_journal_are_refused(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 3)
    async with memory.vault() as vault:
        async with aclosing(upload_many(pairs, vault=vault, journal=tmp_path / "j.db")) as results:
            await anext(results)
            with pytest.raises(JournalInUse):
                await run_all(pairs, vault, tmp_path)
        await run_all(pairs, vault, tmp_path)
    assert_all_in_place(memory, pairs)


async def test_a_caller_may_leave_in_a_scope_of_its_own(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 10)
    async with memory.vault() as vault:
        results = upload_many(pairs, vault=vault, journal=tmp_path / "j.db")
        with anyio.fail_after(10):
            first = await anext(results)
        with anyio.fail_after(10):
            await results.aclose()
        second = await run_all(pairs, vault, tmp_path)
    assert first.id not in {result.id for result in second}
    assert_all_in_place(memory, pairs)


@pytest.mark.parametrize("after", [1, 7, 20, 45, 80])
@pytest.mark.parametrize("how", ["cut", "drained"])
async def test_a_run_that_is_ended_at_any_call_is_finished_by_the_next(tmp_path: Path, after: int, how: str) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 20, sizes=(400, 3_000, 25_000))
    drain, scope, calls = Drain(), anyio.CancelScope(), 0

    def end(_: MemoryVault) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            drain.request() if how == "drained" else scope.cancel()

    first = []
    send = memory.send

    async def counted(request: HttpRequest) -> Answer:
        end(memory)
        return await send(request)

    memory.send = counted  # type: ignore[method-assign]
    async with memory.vault() as vault:
        with scope:
            async with aclosing(upload_many(pairs, vault=vault, journal=tmp_path / "j.db", drain=drain)) as results:
                async for result in results:
                    first.append(result)  # noqa: PERF401 - it may be cut
        memory.send = send  # type: ignore[method-assign]
        second = await run_all(pairs, vault, tmp_path)
    assert calls >= after
    assert all(result.in_vault for result in (*first, *second)), [r for r in second if not r.in_vault]
    assert not set(states(first)) & set(states(second))
    assert_all_in_place(memory, pairs)
    sent = sum(len(file.read_bytes()) for file, _ in pairs)
    taken = sum(seen.taken for seen in memory.seen if seen.endpoint is Endpoint.PUT_PART)
    allowed = 0 if how == "drained" else 32 * 10_000
    assert taken <= sent + allowed


async def test_a_hook_that_raises_ends_the_run_with_its_exception(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 4, sizes=(3_000,))

    def hook(event: object) -> None:
        if isinstance(event, UploadSessionOpened):
            raise ZeroDivisionError

    async with memory.vault() as vault:
        with pytest.raises(ZeroDivisionError):
            await run_all(pairs, vault, tmp_path, on_event=hook)
        await run_all(pairs, vault, tmp_path)
    assert_all_in_place(memory, pairs)


async def test_a_source_that_fails_stops_the_run_after_what_came_before(tmp_path: Path) -> None:
    memory, pairs = vault_in_memory(), make_files(tmp_path, 4, sizes=(10,))

    class SourceAway(AsyncupError): ...

    async def failing() -> AsyncIterator[tuple[Path, str]]:
        for pair in pairs:
            yield pair
        raise SourceAway("away")

    async with memory.vault() as vault:
        with pytest.raises(SourceAway):
            await run_all(failing(), vault, tmp_path)
        await run_all(pairs, vault, tmp_path)
    assert_all_in_place(memory, pairs)
