"""The cork is in while something is sent and out afterwards, whatever happens, and only where it helps."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest

from asyncup.vault.cork import Cork

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
RECORD = 2**14


@contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection over the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        with theirs:
            yield ours, theirs


def is_in(connected: socket.socket) -> bool:
    return bool(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK))


class Sending:
    """A connection as OpenSSL's is: it sends in pieces of a record, and remembers whether the cork was in."""

    def __init__(self, connected: socket.socket, error: OSError | None = None) -> None:
        self._connected = connected
        self._error = error
        self.corked: list[bool] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._connected, name)

    def send(self, view: memoryview) -> int:
        """See `socket.socket.send`."""
        for begin in range(0, view.nbytes, RECORD):
            self.corked.append(is_in(self._connected))
            self._connected.send(view[begin : begin + RECORD])
        if self._error is not None:
            raise self._error
        return view.nbytes


def sending(connected: socket.socket, error: OSError | None = None) -> tuple[Sending, Cork]:
    seen = Sending(connected, error)
    return seen, Cork(cast("socket.socket", seen))


@linux
def test_it_is_in_while_several_records_are_sent_and_all_of_them_go_out() -> None:
    content = memoryview(bytes(3 * RECORD + 1))
    with connection() as (ours, theirs):
        seen, cork = sending(ours)
        assert cork.send(content) == content.nbytes
        assert seen.corked == [True] * 4
        assert not is_in(ours)
        theirs.settimeout(10)
        assert len(theirs.recv(content.nbytes, socket.MSG_WAITALL)) == content.nbytes


@linux
def test_it_is_out_again_after_a_mebibyte() -> None:
    """With more at once both ends may need half as much again."""
    content, begun = memoryview(bytes(2**20 + 2 * RECORD)), 0
    with connection() as (ours, theirs), ThreadPoolExecutor(1) as reader:
        received = reader.submit(theirs.recv, content.nbytes, socket.MSG_WAITALL)
        _, cork = sending(ours)
        lengths = []
        while begun < content.nbytes:
            lengths.append(cork.send(content[begun:]))
            begun += lengths[-1]
            assert not is_in(ours)
        assert lengths == [2**20, 2 * RECORD]
        assert len(received.result()) == content.nbytes


@linux
def test_a_single_record_needs_none() -> None:
    with connection() as (ours, _):
        seen, cork = sending(ours)
        assert cork.send(memoryview(bytes(RECORD))) == RECORD
        assert seen.corked == [False]


@linux
def test_it_is_out_when_the_socket_is_full() -> None:
    """Who waits for room would wait for what the kernel holds back."""
    with connection() as (ours, _):
        seen, cork = sending(ours, BlockingIOError())
        with pytest.raises(BlockingIOError):
            cork.send(memoryview(bytes(2 * RECORD)))
        assert seen.corked == [True, True]
        assert not is_in(ours)


@linux
def test_the_send_buffer_is_small_where_it_is_used() -> None:
    with connection() as (ours, _):
        Cork(ours)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2**18


@linux
@pytest.mark.parametrize("where", ["192.0.2.1", "2001:db8::1"])
def test_elsewhere_nothing_is_set(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection() as (ours, _):
        before = ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        monkeypatch.setattr(socket.socket, "getpeername", lambda _: (where, 443))
        seen, cork = sending(ours)
        cork.send(memoryview(bytes(2 * RECORD)))
        assert seen.corked == [False, False]
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before


@linux
def test_what_is_not_connected_has_none() -> None:
    with socket.socket() as unconnected:
        before = unconnected.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        Cork(unconnected)
        assert unconnected.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before


def test_what_is_not_tcp_has_none() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert Cork(ours).send(memoryview(bytes(2 * RECORD))) > 0


def test_a_connection_that_broke_says_so_itself() -> None:
    with connection() as (ours, _):
        cork = Cork(ours)
        ours.close()
        with pytest.raises(OSError, match=r"file descriptor|not a socket"):
            cork.send(memoryview(bytes(2 * RECORD)))


def test_another_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection() as (ours, _):
        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.delattr(socket, "TCP_CORK", raising=False)
        assert Cork(ours).send(memoryview(bytes(2 * RECORD))) > 0
