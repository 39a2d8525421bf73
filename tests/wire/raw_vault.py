"""A Vault in memory behind a raw socket: its answers are right, and the way they are given is as wrong as one likes.

    vault = RawVault()
    vault.misbehave("PUT", half_an_answer, nth=2)
    async with vault.served() as server: ... Vault(server.url, ...) ...

A misbehaviour gets the connection, and the answer that would have been right when it asks for it. It returns True when
the connection can be used for another request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from asyncup.protocol.answers import Answer
from asyncup.vault.transport import HttpRequest
from tests.fakes.memory_body import MemoryBody
from tests.fakes.memory_vault import MemoryVault
from tests.fakes.raw_server import Connection, RawServer, raw_server

__all__ = ["Exchange", "Misbehaviour", "RawVault", "http_bytes"]


@dataclass
class Exchange:
    """One request, whose head is read and whose body is still to come."""

    connection: Connection
    line: str
    headers: str
    _memory: MemoryVault

    async def done(self) -> Answer:
        """Read the body, let the Vault do what it is asked, and return its answer."""
        request = await self.connection.read_rest(self.line, self.headers)
        method, target, _ = self.line.split(" ")
        headers = dict(line.split(": ", 1) for line in self.headers.split("\r\n") if line)
        body = MemoryBody(request.body) if request.body else None
        return await self._memory.send(HttpRequest("a request", method, target, headers, body))

    async def send(self, *pieces: bytes) -> None:
        """Send bytes."""
        for piece in pieces:
            await self.connection.send(piece)


Misbehaviour = Callable[[Exchange], Awaitable[bool]]


def http_bytes(answer: Answer, *, version: str = "1.1", length: int | None = None) -> bytes:
    """Return an answer as it is written, with its true length or another."""
    head = [f"HTTP/{version} {answer.status} OK", *(f"{name}: {value}" for name, value in answer.headers.items())]
    head.append(f"Content-Length: {len(answer.body) if length is None else length}")
    return "\r\n".join([*head, "", ""]).encode() + answer.body


@dataclass
class RawVault:
    """What there is to be asked, and what goes wrong with which request."""

    memory: MemoryVault = field(default_factory=MemoryVault)
    struck: int = 0
    _due: list[tuple[str, int, bool, Misbehaviour]] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def misbehave(self, which: str, how: Misbehaviour, *, nth: int = 1, for_ever: bool = False) -> None:
        """Let the nth request whose line has `which` in it go wrong, and if `for_ever` those after it."""
        self._due.append((which, nth, for_ever, how))

    @asynccontextmanager
    async def served(self) -> AsyncIterator[RawServer]:
        """Listen."""
        async with raw_server(self._serve) as server:
            yield server

    async def _serve(self, connection: Connection) -> None:
        while True:
            try:
                line, headers = await connection.read_head()
            except (anyio.EndOfStream, anyio.IncompleteRead):
                return
            exchange = Exchange(connection, line, headers, self.memory)
            how = self._misbehaviour(line)
            if how is None:
                await exchange.send(http_bytes(await exchange.done()))
            elif not await how(exchange):
                return

    def _misbehaviour(self, line: str) -> Misbehaviour | None:
        for which, nth, for_ever, how in self._due:
            if which not in line:
                continue
            self._counts[which] += 1
            if self._counts[which] == nth or (for_ever and self._counts[which] > nth):
                self.struck += 1
                return how
        return None
