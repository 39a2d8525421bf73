"""One thread that owns the journal's connection, and writes what many lanes want to have written in groups.

Everything asked for while a group is being written forms the next one: with fifty lanes one wait for the disk serves
fifty records. Each operation of a group succeeds or fails alone; what comes back has been committed and synced.

The database is in WAL mode with `synchronous=FULL`. After kill -9 nothing that was committed is missing, which NORMAL
would promise too; FULL holds it after a power cut as well, for one more fsync per group: a forgotten upload session is
one of the 50 that a whole Vault has. Must not know the tables.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread

from asyncup.bulk.errors import JournalUnusable
from asyncup.errors import AsyncupError

__all__ = ["MOST_IN_GROUP", "JournalWriter", "Operation"]

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

MOST_IN_GROUP: Final = 256


class _Request:
    """An operation that somebody waits for, and what came of it."""

    def __init__(self, operation: Operation[Any]) -> None:
        self.operation = operation
        self.settled = anyio.Event()
        self.result: Any = None
        self.error: BaseException | None = None


class JournalWriter:
    """Runs operations on a connection, one after the other, in a thread of its own.

    Args:
        connect: opens the connection; called in the thread.
        after_group: called in the thread when a group is committed, to see what it led to.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], after_group: Callable[[sqlite3.Connection], None]
    ) -> None:
        self._connect = connect
        self._after_group = after_group
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._token = anyio.lowlevel.current_token()
        self._thread = threading.Thread(target=self._run, name="asyncup-journal", daemon=True)
        self._closed = False
        self.groups = 0

    async def start(self) -> None:
        """Start the thread and open the connection.

        Raises:
            AsyncupError: what `connect` raised.
        """
        self._thread.start()
        await self.run(lambda _: None)

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation, and return what it returned once its group is on the disk.

        An operation that raises has changed nothing. One whose caller is cancelled is done all the same.

        Raises:
            JournalUnusable: the database or its disk failed.
        """
        if self._closed:
            raise JournalUnusable("the journal is closed", hint="Open it again")
        request = _Request(operation)
        self._requests.put(request)
        await request.settled.wait()
        if request.error is not None:
            raise request.error
        result: T = request.result
        return result

    async def close(self) -> None:
        """Write what is still asked for, close the connection and wait until the thread has ended."""
        if self._closed:
            return
        self._closed = True
        self._requests.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join)

    # In the thread.

    def _run(self) -> None:
        try:
            connection = self._connect()
        except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
            self._refuse_all(error)
            return
        try:
            while (group := self._next_group()) is not None:
                self._write(connection, group)
                self._settle(group)
        finally:
            connection.close()

    def _next_group(self) -> list[_Request] | None:
        """Wait for a request, and take with it whatever else is there. None at the end."""
        first = self._requests.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MOST_IN_GROUP:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._requests.put(None)  # for the next turn: nothing comes behind it
                break
            group.append(request)
        return group

    def _write(self, connection: sqlite3.Connection, group: list[_Request]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for request in group:
                _attempt(connection, request)
            connection.execute("COMMIT")
            self._after_group(connection)
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for request in group:
                request.error = unusable(error)
        self.groups += 1

    def _settle(self, group: list[_Request]) -> None:
        def settle() -> None:
            for request in group:
                request.settled.set()

        try:
            anyio.from_thread.run_sync(settle, token=self._token)
        except RuntimeError:
            return  # the event loop has ended, and with it all who waited

    def _refuse_all(self, error: BaseException) -> None:
        while (request := self._requests.get()) is not None:
            request.error = error
            self._settle([request])


def _attempt(connection: sqlite3.Connection, request: _Request) -> None:
    """Run one operation of a group. When it fails, what it changed is taken back, and the group goes on."""
    connection.execute("SAVEPOINT operation")
    try:
        request.result = request.operation(connection)
    except sqlite3.OperationalError:
        raise  # a full or failing disk: nothing of the group can be promised
    except Exception as error:  # noqa: BLE001 - it is handed to whoever waits
        connection.execute("ROLLBACK TO operation")
        request.error = unusable(error) if isinstance(error, sqlite3.DatabaseError) else error
    connection.execute("RELEASE operation")


def unusable(error: sqlite3.Error) -> AsyncupError:
    """Return the exception for a database that failed."""
    failure = JournalUnusable(f"the journal cannot be read or written: {error}", hint="Check its disk, then run again")
    failure.__cause__ = error
    return failure
