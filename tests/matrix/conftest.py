"""Counting how the cases of the matrix ended, and saying so in one line at the end."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.contract.targets import MEMORY
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
            if name == PROPERTY and isinstance(endings, Counter):
                self.endings.update(endings)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the one line."""
        if self.endings:
            right, typed, wrong, hung = (self.endings[ending.name] for ending in Ending)
            terminalreporter.write_line(
                f"fault matrix: {self.endings.total()} faults tried, {right} right, {typed} typed errors, "
                f"{wrong} wrong, {hung} hung"
            )


def pytest_configure(config: pytest.Config) -> None:
    """Start counting."""
    config.pluginmanager.register(MatrixReport(), "asyncup-fault-matrix")


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder that costs no disk, for hundreds of emulators."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)
