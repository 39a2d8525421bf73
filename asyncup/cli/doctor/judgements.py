"""How good or bad a figure is, and what to do about it. Pure: figures in, findings out.

The thresholds are opinions of this module, except for those that say where they come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncup.cli.doctor.finding import Finding, failed, fine, warned
from asyncup.cli.durations import show_duration
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.sizes import show_bytes, show_rate
from asyncup.protocol.pacing import RateFacts

__all__ = [
    "Certificate",
    "judge_budget",
    "judge_certificate",
    "judge_clock",
    "judge_disk",
    "judge_slots",
    "judge_versions",
]

_DAY_S = 86_400
_SOON_S = 21 * _DAY_S
_LOW_BUDGET = 0.2
_FULL_SLOTS = 0.8
_SKEW_S = 30.0
_SLOW_DISK = 100_000_000
"""Bytes per second: less than a line of 1 Gbit/s takes."""

_PUBLIC_AUTHORITIES = (
    "amazon", "apple", "buypass", "certum", "digicert", "entrust", "geotrust", "globalsign", "godaddy", "google trust",
    "identrust", "internet security research group", "isrg", "let's encrypt", "microsoft", "sectigo", "comodo",
    "ssl corp", "ssl.com", "swisssign", "thawte", "usertrust", "zerossl",
)  # fmt: skip
"""Whose certificates servers on the internet have. A company's proxy that opens TLS has one of its own."""

_VERSION = re.compile(r"v([0-9]+)\.([0-9]+)")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate.

    Attributes:
        subject: for whom it is.
        issuer: the organisation or name of the authority that signed it.
        left_s: seconds until it ends.
        chain: the names from the server's own up to the root, where they are known.
    """

    subject: str
    issuer: str
    left_s: float
    chain: tuple[str, ...] = ()


def judge_certificate(certificate: Certificate, *, public_name: bool) -> Finding:
    """Judge a certificate that was accepted. `public_name`: the server has a Vault's DNS name, not a test's address."""
    chain = f" ({' < '.join(certificate.chain)})" if certificate.chain else ""
    left = f"{show_duration(certificate.left_s)} left"
    seen = f"certificate for {certificate.subject}, signed by {certificate.issuer}{chain}, {left}"
    if public_name and not any(name in certificate.issuer.lower() for name in _PUBLIC_AUTHORITIES):
        return warned(
            f"{seen}; that is none of the large public authorities",
            "A proxy in between seems to open TLS: it sees all content and may slow uploads down. "
            "Ask whoever runs it to let the Vault's name pass",
        )
    if certificate.left_s < _SOON_S:
        return warned(seen, "It ends soon. Veeva renews its own; a proxy's is for whoever runs it")
    return fine(seen)


def judge_versions(configured: str, offered: Iterable[str]) -> Finding:
    """Judge whether the configured API version is one of those that Vault offers."""
    known = sorted({version for version in offered if _VERSION.fullmatch(version)}, key=_version_key)
    newest = known[-1] if known else "none"
    if configured in known:
        return fine(f"{configured} is offered; the newest is {newest}")
    return failed(
        f"{configured} is not offered; the newest is {newest}",
        f"Set VEEVA_VAULT_API_VERSION to one of the offered ones, such as {newest}" if known else "",
        ExitCode.USAGE,
    )


def judge_budget(facts: RateFacts) -> Finding:
    """Judge what is left of the calls that a Vault takes in five minutes (documented)."""
    if facts.limit is None or facts.remaining is None:
        return fine("Vault does not say how many calls are left")
    seen = f"{facts.remaining} of {facts.limit} calls left in these five minutes"
    if facts.delay_s:
        return warned(
            f"{seen}; calls are delayed by {facts.delay_s:g} s", "Others use the Vault hard: wait five minutes"
        )
    if facts.remaining < facts.limit * _LOW_BUDGET:
        return warned(seen, "Others use the Vault hard: beyond the limit each call is delayed by half a second")
    return fine(seen)


def judge_slots(owners: Sequence[int | None], *, user_id: int | None, sees_all: bool, limit: int) -> Finding:
    """Judge how many of the Vault's upload sessions are open, by their owners."""
    mine = sum(1 for owner in owners if owner is not None and owner == user_id)
    others = f", {len(owners) - mine} of others" if sees_all else "; those of others are not shown to you"
    seen = f"{len(owners)} of {limit} upload sessions in use: {mine} of yours{others}"
    advice = "See asyncup sessions; asyncup sessions abort --mine --older-than 24h removes your forgotten ones"
    if len(owners) >= limit:
        return failed(seen, advice, ExitCode.LIMIT)
    return warned(seen, advice) if len(owners) >= limit * _FULL_SLOTS else fine(seen)


def judge_clock(ahead_s: float | None) -> Finding:
    """Judge by how many seconds this machine's clock is ahead of Vault's, whose header tells whole seconds."""
    if ahead_s is None:
        return fine("Vault does not tell the time")
    if abs(ahead_s) < _SKEW_S:
        return fine("this clock and Vault's agree")
    direction = "ahead of" if ahead_s > 0 else "behind"
    return warned(
        f"this clock is {show_duration(abs(ahead_s))} {direction} Vault's",
        "Switch time synchronisation on: ages and certificates are judged by this clock",
    )


def judge_disk(size: int, seconds: float, name: str) -> Finding:
    """Judge how fast a file was read."""
    seen = f"{show_bytes(size)} of {name} read at {show_rate(size, seconds)}"
    if seconds > 0 and size / seconds < _SLOW_DISK:
        return warned(seen, "The disk is slower than a line of 1 Gbit/s: more lanes will not help beyond it")
    return fine(seen)


def _version_key(version: str) -> tuple[int, int]:
    match = _VERSION.fullmatch(version)
    assert match is not None  # noqa: S101 - only such versions are sorted
    return int(match[1]), int(match[2])
