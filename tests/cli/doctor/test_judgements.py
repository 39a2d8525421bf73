"""How bad a figure is: tables."""

import pytest

from asyncup.cli.doctor.finding import Status
from asyncup.cli.doctor.judgements import (
    Certificate,
    judge_budget,
    judge_certificate,
    judge_clock,
    judge_disk,
    judge_slots,
    judge_versions,
)
from asyncup.cli.exit_codes import ExitCode
from asyncup.protocol.pacing import RateFacts

OK, WARN, FAIL = Status.OK, Status.WARN, Status.FAIL
DAY_S = 86_400


@pytest.mark.parametrize(
    ("issuer", "days", "public_name", "status", "words"),
    [
        ("DigiCert Inc", 90, True, OK, "signed by DigiCert Inc (v < DigiCert Inc), 90 d left"),
        ("Let's Encrypt", 22, True, OK, "22 d left"),
        ("Amazon", 20, True, WARN, "It ends soon"),
        ("Example Corp Proxy CA", 900, True, WARN, "A proxy in between seems to open TLS"),
        ("trustme", 900, False, OK, "signed by trustme"),
        ("trustme", 1, False, WARN, "It ends soon"),
    ],
)
def test_a_certificate(issuer: str, days: float, public_name: bool, status: Status, words: str) -> None:
    certificate = Certificate("v.veevavault.com", issuer, days * DAY_S, ("v", issuer))
    finding = judge_certificate(certificate, public_name=public_name)
    assert finding.status is status
    assert words in f"{finding.seen} {finding.advice}"


@pytest.mark.parametrize(
    ("configured", "offered", "status", "words"),
    [
        ("v25.2", ["v9.0", "v25.2", "v25.10", "v100.1", "odd"], OK, "the newest is v100.1"),
        ("v25.3", ["v25.2", "v9.0"], FAIL, "such as v25.2"),
        ("v25.2", [], FAIL, "the newest is none"),
    ],
)
def test_versions(configured: str, offered: list[str], status: Status, words: str) -> None:
    finding = judge_versions(configured, offered)
    assert finding.status is status
    assert finding.code == (ExitCode.USAGE if status is FAIL else ExitCode.OK)
    assert words in f"{finding.seen} {finding.advice}"


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        (RateFacts(), OK, "does not say"),
        (RateFacts(2000, 1999), OK, "1999 of 2000"),
        (RateFacts(2000, 400), OK, "400 of 2000"),
        (RateFacts(2000, 399), WARN, "Others use the Vault hard"),
        (RateFacts(2000, 0, 0.5), WARN, "delayed by 0.5 s"),
    ],
)
def test_the_budget(facts: RateFacts, status: Status, words: str) -> None:
    finding = judge_budget(facts)
    assert finding.status is status
    assert words in f"{finding.seen} {finding.advice}"


@pytest.mark.parametrize(
    ("owners", "sees_all", "status", "words"),
    [
        ([], True, OK, "0 of 5 upload sessions in use: 0 of yours, 0 of others"),
        ([1, 1, 2, None], True, WARN, "4 of 5 upload sessions in use: 2 of yours, 2 of others"),
        ([1, 1, 1], True, OK, "3 of yours"),
        ([1], False, OK, "those of others are not shown"),
        ([1, 2, 2, 2, 2], True, FAIL, "asyncup sessions abort --mine"),
    ],
)
def test_the_slots(owners: list[int | None], sees_all: bool, status: Status, words: str) -> None:
    finding = judge_slots(owners, user_id=1, sees_all=sees_all, limit=5)
    assert finding.status is status
    assert finding.code == (ExitCode.LIMIT if status is FAIL else ExitCode.OK)
    assert words in f"{finding.seen} {finding.advice}"


@pytest.mark.parametrize(
    ("ahead_s", "status", "words"),
    [
        (None, OK, "does not tell"),
        (0.9, OK, "agree"),
        (-29.0, OK, "agree"),
        (31.0, WARN, "31 s ahead of"),
        (-7200.0, WARN, "2 h behind"),
    ],
)
def test_the_clock(ahead_s: float | None, status: Status, words: str) -> None:
    finding = judge_clock(ahead_s)
    assert finding.status is status
    assert words in finding.seen


@pytest.mark.parametrize(
    ("size", "seconds", "status"), [(10**9, 1.0, OK), (10**9, 10.0, OK), (10**9, 11.0, WARN), (10**9, 0.0, OK)]
)
def test_the_disk(size: int, seconds: float, status: Status) -> None:
    assert judge_disk(size, seconds, "a").status is status
