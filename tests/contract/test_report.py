"""A profile that was asked less than the others makes the run red."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from asyncup.emulator import PROFILES
from tests.contract.report import LEAST, PROPERTY, TIMES, ContractReport
from tests.contract.targets import LIVE


def test_every_profile_is_a_target() -> None:
    assert {name: 2 if name == "default" else 1 for name in PROFILES} == TIMES


def reported(times: int, *, without: str = "", live: int = 0, outcome: str = "passed") -> ContractReport:
    """A report of a run in which every profile was asked so often, but one of them once less."""
    report = ContractReport(whole=True, live=live > 0)
    counts = {name: times * TIMES[name] - (name == without) for name in PROFILES} | {LIVE: live}
    for profile, count in counts.items():
        told = SimpleNamespace(
            user_properties=[(PROPERTY, profile)],
            when="call",
            skipped=outcome == "skipped",
            failed=outcome == "failed",
        )
        for _ in range(count):
            report.pytest_runtest_logreport(cast("pytest.TestReport", told))
    return report


def ended(report: ContractReport) -> int:
    session: Any = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    report.pytest_sessionfinish(session)
    return int(session.exitstatus)


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_all_asked_the_same_is_well(outcome: str) -> None:
    assert ended(reported(LEAST, outcome=outcome)) == 0


@pytest.mark.parametrize("name", PROFILES)
def test_one_that_was_asked_less_is_not(name: str) -> None:
    assert ended(reported(LEAST + 1, without=name)) == 1


def test_too_few_are_not() -> None:
    assert ended(reported(LEAST - 1)) == 1


def test_skipped_ones_do_not_count() -> None:
    report = reported(LEAST, outcome="skipped")
    assert not report.ran


@pytest.mark.parametrize(("asked", "code"), [(LEAST, 0), (LEAST - 1, 1)])
def test_a_live_vault_is_asked_as_much(asked: int, code: int) -> None:
    assert ended(reported(LEAST, live=asked)) == code


def test_a_part_of_the_contract_is_not_judged() -> None:
    report = ContractReport(whole=False, live=False)
    report.ran["quick"] = 1
    assert report.complaint() == ""
