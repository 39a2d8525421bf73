"""One TLS connection as a transport of asyncio's that encrypts straight from the part's memory into the socket.

asyncio and uvloop let OpenSSL write into memory, copy that into an object, and hand this to the socket: two copies of
every byte, on the one thread that everything waits for. Here OpenSSL has the socket itself. Both it and the kernel work
without the interpreter's lock, so that threads go on hashing.

For event loops that can watch a socket. Must not know HTTP, or who is connected to.
"""

from __future__ import annotations

import asyncio
import collections
import errno
import socket
import ssl
import sys
from contextlib import suppress
from typing import Any, cast

from asyncup.vault.cork import Cork
from asyncup.vault.tls_handshake import shake_hands

__all__ = ["TlsConnection"]

_READ_SIZE = 2**16
_READ_IN_A_ROW = 2**18
"""Bytes that are read before other tasks get their turn."""

_PIECE = 2**23 if sys.platform == "linux" else 2**16
"""Bytes that OpenSSL is given in one call. It says that it took all of them or none: where the kernel does not count
what it took, this is how finely a slow line's progress is seen."""

_HIGH, _LOW = 2**16, 2**14
"""asyncio's own limits for bytes that wait: above the first a writer is told to pause, at the second to go on."""

_FULL = (ssl.SSLWantWriteError, BlockingIOError, InterruptedError)
_EMPTY = (ssl.SSLWantReadError, BlockingIOError, InterruptedError)


