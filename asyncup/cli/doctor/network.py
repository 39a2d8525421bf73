"""Checks of the way to the Vault: name, port, TLS. They open connections of their own, to see each step alone."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio.to_thread

from asyncup.cli.doctor.configuration import without_password
from asyncup.cli.doctor.finding import Finding, failed, fine, skipped
from asyncup.cli.doctor.judgements import Certificate, judge_certificate
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.exit_codes import ExitCode
from asyncup.vault.trust import system_trust

__all__ = ["look_at_dns", "look_at_tcp", "look_at_tls", "named"]

_PATIENCE_S = 10.0
_SHOWN_ADDRESSES = 3
_LONGEST_HEAD = 65_536
_PORTS = {"http": 80, "https": 443}
_ORGANIZATION_FIRST = ("organizationName", "commonName")
_NAME_FIRST = ("commonName", "organizationName")


async def look_at_dns(visit: Visit) -> Finding:
    """Look the first hop's name up: the proxy's where there is one, else the Vault's."""
    host, port = _first_hop(visit)
    began = time.monotonic()
    try:
        found = await anyio.to_thread.run_sync(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), abandon_on_cancel=True
        )
    except OSError as error:
        return failed(
            f"{host}: {error.strerror or error}",
            "Check the name, the network, and that a VPN is up if the name is known only there",
            ExitCode.VAULT_AWAY,
        )
    took_ms = (time.monotonic() - began) * 1000
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    shown = ", ".join(addresses[:_SHOWN_ADDRESSES]) + (" ..." if len(addresses) > _SHOWN_ADDRESSES else "")
    return fine(f"{host} is {shown} ({took_ms:.0f} ms)")


async def look_at_tcp(visit: Visit) -> Finding:
    """Connect to the first hop."""
    host, port = _first_hop(visit)
    began = time.monotonic()
    try:
        connection = await anyio.to_thread.run_sync(
            lambda: socket.create_connection((host, port), _PATIENCE_S), abandon_on_cancel=True
        )
    except OSError as error:
        whose = "the proxy" if visit.proxy else "the Vault"
        return failed(
            f"{host} port {port}: {error.strerror or error}",
            f"A firewall may be in the way to {whose}; does it need a proxy (HTTPS_PROXY)?",
            ExitCode.VAULT_AWAY,
        )
    with contextlib.closing(connection):
        return fine(f"{host} port {port} answers in {(time.monotonic() - began) * 1000:.0f} ms")


async def look_at_tls(visit: Visit) -> Finding:
    """Shake hands with the Vault itself, through the proxy where there is one, and look at its certificate."""
    address = visit.needed_address()
    if not address.base_url.startswith("https:"):
        return skipped("no TLS with http:")
    url = urlsplit(address.base_url)
    host, port = url.hostname or "", url.port or _PORTS["https"]
    try:
        certificate = await anyio.to_thread.run_sync(
            lambda: _shake_hands(host, port, visit.proxy), abandon_on_cancel=True
        )
    except ssl.SSLCertVerificationError as error:
        return failed(
            f"the certificate is not accepted: {error.verify_message or error}",
            "Check the name and this clock; add a company's CA to the operating system's trust store",
            ExitCode.TLS_REFUSED,
        )
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return failed(f"no TLS: {reason}", "Is the port right, and is it a Vault?", ExitCode.TLS_REFUSED)
    except OSError as error:
        way = f" through {without_password(visit.proxy)}" if visit.proxy else ""
        seen = f"the connection{way} broke: {error.strerror or error}"
        return failed(seen, "A firewall or proxy may refuse the name", ExitCode.VAULT_AWAY)
    if certificate is None:
        return fine("the operating system accepts the certificate")
    return judge_certificate(certificate, public_name=address.dns_name is not None)


def named(fields: Sequence[Sequence[tuple[str, str]]], preferred: Sequence[str]) -> str:
    """Return the name in a subject or issuer as `ssl` gives it, the first of the `preferred` kinds that is there."""
    found = {key: value for part in fields for key, value in part}
    return next((found[kind] for kind in preferred if found.get(kind)), "nobody")


def _first_hop(visit: Visit) -> tuple[str, int]:
    url = urlsplit(visit.proxy or visit.needed_address().base_url)
    return url.hostname or "", url.port or _PORTS.get(url.scheme, _PORTS["http"])


def _shake_hands(host: str, port: int, proxy: str | None) -> Certificate | None:
    """Return the certificate after a handshake; None when only the operating system has seen it."""
    context = system_trust()
    with contextlib.closing(_tunnel(host, port, proxy) if proxy else _direct(host, port)) as connection:
        connection.settimeout(_PATIENCE_S)
        with context.wrap_socket(connection, server_hostname=host) as tls:
            fields: Mapping[str, Any] = tls.getpeercert() or {}
            if not fields:
                return None
            return Certificate(
                named(fields.get("subject", ()), _NAME_FIRST),
                named(fields.get("issuer", ()), _ORGANIZATION_FIRST),
                ssl.cert_time_to_seconds(str(fields["notAfter"])) - time.time(),
                _chain(tls),
            )


def _chain(tls: ssl.SSLSocket) -> tuple[str, ...]:
    """Return the names of the verified chain. Python shows them only inside, where it does at all."""
    verified_chain: Callable[[], Any] | None = getattr(getattr(tls, "_sslobj", None), "get_verified_chain", None)
    certificates = verified_chain() if verified_chain is not None else None
    infos = [certificate.get_info() for certificate in certificates or () if hasattr(certificate, "get_info")]
    return tuple(named(info.get("subject", ()), _NAME_FIRST) for info in infos)


def _direct(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), _PATIENCE_S)


def _tunnel(host: str, port: int, proxy: str) -> socket.socket:
    """Return a connection to `host` that a proxy has made. Raises OSError with the proxy's words when it refuses."""
    url = urlsplit(proxy)
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if url.username:
        secret = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}")
    connection = _direct(url.hostname or "", url.port or _PORTS["http"])
    try:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            # One by one: what follows the head belongs to the handshake.
            received = connection.recv(1)
            head += received
            if not received or len(head) > _LONGEST_HEAD:
                raise OSError("the proxy does not answer as one")  # noqa: TRY301 - the connection is closed below
        status = head.split(b"\r\n", 1)[0].decode("latin-1")
        if not status.startswith("HTTP/1.") or status.split(" ")[1:2] != ["200"]:
            raise OSError(f"the proxy says {status}")  # noqa: TRY301 - see above
    except BaseException:
        connection.close()
        raise
    return connection
