"""Payloads as aiohttp takes them: written as memoryview slices, without a copy of ours.

aiohttp would take a whole part in one piece, which blocks the event loop while TLS encrypts it. Must not know requests,
answers or Vault.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import ParamSpec

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from asyncup.protocol.standstill import Waiting
from asyncup.vault.exchange import Exchange
from asyncup.vault.slice_size import SLICE, SliceSize
from asyncup.vault.tls_connection import TlsConnection
from asyncup.vault.transport import Body
from asyncup.vault.unlocked_write import UnlockedWrite

__all__ = ["Payloads"]

P = ParamSpec("P")

_HOLD_LOOP_S = 0.002
"""How long slices are written in a row before other tasks get their turn."""


class Payloads:
    """Makes payloads, and has what those to one server know of each other.

    Attributes:
        slice_bytes: what the last one learned that its slices should have, also if it broke: the next one begins so.
        under_way: how many are being written.
    """

    def __init__(self) -> None:
        self.slice_bytes = SLICE
        self.under_way = 0

    def of(self, body: Body, exchange: Exchange) -> aiohttp.Payload:
        """Return the payload that `body` is in `exchange`, which is told how far it is."""
        return _SlicedPayload(body, exchange, self)


class _SlicedPayload(aiohttp.Payload):
    """Writes a `Body` slice by slice, awaiting the transport's flow control after each one.

    The first slice is small: aiohttp joins it with the headers into one write, and so into one segment.

    Args:
        body: the payload.
        exchange: told how far it is.
        all_: this one, and the others to the same server.
    """

    def __init__(self, body: Body, exchange: Exchange, all_: Payloads) -> None:
        super().__init__(body, content_type="application/octet-stream")
        self._size = body.length
        self._body = body
        self._exchange = exchange
        self._all = all_

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - the base class's
        raise TypeError("a part's payload is bytes, and is never turned into text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        exchange = self._exchange
        connection = getattr(writer, "transport", None)
        exchange.writes_to(connection)
        size = SliceSize(self._all.slice_bytes)
        self._all.under_way += 1
        try:
            await self._write_slices(writer, UnlockedWrite(connection), size)
        finally:
            self._all.under_way -= 1
            if size.is_learned:
                self._all.slice_bytes = size.bytes
        self._tell(exchange.sent)

    async def _write_slices(self, writer: AbstractStreamWriter, unlocked: UnlockedWrite, size: SliceSize) -> None:
        exchange, meter, on_written = self._exchange, self._exchange.meter, self._exchange.on_written
        since = time.perf_counter()
        slices, left = self._body.slices(), self._body.length
        grows = unlocked.possible or isinstance(getattr(writer, "transport", None), TlsConnection)
        of_size = slices.asend if grows and isinstance(slices, AsyncGenerator) else None
        head_is_out = False  # aiohttp has it, and writes it with the first slice
        while True:
            exchange.waiting = Waiting.OURSELVES
            try:
                view = await (of_size(size.bytes) if of_size is not None and head_is_out else anext(slices))
            except StopAsyncIteration:
                break
            except Exception as error:
                exchange.body_error = error  # aiohttp would take it for a broken connection
                raise
            exchange.waiting = Waiting.NETWORK
            meter.handed += view.nbytes
            begun = time.perf_counter()
            taken = unlocked.write(view, waits=self._all.under_way == 1) if head_is_out else 0
            if taken < view.nbytes:
                await writer.write(view[taken:])
            now = time.perf_counter()
            size.took(view.nbytes, now - begun)
            left -= view.nbytes
            head_is_out = True
            if on_written is not None:
                self._tell(on_written, view.nbytes)
            if left and now - since > _HOLD_LOOP_S:
                # A fast peer never makes the transport pause, and then nothing above gives way to other tasks. Not
                # after the last slice: the answer could come before this has ended, and then aiohttp would not have
                # the connection back by the time that the next request asks for one, and would make another.
                await asyncio.sleep(0)
                since = time.perf_counter()

    def _tell(self, whom: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            whom(*args, **kwargs)
        except Exception as error:
            self._exchange.body_error = error  # kept for the same reason as the body's own
            raise
