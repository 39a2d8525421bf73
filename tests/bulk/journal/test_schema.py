"""Journals of every version that was ever released can be gone on with; `golden/` has one of each.

A golden journal is made once, by `golden_dump` of the version that is new, and never again: it is what people have.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from anyio.to_thread import run_sync as in_thread

from asyncup.bulk.errors import JournalUnusable
from asyncup.bulk.inputs.item import BrokenInput, Leftover, Trouble
from asyncup.bulk.journal.entry import CommitStarted, Count, Failed, LeftInVault, SessionOpened, Skipped, State
from asyncup.bulk.journal.schema import APPLICATION_ID, MIGRATIONS, check_readable, migrate
from asyncup.bulk.journal.view import JournalView
from tests.bulk.journals import KEY, all_of, done, item, opened

GOLDEN = Path(__file__).parent / "golden"
NEXT = ("ALTER TABLE entry ADD COLUMN colour TEXT", "UPDATE entry SET colour = 'red'")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


async def golden_dump(folder: Path) -> str:
    """A journal with an entry in every state, as SQL."""
    async with opened(folder) as journal:
        await journal.add([item(n, columns={"x": f"Ü{n}"}, md5="ab" * 16) for n in range(1, 7)])
        await journal.add([item(7, file="/data/\udce9"), item(8, path="/U1/F1")])
        await journal.add([BrokenInput(name="x", trouble=Trouble.QUOTES, reason="quotes", row=9)])
        await journal.claim(large=False, most=5)
        await journal.record(1, SessionOpened(session_id="s1", part_size=5))
        await journal.record(1, LeftInVault(leftover=Leftover.DAMAGED))
        await journal.record(2, CommitStarted(job_id=7))
        await journal.record(3, done())
        await journal.record(4, Failed(error_type="INVALID_DATA", error="bad", session_id="s4"))
        await journal.record(5, Skipped(reason="in place"))
        await journal.mark_source_read()
    connection = sqlite3.connect(folder / "j.db")
    pragmas = [
        f"PRAGMA {name} = {connection.execute(f'PRAGMA {name}').fetchone()[0]};"
        for name in ("application_id", "user_version")
    ]
    lines = [*pragmas, *connection.iterdump()]
    connection.close()
    return "\n".join(lines) + "\n"


def test_there_is_a_golden_journal_of_every_version() -> None:
    names = sorted(path.name for path in GOLDEN.iterdir())
    assert names == [f"journal-{version}.sql" for version in range(1, len(MIGRATIONS) + 1)]


async def test_the_newest_golden_journal_is_what_is_written_today(tmp_path: Path) -> None:
    written = await golden_dump(tmp_path)
    assert content_of(written) == content_of((GOLDEN / f"journal-{len(MIGRATIONS)}.sql").read_text())


def content_of(dump: str) -> dict[str, list[object]]:
    """What is in a journal, whichever version of Python wrote the dump."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(dump)
    tables = ("sqlite_master", "run", "entry", "tally")
    content = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # noqa: S608 - constants
    content["sqlite_master"] = sorted((name, sql) for _, name, _, _, sql in content["sqlite_master"])
    connection.close()
    return content


def restored(path: Path, version: int) -> int:
    """Make the golden journal of a version, and return which one it is."""
    connection = sqlite3.connect(path)
    connection.executescript((GOLDEN / f"journal-{version}.sql").read_text())
    found = check_readable(connection)
    connection.close()
    return found


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
async def test_a_golden_journal_is_gone_on_with(tmp_path: Path, version: int) -> None:
    assert await in_thread(restored, tmp_path / "j.db", version) == version
    async with opened(tmp_path) as journal:
        assert journal.key == KEY
        states = [entry.state for entry in await all_of(journal)]
        assert states == [
            *(State.PENDING, State.COMMITTING, State.DONE, State.FAILED, State.SKIPPED),
            *(State.PENDING, State.PENDING, State.BROKEN, State.BROKEN),
        ]
        one, _, three, four, *_, seven, eight, _ = await all_of(journal)
        assert (one.session_id, one.part_size, one.columns, one.attempts) == ("s1", 5, {"x": "Ü1"}, 1)
        assert one.leftover is (Leftover.DAMAGED if version > 1 else None)
        assert (three.md5s, three.calls, four.error, four.session_id) == (done().md5s, 7, "bad", "s4")
        assert (seven.file, eight.error_type) == ("/data/\udce9", "SAME_DESTINATION")
        assert journal.tally.of(State.PENDING) == Count(3, 30)
        assert await journal.source_was_read()
        assert [entry.id for entry in await journal.claim(large=False, most=9)] == [1, 6, 7]


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_who_only_looks_changes_nothing(tmp_path: Path, version: int) -> None:
    restored(tmp_path / "j.db", version)
    before = (tmp_path / "j.db").read_bytes()
    with closing(JournalView(tmp_path / "j.db")) as view:
        assert view.key() == KEY
        assert [entry.id for entry in view.entries()] == list(range(1, 10))
        assert view.tally().of(State.PENDING).files > 0
    assert (tmp_path / "j.db").read_bytes() == before


def test_all_steps_or_none(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.execute("INSERT INTO entry (file, state, large) VALUES ('f', 'DONE', 0)")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, NEXT, ("CREATE TABEL x",)))
    assert check_readable(connection) == len(MIGRATIONS)
    assert "colour" not in str(connection.execute("SELECT sql FROM sqlite_master").fetchall())
    migrate(connection, (*MIGRATIONS, NEXT))
    assert connection.execute("SELECT colour FROM entry").fetchall() == [("red",)]
    with pytest.raises(JournalUnusable, match="versions up to"):
        migrate(connection)


def test_a_new_file_takes_all_steps(connection: sqlite3.Connection) -> None:
    migrate(connection, (*MIGRATIONS, NEXT))
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_the_tables_know_every_state() -> None:
    for statement in MIGRATIONS[0]:
        for listed in re.findall(r"state IN \(([^)]*)\)", statement):
            assert set(re.findall(r"\w+", listed)) in ({*State}, {"SENDING", "COMMITTING"})


def test_the_queries_use_their_indexes(connection: sqlite3.Connection) -> None:
    migrate(connection)
    for query, index in (
        ("WHERE state = 'PENDING' AND large = 0 ORDER BY order_key, id LIMIT 5", "entry_pending"),
        ("WHERE state IN ('SENDING', 'COMMITTING') AND state = 'COMMITTING' ORDER BY id", "entry_under_way"),
        ("WHERE session_id IS NOT NULL ORDER BY +id", "entry_session"),
        ("WHERE row = 5", "entry_row"),
        ("WHERE row IS NULL AND file = 'f'", "entry_file"),
        ("WHERE destination_key = x'00'", "entry_destination"),
    ):
        plan = str(connection.execute("EXPLAIN QUERY PLAN SELECT * FROM entry " + query).fetchall())  # noqa: S608 - constants
        assert index in plan
        assert ("B-TREE" in plan) == (index == "entry_session")
