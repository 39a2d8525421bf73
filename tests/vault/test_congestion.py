"""Connections have the congestion control that was asked for; one that is not there is refused at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from asyncup import TokenLogin, Vault
from asyncup.emulator import EmulatorConfig, running_emulator
from asyncup.errors import ConfigurationError
from asyncup.vault import congestion
from asyncup.vault.congestion import AddressInfo, SocketFactory, sockets_with

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


@can_choose
async def test_requests_go_through_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    choose = congestion.sockets_with

    def witnessed(name: str) -> SocketFactory:
        factory = choose(name)

        def make(address: AddressInfo) -> socket.socket:
            opened = factory(address)
            made.append(used_by(opened))
            return opened

        return make

    monkeypatch.setattr("asyncup.vault.aiohttp_transport.sockets_with", witnessed)
    async with (
        running_emulator(EmulatorConfig(token="T")) as emulator,
        Vault(emulator.url, TokenLogin("T"), congestion_control="reno") as vault,
    ):
        assert await vault.list_upload_sessions() == []
    assert made == ["reno"]


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
