"""The journal's thread: groups, and operations that fail alone."""

import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from asyncup.bulk.errors import JournalUnusable
from asyncup.bulk.journal.writer import MOST_IN_GROUP, JournalWriter


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[JournalWriter]:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(tmp_path / "w.db", isolation_level=None)
        connection.execute("CREATE TABLE t (x UNIQUE)")
        return connection

    writer = JournalWriter(connect, lambda _: None)
    await writer.start()
    yield writer
    await writer.close()
    assert "asyncup-journal" not in [thread.name for thread in threading.enumerate()]


def insert(connection: sqlite3.Connection, *values: int) -> int:
    for value in values:
        connection.execute("INSERT INTO t VALUES (?)", (value,))
    return sum(values)


async def stored(writer: JournalWriter) -> list[int]:
    return [row[0] for row in await writer.run(lambda c: c.execute("SELECT x FROM t ORDER BY x").fetchall())]


async def test_what_is_asked_for_together_is_one_group(writer: JournalWriter) -> None:
    entered, go_on = threading.Event(), threading.Event()
    results = []

    def hold(connection: sqlite3.Connection) -> None:
        entered.set()
        go_on.wait()

    async def one(value: int) -> None:
        results.append(await writer.run(lambda connection: insert(connection, value)))

    before = writer.groups
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run, hold)
        await anyio.to_thread.run_sync(entered.wait)
        for value in range(MOST_IN_GROUP + 1):
            tasks.start_soon(one, value)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert writer.groups - before == 3  # the one that held, a full one, and the rest
    assert sorted(results) == await stored(writer) == list(range(MOST_IN_GROUP + 1))


async def test_one_that_fails_takes_back_its_own_and_no_others(writer: JournalWriter) -> None:
    def half(connection: sqlite3.Connection) -> None:
        insert(connection, 7, 8)
        raise ZeroDivisionError

    outcomes: dict[str, object] = {}

    async def attempt(name: str, *values: int) -> None:
        try:
            outcomes[name] = await writer.run(lambda c: insert(c, *values) if values else half(c))
        except (ZeroDivisionError, JournalUnusable) as error:
            outcomes[name] = type(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attempt, "good", 1, 2)
        tasks.start_soon(attempt, "half")
        tasks.start_soon(attempt, "twice", 3, 3)
        tasks.start_soon(attempt, "last", 4)
    assert outcomes == {"good": 3, "half": ZeroDivisionError, "twice": JournalUnusable, "last": 4}
    assert await stored(writer) == [1, 2, 4]


async def test_a_connection_that_cannot_be_made() -> None:
    def connect() -> sqlite3.Connection:
        raise JournalUnusable("no")

    writer = JournalWriter(connect, lambda _: None)
    with pytest.raises(JournalUnusable, match="no"):
        await writer.start()
    await writer.close()
    await writer.close()
    with pytest.raises(JournalUnusable, match="closed"):
        await writer.run(lambda _: None)
