"""No check ends the visit, what depends on a failed one is left out, and the first failure gives the code."""

from collections.abc import Awaitable, Callable

import pytest

from asyncup import errors
from asyncup.cli.doctor.examination import Check, code_of, examine
from asyncup.cli.doctor.finding import Checked, Finding, Status, failed, fine, skipped, warned
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.vault_options import VaultOptions

Look = Callable[[Visit], Awaitable[Finding]]


def says(finding: Finding) -> Look:
    async def look(_: Visit) -> Finding:
        return finding

    return look


def raises(error: BaseException) -> Look:
    async def look(_: Visit) -> Finding:
        raise error

    return look


async def made(*checks: Check) -> list[Checked]:
    return [checked async for checked in examine(checks, Visit(options=VaultOptions()))]


async def test_what_needs_a_failed_check_is_left_out_and_the_rest_is_made() -> None:
    results = await made(
        Check("a", says(failed("no", "", ExitCode.ACCESS))),
        Check("b", raises(AssertionError("never made")), ("a",)),
        Check("c", raises(AssertionError("never made")), ("b", "d")),
        Check("d", says(warned("so so", "do"))),
        Check("e", says(skipped("not wanted"))),
        Check("f", says(fine("yes")), ("d", "e")),
    )
    assert [(checked.name, checked.finding.status.value, checked.finding.seen) for checked in results] == [
        ("a", "fail", "no"),
        ("b", "skip", "needs a"),
        ("c", "skip", "needs b"),
        ("d", "warn", "so so"),
        ("e", "skip", "not wanted"),
        ("f", "ok", "yes"),
    ]
    assert code_of(results) is ExitCode.ACCESS


@pytest.mark.parametrize(
    ("error", "code", "seen", "advice"),
    [
        (
            errors.AccessRefused("listing", status=200, hint="Ask"),
            ExitCode.ACCESS,
            "listing: Vault said HTTP 200",
            "Ask",
        ),
        (errors.ConfigurationError("no Vault", hint="Set it"), ExitCode.USAGE, "no Vault", "Set it"),
        (ConnectionResetError(104, "reset by peer"), ExitCode.VAULT_AWAY, "reset by peer", ""),
        (KeyError("x"), ExitCode.BUG, "KeyError: 'x'", "This is a mistake in asyncup: please report it"),
    ],
)
async def test_what_a_check_raises_is_a_failure(error: Exception, code: ExitCode, seen: str, advice: str) -> None:
    [checked, _] = results = await made(Check("a", raises(error)), Check("b", says(fine("yes"))))
    assert checked.finding == Finding(Status.FAIL, seen, advice, code)
    assert code_of(results) is code


async def test_the_first_failure_gives_the_code() -> None:
    results = await made(
        Check("a", says(warned("", ""))),
        Check("b", says(failed("", "", ExitCode.LIMIT))),
        Check("c", says(failed("", "", ExitCode.ACCESS))),
    )
    assert code_of(results) is ExitCode.LIMIT


def test_no_failure_is_0() -> None:
    results = [Checked("a", fine("")), Checked("b", warned("", "")), Checked("c", skipped(""))]
    assert code_of(results) is code_of([]) is ExitCode.OK
