"""The way to the Vault: a name that is not known, a port that is closed, TLS with and without a proxy."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from asyncup.cli.doctor import network
from asyncup.cli.doctor.finding import Finding, Status
from asyncup.cli.doctor.network import look_at_dns, look_at_tcp, look_at_tls, named
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.vault_options import VaultOptions
from asyncup.protocol.address import parse_address


def visit_to(url: str, proxy: str | None = None) -> Visit:
    return Visit(options=VaultOptions(), address=parse_address(url), proxy=proxy)


class Listener:
    """Accepts connections in a thread and lets a subclass answer each."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.heads: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(10)
                self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        raise NotImplementedError

    def close(self) -> None:
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self._thread.join()


class TlsServer(Listener):
    """Shakes hands, and nothing else."""

    def __init__(self, authority: trustme.CA) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost", "127.0.0.1", common_name="a vault").configure_cert(self.context)
        super().__init__()

    def answer(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)


class Proxy(Listener):
    """Joins whoever says CONNECT with the port they name; or says what it is told to say."""

    def __init__(self, says: bytes | None = None) -> None:
        self.says = says
        super().__init__()

    def answer(self, connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            received = connection.recv(4096)
            if not received:  # only a look whether somebody is here
                return
            head += received
        self.heads.append(head)
        if self.says is not None:
            connection.sendall(self.says)
            return
        host, port = head.split(b" ")[1].decode().split(":")
        with socket.create_connection((host, int(port))) as onward:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
            back = threading.Thread(target=pump, args=(onward, connection))
            back.start()
            pump(connection, onward)
            back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this process trusts."""
    authority = trustme.CA(organization_name="Test Authority")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setattr(network, "system_trust", lambda: ssl.create_default_context(cafile=tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def tls_server(trusted: trustme.CA) -> Iterator[TlsServer]:
    server = TlsServer(trusted)
    yield server
    server.close()


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    server = Proxy(getattr(request, "param", None))
    yield server
    server.close()


def said(finding: Finding) -> str:
    return f"{finding.seen} {finding.advice}"


async def test_a_name_is_looked_up() -> None:
    finding = await look_at_dns(visit_to("http://localhost:1"))
    assert finding.status is Status.OK
    assert "localhost is " in finding.seen


async def test_a_name_that_nobody_knows() -> None:
    finding = await look_at_dns(visit_to("http://nobody.invalid"))
    assert (finding.status, finding.code) == (Status.FAIL, 5)
    assert "nobody.invalid: " in finding.seen
    assert "VPN" in finding.advice


async def test_a_port_that_answers_and_one_that_does_not(tls_server: TlsServer, free_tcp_port: int) -> None:
    assert "answers in" in (await look_at_tcp(visit_to(f"http://127.0.0.1:{tls_server.port}"))).seen
    finding = await look_at_tcp(visit_to(f"http://127.0.0.1:{free_tcp_port}"))
    assert (finding.status, finding.code) == (Status.FAIL, 5)
    assert "a firewall" in finding.advice.lower()


async def test_with_a_proxy_the_proxy_is_the_first_hop(proxy: Proxy) -> None:
    visit = visit_to("https://nobody.invalid", f"http://me:hunter2@127.0.0.1:{proxy.port}")
    for look in (look_at_dns, look_at_tcp):
        finding = await look(visit)
        assert finding.status is Status.OK
        assert "127.0.0.1" in finding.seen
        assert "hunter2" not in said(finding)


async def test_without_tls_there_is_nothing_to_see() -> None:
    assert (await look_at_tls(visit_to("http://127.0.0.1:1"))).status is Status.SKIPPED


async def test_a_certificate_is_shown(tls_server: TlsServer) -> None:
    finding = await look_at_tls(visit_to(f"https://127.0.0.1:{tls_server.port}"))
    assert finding.status is Status.OK
    assert "certificate for a vault, signed by Test Authority" in finding.seen


async def test_a_certificate_is_shown_through_a_proxy(tls_server: TlsServer, proxy: Proxy) -> None:
    visit = visit_to(f"https://127.0.0.1:{tls_server.port}", f"http://me:a%40b@127.0.0.1:{proxy.port}")
    finding = await look_at_tls(visit)
    assert finding.status is Status.OK
    assert "signed by Test Authority" in finding.seen
    assert f"CONNECT 127.0.0.1:{tls_server.port} HTTP/1.1".encode() in proxy.heads[0]
    assert b"Proxy-Authorization: Basic bWU6YUBi\r\n" in proxy.heads[0]


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy says HTTP/1.1 407 Proxy Auth"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the proxy says SSH-2.0"),
        (b"", "does not answer as one"),
    ],
    indirect=["proxy"],
)
async def test_a_proxy_that_refuses(proxy: Proxy, words: str) -> None:
    finding = await look_at_tls(visit_to("https://v.example.com", f"http://me:hunter2@127.0.0.1:{proxy.port}"))
    assert (finding.status, finding.code) == (Status.FAIL, 5)
    assert words in finding.seen
    assert "hunter2" not in said(finding)


async def test_a_certificate_that_nobody_trusts(tls_server: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "system_trust", ssl.create_default_context)
    finding = await look_at_tls(visit_to(f"https://127.0.0.1:{tls_server.port}"))
    assert (finding.status, finding.code) == (Status.FAIL, 15)
    assert "not accepted" in finding.seen
    assert "trust store" in finding.advice


async def test_a_server_that_speaks_no_tls() -> None:
    class Plain(Listener):
        def answer(self, connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(65536)

    server = Plain()
    try:
        finding = await look_at_tls(visit_to(f"https://127.0.0.1:{server.port}"))
    finally:
        server.close()
    assert (finding.status, finding.code) == (Status.FAIL, 15)
    assert "no TLS" in finding.seen


def test_names_of_certificates() -> None:
    subject = ((("organizationName", "Org"),), (("commonName", "cn"),))
    assert named(subject, ("commonName",)) == "cn"
    assert named(subject, ("none", "organizationName")) == "Org"
    assert named((), ("commonName",)) == "nobody"
