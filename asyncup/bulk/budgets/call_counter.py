"""API calls counted, by what they do and per file: under Vault's burst limit they are the scarce thing.

Counts at the transport's seam, so that logins, repeated attempts and calls whose answer was lost count as well: Vault
counts them, too. Must not know what is done with the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from asyncup.protocol.answers import Answer
from asyncup.vault.transport import HttpRequest, Transport

__all__ = ["CallCounter", "CountingTransport", "calls_of_file"]


class CallCounter:
    """Calls by what they do."""

    def __init__(self) -> None:
        self._by_operation: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Calls in all."""
        return self._by_operation.total()

    @property
    def by_operation(self) -> Mapping[str, int]:
        """Calls by `protocol.requests.Operation`, in its words."""
        return dict(self._by_operation)

    def count(self, operation: str) -> None:
        """One more."""
        self._by_operation[operation] += 1


_file: ContextVar[CallCounter | None] = ContextVar("asyncup_file_calls", default=None)


@contextmanager
def calls_of_file() -> Iterator[CallCounter]:
    """Count what this task, and those that it starts inside, call for one file."""
    calls = CallCounter()
    token = _file.set(calls)
    try:
        yield calls
    finally:
        _file.reset(token)


@dataclass(frozen=True, slots=True)
class CountingTransport:
    """A `Transport` that counts what is sent through it: all of it in `counter`, and per file in `calls_of_file`."""

    transport: Transport
    counter: CallCounter

    async def send(self, request: HttpRequest) -> Answer:
        """See `Transport`."""
        self.counter.count(request.operation)
        calls = _file.get()
        if calls is not None:
            calls.count(request.operation)
        return await self.transport.send(request)

    async def aclose(self) -> None:
        """See `Transport`."""
        await self.transport.aclose()
