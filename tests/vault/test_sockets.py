"""Sockets have the congestion control that was asked for, and a small send buffer where the peer is this machine."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest

from asyncup import TokenLogin, Vault
from asyncup.emulator import EmulatorConfig, running_emulator
from asyncup.errors import ConfigurationError
from asyncup.vault import sockets
from asyncup.vault.sockets import AddressInfo, SocketFactory, sockets_with

T = TypeVar("T")

can_choose = pytest.mark.skipif(not hasattr(socket, "TCP_CONGESTION"), reason="this system lets nobody choose")
ANY: AddressInfo = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ())


def used_by(made: socket.socket) -> str:
    return made.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()


@can_choose
def test_every_socket_has_it() -> None:
    allowed = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control").read_text(encoding="ascii").split()
    for name in allowed:
        with sockets_with(name)(ANY) as made:
            assert used_by(made) == name
            assert not made.getblocking()


async def seen_in_a_request(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[socket.socket], T], congestion_control: str | None
) -> list[T]:
    """What `look` sees in each socket that a request to an emulator makes, before that connects."""
    seen: list[T] = []
    choose = sockets.sockets_with

    def witnessed(name: str | None) -> SocketFactory:
        factory = choose(name)

        def make(address: AddressInfo) -> socket.socket:
            made = factory(address)
            seen.append(look(made))
            return made

        return make

    monkeypatch.setattr("asyncup.vault.aiohttp_transport.sockets_with", witnessed)
    async with (
        running_emulator(EmulatorConfig(token="T")) as emulator,
        Vault(emulator.url, TokenLogin("T"), congestion_control=congestion_control) as vault,
    ):
        assert await vault.list_upload_sessions() == []
    return seen


@can_choose
async def test_requests_go_through_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await seen_in_a_request(monkeypatch, used_by, "reno") == ["reno"]


@can_choose
@pytest.mark.parametrize("name", ["no-such-thing", "", "bbr\0x", "zürich"])
def test_what_is_not_there_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used") as refused:
        Vault("https://vault.example", TokenLogin("T"), congestion_control=name)
    assert "sysctl" in str(refused.value)


def test_a_system_without_the_choice_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_CONGESTION", raising=False)
    with pytest.raises(ConfigurationError, match="lets no program choose"):
        sockets_with("bbr")


def send_buffer(made: socket.socket) -> int:
    return made.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def to(host: str) -> AddressInfo:
    return (*ANY[:-1], (host, 443))  # nothing is connected: IPv6 need not be there


@pytest.mark.skipif(sys.platform != "linux", reason="measured on Linux only")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.4.5.6", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("congestion_control", [None, "reno"])
def test_a_peer_on_this_machine_is_sent_what_a_core_can_keep_near(host: str, congestion_control: str | None) -> None:
    asked = 5 * 2**16
    with socket.socket() as expected, sockets_with(congestion_control)(to(host)) as made:
        expected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, asked)
        assert send_buffer(made) == send_buffer(expected) <= 2 * asked
        assert not made.getblocking()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "fe80::1%lo", "::ffff:192.0.2.1", "vault.example"])
def test_a_peer_elsewhere_has_the_send_buffer_that_the_kernel_makes_for_its_line(host: str) -> None:
    with socket.socket() as untouched, sockets_with(None)(to(host)) as made:
        assert send_buffer(made) == send_buffer(untouched)
        assert not made.getblocking()


class Refusing(socket.socket):
    """A socket that lets nobody set it."""

    made: ClassVar[list[socket.socket]] = []

    def __init__(self, *args: int) -> None:
        super().__init__(*args)
        self.made.append(self)

    def setsockopt(self, *_: object) -> None:
        """See `socket.socket.setsockopt`."""
        raise OSError("no")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """All sockets that are made refuse to be set."""
    monkeypatch.setattr(socket, "socket", Refusing)
    monkeypatch.setattr(sys, "platform", "linux")
    sockets._allows.cache_clear()
    yield Refusing.made
    for each in Refusing.made:
        each.close()
    Refusing.made.clear()
    sockets._allows.cache_clear()


@can_choose
def test_a_socket_that_cannot_be_set_as_it_was_wished_is_not_left_open(
    monkeypatch: pytest.MonkeyPatch, refusing: list[socket.socket]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Refusing, "setsockopt", lambda *_: None)
        make = sockets_with("reno")
    with pytest.raises(OSError, match="no"):
        make(to("192.0.2.1"))
    assert len(refusing) == 2
    assert [each.fileno() for each in refusing] == [-1, -1]


def test_a_sandbox_that_lets_nobody_set_the_send_buffer_does_not_matter(refusing: list[socket.socket]) -> None:
    made = sockets_with(None)(to("127.0.0.1"))
    assert made in refusing
    assert made.fileno() >= 0
    assert not made.getblocking()


@pytest.mark.skipif(sys.platform != "linux", reason="measured on Linux only")
def test_a_system_that_allows_less_has_the_next_send_buffer_or_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much less would be worse than what the kernel makes, and would be set for good."""
    monkeypatch.setattr(sockets, "_NEAR_SEND_BUFFERS", (2**30, 2**17))
    with socket.socket() as expected, sockets_with(None)(to("127.0.0.1")) as made:
        expected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**17)
        assert send_buffer(made) == send_buffer(expected)
    monkeypatch.setattr(sockets, "_NEAR_SEND_BUFFERS", (2**30,))
    with socket.socket() as untouched, sockets_with(None)(to("127.0.0.1")) as made:
        assert send_buffer(made) == send_buffer(untouched)


async def test_without_a_choice_requests_go_through_such_sockets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with sockets_with(None)(to("127.0.0.1")) as expected:
        assert await seen_in_a_request(monkeypatch, send_buffer, None) == [send_buffer(expected)]