class TlsConnection(asyncio.Transport):
    """See `asyncio.Transport`. Use `opened`.

    What is written is not copied: the memory must keep its bytes until it is taken, or until `abort`.
    """

    def __init__(self, secured: ssl.SSLSocket, context: ssl.SSLContext, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._socket, self._cork = secured, Cork(secured)
        self._context = context
        self._protocol = protocol
        self._waiting: collections.deque[memoryview] = collections.deque()
        self._waiting_bytes = 0
        self._high, self._low = _HIGH, _LOW
        self._is_paused = self._is_reading = self._is_watching_room = self._is_watching_input = False
        self._is_closing = self._is_lost = False
        # TLS has messages of its own: to read on OpenSSL may have to write one, and the other way round.
        self._reads_when_there_is_room = self._writes_when_something_came = False

    @classmethod
    async def opened(
        cls, connected: socket.socket, context: ssl.SSLContext, server_hostname: str, protocol: asyncio.Protocol
    ) -> TlsConnection:
        """Return a connection whose handshake is done, and which has told the protocol.

        Args:
            connected: a socket that does not block; it belongs to the connection, and is closed when this fails.
            context: says whom to trust.
            server_hostname: whom the certificate must name.
            protocol: gets what arrives.

        Raises:
            ssl.SSLError: the certificate or the handshake was refused.
            OSError: the connection broke.
        """
        try:
            secured = context.wrap_socket(
                connected, server_hostname=server_hostname, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
        except BaseException:
            connected.close()
            raise
        try:
            await shake_hands(secured)
        except BaseException:
            secured.close()
            raise
        made = cls(secured, context, protocol)
        protocol.connection_made(made)
        made.resume_reading()
        return made

    def get_extra_info(self, name: str, default: object = None) -> Any:  # noqa: ANN401 - asyncio's own
        """See `asyncio.BaseTransport`: "socket", "ssl_object", "sslcontext", "peername" and "sockname" are known."""
        if name in {"socket", "ssl_object"}:
            return self._socket
        if name == "sslcontext":
            return self._context
        if name in {"peername", "sockname"}:
            with suppress(OSError):
                return self._socket.getpeername() if name == "peername" else self._socket.getsockname()
        return default

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See `asyncio.BaseTransport`."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See `asyncio.BaseTransport`."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._is_closing

    # Reading

    def is_reading(self) -> bool:
        """See `asyncio.ReadTransport`."""
        return self._is_reading

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._is_reading = False
        self._watch_input()

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        if not self._is_reading and not self._is_closing:
            self._is_reading = True
            self._watch_input()
            if self._socket.pending():
                self._loop.call_soon(self._read)  # what OpenSSL has already, the socket does not announce

    def _watch_input(self) -> None:
        """Let the loop tell of what comes, exactly while it is of use: it would tell again and again."""
        reads = self._is_reading and not self._reads_when_there_is_room
        wanted = (reads or self._writes_when_something_came) and not self._is_lost
        if wanted and not self._is_watching_input:
            self._loop.add_reader(self._socket.fileno(), self._input)
        elif self._is_watching_input and not wanted:
            self._loop.remove_reader(self._socket.fileno())
        self._is_watching_input = wanted

    def _input(self) -> None:
        self._write_what_waited_for_input()
        self._read()
        # What was read now may be what it waited for.
        self._write_what_waited_for_input()

    def _write_what_waited_for_input(self) -> None:
        if self._writes_when_something_came:
            self._writes_when_something_came = False
            self._room()
            self._watch_input()

    def _read(self) -> None:
        left = _READ_IN_A_ROW
        while self._is_reading and left > 0:
            try:
                received = self._socket.recv(_READ_SIZE)
            except ssl.SSLWantWriteError:
                self._reads_when_there_is_room = True
                self._watch_input()
                self._watch_room()
                return
            except _EMPTY:
                return
            except ssl.SSLEOFError:
                self._lose(_ended())
                return
            except OSError as error:
                self._lose(error)
                return
            if not received:
                self._protocol.eof_received()
                self.close()
                return
            left -= len(received)
            self._protocol.data_received(received)
        if self._is_reading and self._socket.pending():
            self._loop.call_soon(self._read)

    # Writing

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`: bytes of which OpenSSL has not said yet that they are all sent."""
        return self._waiting_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """See `asyncio.WriteTransport`."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See `asyncio.WriteTransport`."""
        if high is None:
            high = _HIGH if low is None else 4 * low
        low = high // 4 if low is None else low
        if not 0 <= low <= high:
            raise ValueError(f"high ({high}) must be at least low ({low}), and low at least 0")
        self._high, self._low = high, low

    def can_write_eof(self) -> bool:
        """See `asyncio.WriteTransport`: TLS cannot."""
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`; what the kernel takes is gone when this returns."""
        if self._is_closing:
            return
        view = memoryview(data).cast("B")
        if not view.nbytes:
            return
        self._waiting.append(view)
        self._waiting_bytes += view.nbytes
        if len(self._waiting) == 1:
            self._send()
        if self._waiting_bytes > self._high and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()

    def _send(self) -> None:
        """Encrypt and send until the kernel takes no more. What it did not take must be offered again as it was."""
        waiting = self._waiting
        while waiting:
            view = waiting[0]
            try:
                taken = self._cork.send(view[:_PIECE])
            except ssl.SSLWantReadError:
                self._writes_when_something_came = True
                self._watch_input()
                return
            except _FULL:
                self._watch_room()
                return
            except ssl.SSLEOFError:
                self._lose(_ended())
                return
            except OSError as error:
                self._lose(error.with_traceback(None))  # it holds this frame, and so the part's bytes
                return
            self._waiting_bytes -= taken
            if taken < view.nbytes:
                waiting[0] = view[taken:]
            else:
                waiting.popleft()

    def _room(self) -> None:
        self._unwatch_room()
        self._send()
        if self._is_paused and self._waiting_bytes <= self._low and not self._is_lost:
            self._is_paused = False
            self._protocol.resume_writing()
        if self._is_closing and not self._waiting:
            self._finish_politely()
        if self._reads_when_there_is_room:
            self._reads_when_there_is_room = False
            self._watch_input()
            self._read()

    def _watch_room(self) -> None:
        if not self._is_watching_room and not self._is_lost:
            self._is_watching_room = True
            self._loop.add_writer(self._socket.fileno(), self._room)

    def _unwatch_room(self) -> None:
        if self._is_watching_room:
            self._is_watching_room = False
            self._loop.remove_writer(self._socket.fileno())

    # The end

    def close(self) -> None:
        """See `asyncio.BaseTransport`: what waits is sent first."""
        if not self._is_closing:
            self.pause_reading()
            self._is_closing = True
            if not self._waiting:
                self._finish_politely()

    def abort(self) -> None:
        """See `asyncio.WriteTransport`: what waits is dropped, and its memory let go, before this returns."""
        self._lose(None)

    def _lose(self, error: OSError | None) -> None:
        self.pause_reading()
        self._is_closing = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._finish(error)

    def _finish_politely(self) -> None:
        """Say goodbye, without waiting for the answer."""
        if not self._is_lost:
            with suppress(OSError, ValueError):
                # What came meanwhile: left unread it makes the kernel send a reset, and the peer lose what we sent.
                for _ in range(0, _READ_IN_A_ROW, _READ_SIZE):
                    self._socket.recv(_READ_SIZE)
            with suppress(OSError, ValueError):
                self._socket.unwrap()
            self._finish(None)

    def _finish(self, error: OSError | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._watch_input()
            self._unwatch_room()
            self._loop.call_soon(self._end, error)

    def _end(self, error: OSError | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._socket.close()


def _ended() -> ConnectionResetError:
    """Python says SSLEOFError of a reset, too. Without a goodbye nobody knows whether more was to come."""
    return ConnectionResetError(errno.ECONNRESET, "the connection ended without TLS saying so")
