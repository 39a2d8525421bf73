"""One request under way: how far it has come, the timer that watches it, and the words for its standing still.

One timer for each exchange, nothing for each slice: writing sets two plain attributes. What a look means is decided in
`protocol.standstill`. Must not know the HTTP library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import anyio

from asyncup.errors import Phase, TransportError, VaultUnreachable
from asyncup.protocol.standstill import Finding, Standstill, Waiting
from asyncup.vault.transport import HttpRequest
from asyncup.vault.wire_meter import WireMeter

__all__ = ["AGAIN", "AWAY", "Exchange"]

AWAY = "Check the Vault's DNS name, the network and the proxy, then run it again"
AGAIN = "What Vault holds of an upload session stays: upload() continues it"


class Exchange:
    """One request under way, watched from its making on until `end`, which must be called.

    Args:
        request: the request.
        now: seconds of a clock that never goes back.
        wall: Unix seconds.

    Attributes:
        phase: how far it has come.
        waiting: what it waits for.
        scope: cancelled when it stands still.
        body_error: an exception of the body's or of a hook's.
        connection: what a payload is written to.
        meter: counts what that connection took.
        on_written: to be told of every slice of a payload that the network took.
    """

    def __init__(self, request: HttpRequest, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self._request = request
        self._now = now
        self._wall = wall
        patience = request.patience
        self._standstill = Standstill(patience.stall_s, patience.answer_s, now=now(), wall=wall())
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._standstill.look_every_s, self._look)
        self._received = 0
        self._found = Finding.MOVES
        self.phase = Phase.CONNECT
        self.waiting = Waiting.NETWORK
        self.scope = anyio.CancelScope()
        self.body_error: Exception | None = None
        self.connection: asyncio.WriteTransport | None = None
        self.meter = WireMeter(None)
        self.on_written = request.on_written

    @property
    def all_sent(self) -> bool:
        """True when nothing of the request is left to be sent."""
        return self.phase is Phase.ANSWER

    def end(self, *, answered: bool) -> None:
        """Watch no more, and drop what the connection still has to send: closing it would send it first."""
        self._timer.cancel()
        if self.connection is not None and not (answered and self.all_sent):
            # asyncio's own, lost after it had been closed with bytes left to send, trips over what it has forgotten.
            with suppress(AttributeError):
                self.connection.abort()

    def queued(self) -> None:
        """All connections are in use by other lanes: that is our own limit, and no fault of the network."""
        self.waiting = Waiting.OURSELVES

    def dequeued(self) -> None:
        """There is room for a connection."""
        self.waiting = Waiting.NETWORK

    def connected(self) -> None:
        """A connection is there; from here on something may have been sent, and a small body is with the head."""
        self.phase = Phase.WRITE
        self._received += 1
        if self._request.body is None or isinstance(self._request.body, bytes):
            self.sent()

    def writes_to(self, connection: asyncio.WriteTransport | None) -> None:
        """A payload is about to be written."""
        self.phase = Phase.WRITE
        self.connection = connection
        self.meter = WireMeter(connection)

    def sent(self) -> None:
        """Everything is handed over, or will be at once; the answer may take longer than a slice."""
        self.phase = Phase.ANSWER
        self.waiting = Waiting.ANSWER
        if self._request.on_sent is not None:
            self._request.on_sent()

    def received(self, length: int) -> None:
        """A piece of the answer came; 0 for its head."""
        self._received += length + 1

    def stood_still(self) -> TransportError:
        """Return the exception for an exchange that was given up."""
        operation, patience = self._request.operation, self._request.patience
        if self._found is Finding.SLEPT:
            reason = "this machine slept, or its clock jumped"
        elif self.phase is Phase.CONNECT:
            reason = f"no connection within {patience.stall_s:g} s"
        elif self._found is Finding.UNANSWERED:
            reason = f"no answer within {patience.answer_s:g} s"
        else:
            reason = f"no byte was taken for {patience.stall_s:g} s"
        if self.phase is Phase.CONNECT:
            error: TransportError = VaultUnreachable(operation, self.phase, reason, hint=AWAY)
        else:
            error = TransportError(operation, self.phase, reason, hint=AGAIN)
        error.unanswered = self._found is Finding.UNANSWERED
        return self.marked(error)

    def marked(self, error: TransportError) -> TransportError:
        """Note in an exception whether this machine slept meanwhile: a connection that broke then says little."""
        error.slept = self._standstill.check_sleep(now=self._now(), wall=self._wall())
        return error

    def _look(self) -> None:
        moved, unsent = self.meter.read()
        self._found = self._standstill.look(
            self.waiting, moved + self._received, unsent=unsent, now=self._now(), wall=self._wall()
        )
        if self._found is Finding.MOVES:
            self._timer = self._loop.call_later(self._standstill.look_every_s, self._look)
        else:
            self.scope.cancel()
