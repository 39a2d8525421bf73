"""The journal: everything that may happen to an input, and nothing else; on the disk before it is believed."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio.to_thread import run_sync as in_thread
from blockbuster import blockbuster_ctx
from hypothesis import given, settings, strategies as st

from asyncup.bulk.errors import JournalInUse, JournalMismatch, JournalUnusable
from asyncup.bulk.inputs.item import BrokenInput, Input, Leftover, Trouble
from asyncup.bulk.journal.entry import (
    ALLOWED_FROM,
    LEADS_TO,
    Added,
    Change,
    CommitStarted,
    Count,
    Failed,
    LeftInVault,
    Matching,
    Order,
    Released,
    RunKey,
    SessionClosed,
    SessionOpened,
    Skipped,
    State,
)
from asyncup.bulk.journal.journal import Journal, open_journal
from asyncup.bulk.journal.view import JournalView
from tests.bulk.journals import KEY, LARGE, all_of, done, identity, item, opened
from tests.pipeline.leftovers import open_files

BROKEN = BrokenInput(name="x,y", trouble=Trouble.TOO_FEW_CELLS, reason="it has 2 cells", row=9, columns={"a": "b"})
CHANGES: list[Change] = [
    SessionOpened(session_id="s1", part_size=5),
    CommitStarted(job_id=7),
    done(),
    Failed(error_type="INVALID_DATA", error="bad", session_id="s1", seconds=1.5, calls=3, bytes_written=9),
    Skipped(reason="in place", calls=1),
    Released(begun=True),
    Released(begun=False),
    SessionClosed(),
    LeftInVault(leftover=Leftover.DAMAGED),
]


# Inputs.


async def test_what_is_added_comes_back(tmp_path: Path) -> None:
    full = item(
        3,
        file="/data/caf\udce9",
        size=2000,
        md5="ab" * 16,
        overwrite=False,
        columns={"z": "Ü", "a": [1, None]},
        identity=identity(2000),
    )
    bare = item(4, identity=None)
    async with opened(tmp_path) as journal:
        assert await journal.add([full, bare, BROKEN]) == Added(new=3, broken=1)
        one, two, three = await all_of(journal)
    assert (one.id, one.row, one.file, one.destination) == (1, 3, full.file, full.path)
    assert (one.expected_size, one.expected_md5, one.overwrite) == (None, "ab" * 16, False)
    assert list(one.columns.items()) == [("z", "Ü"), ("a", [1, None])]
    assert (one.size, one.identity, one.large, one.state) == (2000, full.identity, True, State.PENDING)
    assert (two.size, two.identity, two.large, two.overwrite, two.columns) == (None, None, False, None, {})
    assert (three.file, three.destination, three.state, three.row) == ("x,y", None, State.BROKEN, 9)
    assert (three.error_type, three.error, three.columns) == ("TOO_FEW_CELLS", "it has 2 cells", {"a": "b"})


async def test_adding_again_changes_nothing(tmp_path: Path) -> None:
    inputs: list[Input] = [item(1), item(2), BROKEN, item(5, path="/u1/F1")]
    inputs += [replace(item(7), row=None), BrokenInput(name="/l", trouble=Trouble.SYMBOLIC_LINK, reason="link")]
    async with opened(tmp_path) as journal:
        assert await journal.add(inputs) == Added(new=6, broken=3)
        before = await all_of(journal)
        assert await journal.add(inputs) == Added(known=6, broken=3)
    async with opened(tmp_path) as journal:
        assert await journal.add(inputs) == Added(known=6, broken=3)
        assert await all_of(journal) == before
        assert journal.tally.of() == Count(6, 40)


@pytest.mark.parametrize(
    ("second", "matching", "same"),
    [
        ("/u1/f1", Matching.EXACT, True),
        ("/u1/F1", Matching.EXACT, False),
        ("/u1/F1", Matching.NFC, False),
        ("/u1/F1", Matching.FOLDED, True),
        ("/U1/f1", Matching.FOLDED, True),
        ("/u1/f12", Matching.FOLDED, False),
        ("/u1/f/1", Matching.FOLDED, False),
    ],
)
async def test_two_inputs_with_one_destination(tmp_path: Path, second: str, matching: Matching, same: bool) -> None:
    async with opened(tmp_path, replace(KEY, matching=matching)) as journal:
        added = await journal.add([item(1), item(8, path=second)])
        assert added == Added(new=2, broken=int(same))
        _, other = await all_of(journal)
    assert (other.state is State.BROKEN) == same
    if same:
        assert other.error_type == "SAME_DESTINATION"
        assert "row 1" in (other.error or "")


@pytest.mark.parametrize(("matching", "same"), [(Matching.EXACT, False), (Matching.NFC, True), (Matching.FOLDED, True)])
async def test_two_unicode_forms_of_one_destination(tmp_path: Path, matching: Matching, same: bool) -> None:
    one, other = replace(item(1, path="/caf\xe9"), row=None), replace(item(2, path="/cafe\u0301"), row=None)
    async with opened(tmp_path, replace(KEY, matching=matching)) as journal:
        await journal.add([one])
        assert (await journal.add([other])).broken == same
        [*_, last] = await all_of(journal)
    if same:
        assert "/data/f1" in (last.error or "")


async def test_a_broken_row_may_be_corrected(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1), BROKEN, item(10, path="/u1/f1")])
        assert await journal.add([item(1), item(9), item(10)]) == Added(known=3)
        assert [entry.state for entry in await all_of(journal)] == [State.PENDING] * 3
        assert await journal.add([item(1), item(9), item(10, path="/u1/f9")]) == Added(known=3, broken=1)
        assert await journal.add([BROKEN]) == Added(known=1, broken=1)
        assert journal.tally.of(State.PENDING) == Count(1, 10)


async def test_a_row_that_was_begun_stays_what_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1), item(2)])
        [one] = await journal.claim(large=False, most=1)
        await journal.record(one.id, done())
        with pytest.raises(JournalMismatch, match="row 1 was /data/f1"):
            await journal.add([item(3), item(1, file="/data/other")])
        assert len(await all_of(journal)) == 2  # the third was not added either
        assert await journal.add([replace(BROKEN, row=1)]) == Added(known=1)
        assert journal.tally.of(State.DONE).files == 1


async def test_a_file_that_is_another_one_is_sent_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1), item(2), item(3)])
        for entry in await journal.claim(large=False, most=2):
            await journal.record(entry.id, done())
        same_elsewhere = item(1, identity=replace(identity(10), inode=5, ctime_ns=9))
        changed = [item(2, identity=identity(2000)), item(3, identity=identity(11))]
        assert await journal.add([same_elsewhere, *changed]) == Added(known=3, reopened=1)
        one, two, three = await all_of(journal)
    assert (one.state, two.state, three.state) == (State.DONE, State.PENDING, State.PENDING)
    assert (two.md5s, two.parts, two.size, two.large, three.size) == ((), None, 2000, True, 11)


# Changes.


async def test_the_way_of_a_large_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1, identity=identity(LARGE))])
        assert await journal.claim(large=False, most=5) == []
        [entry] = await journal.claim(large=True, most=5)
        assert (entry.state, entry.attempts) == (State.SENDING, 1)
        assert await all_of(journal) == [entry]
        await journal.record(entry.id, SessionOpened(session_id="s1", part_size=5))
        [held] = await journal.with_sessions()
        assert (held.session_id, held.part_size, held.state) == ("s1", 5, State.SENDING)
        await journal.record(entry.id, CommitStarted(job_id=7))
        [committing] = await journal.committing()
        assert (committing.job_id, committing.session_id) == (7, "s1")
        await journal.record(entry.id, done(LARGE))
        assert await journal.committing() == await journal.with_sessions() == []
        [end] = await all_of(journal)
    assert (end.state, end.md5s, end.parts, end.seconds) == (State.DONE, ("ab" * 16, "cd" * 16), 2, 0.5)
    assert (end.calls, end.bytes_written, end.session_id, end.job_id) == (7, LARGE + 1, None, None)


async def test_a_failure_keeps_its_session_until_that_is_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1)])
        [entry] = await journal.claim(large=False, most=1)
        await journal.record(entry.id, CHANGES[0])
        await journal.record(entry.id, CHANGES[3])
        [failed] = await journal.with_sessions()
        assert (failed.state, failed.error_type, failed.error) == (State.FAILED, "INVALID_DATA", "bad")
        assert await journal.reopen([State.FAILED]) == 1
        [again] = await journal.claim(large=False, most=1)
        assert (again.session_id, again.attempts) == ("s1", 2)
        await journal.record(entry.id, SessionClosed())
        assert await journal.with_sessions() == []


@pytest.mark.parametrize("state", State)
async def test_only_what_the_table_allows_can_happen(tmp_path: Path, state: State) -> None:
    for number, what in enumerate(CHANGES):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with opened(folder) as journal:
            await journal.add([BROKEN if state is State.BROKEN else item(1)])
            await lead_to(state, journal)
            [before] = await all_of(journal)
            assert before.state is state
            if state in ALLOWED_FROM[type(what)]:
                await journal.record(1, what)
                [after] = await all_of(journal)
                assert after.state is LEADS_TO.get(type(what), state)
                assert after.attempts == before.attempts - (what == Released(begun=False))
            else:
                with pytest.raises(RuntimeError, match=f"entry 1 is {state}"):
                    await journal.record(1, what)
                assert await all_of(journal) == [before]
            assert sum(count.files for count in journal.tally.small.values()) == 1
            assert journal.tally.of((await all_of(journal))[0].state).files == 1


async def lead_to(state: State, journal: Journal) -> None:
    """Bring the only entry into a state."""
    if state in (State.PENDING, State.BROKEN):
        return
    await journal.claim(large=False, most=1)
    ways: dict[State, Change] = {
        State.COMMITTING: CHANGES[1],
        State.DONE: done(),
        State.FAILED: Failed(error_type="x", error="x"),
        State.SKIPPED: Skipped(reason="x"),
    }
    if state in ways:
        await journal.record(1, ways[state])


async def test_every_change_is_in_the_tables() -> None:
    assert {type(what) for what in CHANGES} == set(ALLOWED_FROM) == set(LEADS_TO) | {SessionClosed, LeftInVault}


async def test_no_such_entry(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        with pytest.raises(RuntimeError, match="not in the journal"):
            await journal.record(5, done())
        with pytest.raises(ValueError, match="reopened"):
            await journal.reopen([State.SENDING])


# Order.

SIZES = [50, 2000, 10, 50, 3000, 0]


@pytest.mark.parametrize(
    ("order", "small", "large"),
    [
        (Order.AS_GIVEN, [1, 3, 4, 6], [2, 5]),
        (Order.SMALLEST, [6, 3, 1, 4], [2, 5]),
        (Order.LARGEST, [1, 4, 3, 6], [5, 2]),
        (Order.NAME, [6, 4, 3, 1], [5, 2]),
    ],
)
@pytest.mark.parametrize("begun_with", Order)
async def test_the_next_ones(
    tmp_path: Path, order: Order, small: list[int], large: list[int], begun_with: Order
) -> None:
    items = [item(n, path=f"/u1/{9 - n}", identity=identity(size)) for n, size in enumerate(SIZES, 1)]
    async with opened(tmp_path, order=begun_with, large_from=20) as journal:
        await journal.add(items)
    async with opened(tmp_path, order=order) as journal:
        for is_large, expected in ((False, small), (True, large)):
            found: list[int] = []
            while batch := await journal.claim(large=is_large, most=3):
                found += [entry.id for entry in batch]
            assert found == expected
        for number in (1, 2):
            await journal.record(number, Failed(error_type="x", error="x"))
        await journal.reopen([State.FAILED, State.DONE])
        assert [entry.id for entry in await journal.claim(large=True, most=3)] == [2]


# Counts.


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(CHANGES) | st.none()), max_size=30))
async def test_the_counts_are_those_of_the_entries(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[int, Change | None]]
) -> None:
    async with opened(tmp_path_factory.mktemp("journal")) as journal:
        await journal.add([item(n, identity=identity(n * 400)) for n in range(1, 5)])
        for number, what in steps:
            if what is None:
                await journal.claim(large=number % 2 == 0, most=2)
                continue
            try:
                await journal.record(number, what)
            except RuntimeError:
                continue
        entries = await all_of(journal)
        for half, large in ((journal.tally.small, False), (journal.tally.large, True)):
            for state in State:
                sizes = [entry.size or 0 for entry in entries if (entry.state, entry.large) == (state, large)]
                assert half[state] == Count(len(sizes), sum(sizes))


# Going on.


async def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(n) for n in range(1, 5)])
        await journal.claim(large=False, most=4)
        await journal.record(1, SessionOpened(session_id="s1"))
        await journal.record(2, CommitStarted(job_id=7))
        await journal.record(3, CommitStarted(job_id=None))
        await journal.record(4, done())
        assert not await journal.source_was_read()
        await journal.mark_source_read()
    async with opened(tmp_path) as journal:
        assert await journal.source_was_read()
        states = [entry.state for entry in await all_of(journal)]
        assert states == [State.PENDING, State.COMMITTING, State.PENDING, State.DONE]
        assert [entry.session_id for entry in await journal.with_sessions()] == ["s1"]
        assert [entry.job_id for entry in await journal.committing()] == [7]


@pytest.mark.parametrize("other", [{"source": "/x"}, {"destination": "/x"}, {"matching": Matching.EXACT}])
async def test_another_run_is_refused(tmp_path: Path, other: dict[str, str]) -> None:
    async with opened(tmp_path):
        pass
    key = RunKey(**({"source": KEY.source, "destination": KEY.destination, "matching": KEY.matching} | other))  # type: ignore[arg-type] # each has its type above
    with pytest.raises(JournalMismatch, match=next(iter(other))):
        async with opened(tmp_path, key):
            pass


# The file.


async def test_two_runs_on_one_journal_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        (tmp_path / "link.db").symlink_to("j.db")
        for name in ("j.db", "link.db"):
            with pytest.raises(JournalInUse, match=str(os.getpid())):
                async with opened_at(tmp_path / name):
                    pass
        await journal.add([item(1)])
    async with opened(tmp_path) as journal:
        assert journal.tally.of().files == 1


def opened_at(path: Path, source: Path | None = None) -> AbstractAsyncContextManager[Journal]:
    return open_journal(path, KEY, large_from=LARGE, now_s=0, source_folder=source)


async def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "source" / "in").mkdir(parents=True)
    (tmp_path / "alias").symlink_to("source")
    for place, words in (("source/in/j.db", "inside"), ("alias/j.db", "inside")):
        with pytest.raises(JournalUnusable, match=words):
            async with opened_at(tmp_path / place, tmp_path / "source"):
                pass
    for place, words in (("source", "is a folder"), ("missing/j.db", "does not exist"), ("a\0b", "cannot be the name")):
        with pytest.raises(JournalUnusable, match=words):
            async with opened_at(tmp_path / place):
                pass
    assert list((tmp_path / "source/in").iterdir()) == []


async def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "j.db").write_bytes(b"my diary, not yours\n" * 1000)
    diary = (tmp_path / "j.db").read_bytes()
    with pytest.raises(JournalUnusable, match="not a database"):
        async with opened(tmp_path):
            pass
    assert (tmp_path / "j.db").read_bytes() == diary
    (tmp_path / "j.db").unlink()
    other = sqlite3.connect(tmp_path / "j.db")
    other.execute("CREATE TABLE t (x)")
    other.close()
    database = (tmp_path / "j.db").read_bytes()
    with pytest.raises(JournalUnusable, match="no journal of asyncup"):
        async with opened(tmp_path):
            pass
    assert (tmp_path / "j.db").read_bytes() == database


async def test_a_disk_that_fails(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1)])
        await journal._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
        with pytest.raises(JournalUnusable, match="full"):
            await journal.add([item(n) for n in range(2, 1000)])
        await journal._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 9999").fetchall())
        await journal.add([item(2)])
        assert journal.tally.of().files == 2
    with pytest.raises(JournalUnusable, match="closed"):
        await journal.add([item(3)])


async def test_it_is_off_the_loop_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = open_files()
    with blockbuster_ctx():
        async with opened(tmp_path) as journal:
            await journal.add([item(n) for n in range(1, 2000)])
            assert [entry.row async for entry in journal.entries()] == list(range(1, 2000))
    assert open_files() == before


# Looking at it from outside.


async def test_a_view_sees_what_is_on_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(n) for n in range(1, 1500)])
        view = await in_thread(JournalView, tmp_path / "j.db")
        assert await in_thread(view.key) == KEY
        assert await in_thread(view.tally) == journal.tally
        [entry] = await journal.claim(large=False, most=1)
        await journal.record(entry.id, done())
        assert (await in_thread(view.tally)).of(State.DONE) == Count(1, 10)
        pending = await in_thread(lambda: [entry.row for entry in view.entries([State.PENDING])])
        assert pending == list(range(2, 1500))
        await in_thread(view.close)
    view = await in_thread(JournalView, tmp_path / "j.db")
    assert (await in_thread(view.tally)).of().files == 1499
    await in_thread(view.close)


def test_a_view_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable):
        JournalView(tmp_path / "missing.db")
    assert list(tmp_path.iterdir()) == []


# Many at once.


async def test_what_many_lanes_record_is_written_in_groups(tmp_path: Path) -> None:
    lanes, each = 50, 20
    async with opened(tmp_path) as journal:
        await journal.add([item(n) for n in range(1, lanes * each + 1)])
        before = journal._writer.groups

        async def lane() -> None:
            for _ in range(each):
                [entry] = await journal.claim(large=False, most=1)
                await journal.record(entry.id, done())

        async with anyio.create_task_group() as tasks:
            for _ in range(lanes):
                tasks.start_soon(lane)
        assert journal.tally.of(State.DONE).files == lanes * each
        assert journal._writer.groups - before < lanes * each


async def test_a_cancelled_caller_is_recorded_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add([item(1)])
        [entry] = await journal.claim(large=False, most=1)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await journal.record(entry.id, done())
        assert scope.cancelled_caught
    async with opened(tmp_path) as journal:
        assert [entry.state for entry in await all_of(journal)] == [State.DONE]
