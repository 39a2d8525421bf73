"""Counting how the cases of the matrix ended, and saying so in one line at the end.

Counts reports, which come to the process that prints, whichever process ran the test.
"""

from collections import Counter

import pytest

from tests.matrix.trial import Ending

PROPERTY = "fault-matrix"


class MatrixReport:
    """Counts the judgements that the tests of the matrix have recorded."""

    def __init__(self) -> None:
        self.endings: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the counts of a test whose own code ran, whatever came of it."""
        if report.when != "call":
            return
        for name, endings in report.user_properties:
            if name == PROPERTY and isinstance(endings, dict):
                self.endings.update(endings)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the one line."""
        if self.endings:
            right, typed, wrong, hung = (self.endings[ending.name] for ending in Ending)
            terminalreporter.write_line(
                f"fault matrix: {self.endings.total()} faults tried, {right} right, {typed} typed errors, "
                f"{wrong} wrong, {hung} hung"
            )
