"""How many tests of the contract ran under each profile: said in a line, and judged when all of it was asked for.

Counts reports, which come to the process that prints, whichever process ran the test. Must not know the tests.
"""

import os
from collections import Counter

import pytest

from asyncup.emulator import PROFILES
from tests.contract.targets import EMULATED, LIVE, why_not_live

PROPERTY = "contract-profile"

TIMES = Counter(target.profile for target in EMULATED)
"""How often each profile is a target: `default` is asked once as an administrator and once as somebody else."""

LEAST = 40
"""Far fewer questions than this, and something was left out."""


class ContractReport:
    """Counts the contract tests that ran; the run is red when a profile, or a live Vault, was asked less than others.

    Args:
        whole: whether all of the contract was asked for.
        live: whether a live Vault should have been asked, too.
    """

    def __init__(self, *, whole: bool, live: bool) -> None:
        self.ran: Counter[str] = Counter()
        self.failed = 0
        self._whole = whole
        self._live = live

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test whose own code ran, whatever came of it."""
        profile = dict(report.user_properties).get(PROPERTY)
        if isinstance(profile, str) and report.when == "call" and not report.skipped:
            self.ran[profile] += 1
            self.failed += report.failed

    def complaint(self) -> str:
        """What was left out; empty when nothing was."""
        if not self._whole:
            return ""
        asked = {name: self.ran[name] / TIMES[name] for name in PROFILES}
        if self._live:
            asked[LIVE] = self.ran[LIVE]
        if min(asked.values()) < LEAST or len(set(asked.values())) > 1:
            return f"contract: not every profile was asked every question: {asked}"
        return ""

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the run red when something was left out."""
        if self.ran and self.complaint():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the one line, or two."""
        if not self.ran:
            return
        emulated = [profile for profile in self.ran if profile != LIVE]
        lived = f"{self.ran[LIVE]} against a live Vault" if LIVE in self.ran else "no live Vault"
        terminalreporter.write_line(
            f"contract: {self.ran.total()} tests ran under {len(emulated)} of {len(PROFILES)} profiles "
            f"({lived}), {self.failed} failed"
        )
        if self.complaint():
            terminalreporter.write_line(self.complaint(), red=True)


def contract_report(config: pytest.Config) -> ContractReport:
    """Return the report for a run that was started like this."""
    chosen = config.option.keyword or config.option.markexpr or config.option.collectonly
    some = any("::" in argument or argument.endswith(".py") for argument in config.args)
    return ContractReport(whole=not (chosen or some), live=why_not_live(os.environ) is None)
