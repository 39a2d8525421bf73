"""Which Vaults the contract is asked of, and how many of its tests ran against each."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import anyio
import pytest

from asyncup.emulator import PROFILES
from tests.contract.place import Place
from tests.contract.targets import EMULATED, LIVE, Target, emulated, live, why_not_live, with_one_login

PLUGIN = "asyncup-contract"
PROPERTY = "contract-profile"


TARGETS = EMULATED if why_not_live(os.environ) else (*EMULATED, Target(LIVE))


@pytest.fixture(params=TARGETS, ids=str)
def target(request: pytest.FixtureRequest) -> Target:
    """One Vault after another. Without a live one, `test_every_profile` says so, once."""
    target: Target = request.param
    if target.profile == LIVE:
        request.getfixturevalue("live_environment")  # here, because it needs an event loop of its own
    request.node.user_properties.append((PROPERTY, target.profile))
    return target


@pytest.fixture(scope="session")
def live_environment() -> Mapping[str, str]:
    """The variables that name the live Vault, with a login that all tests share."""
    return anyio.run(with_one_login, os.environ)


@pytest.fixture
async def place(target: Target, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A folder of our own in that Vault."""
    is_live = target.profile == LIVE
    async with live(request.getfixturevalue("live_environment")) if is_live else emulated(target) as place:
        yield place


@pytest.fixture
def ran(request: pytest.FixtureRequest) -> Counter[str]:
    """How many contract tests have run, by profile."""
    plugin = request.config.pluginmanager.get_plugin(PLUGIN)
    assert isinstance(plugin, ContractReport)
    return plugin.ran


class ContractReport:
    """Counts the contract tests that ran, and says so at the end."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test whose own code ran, whatever came of it."""
        profile = dict(report.user_properties).get(PROPERTY)
        if isinstance(profile, str) and report.when == "call" and not report.skipped:
            self.ran[profile] += 1
            self.failed += report.failed

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the one line."""
        if not self.ran:
            return
        emulated = [profile for profile in self.ran if profile != LIVE]
        lived = f"{self.ran[LIVE]} against a live Vault" if LIVE in self.ran else "no live Vault"
        terminalreporter.write_line(
            f"contract: {self.ran.total()} tests ran under {len(emulated)} of {len(PROFILES)} profiles "
            f"({lived}), {self.failed} failed"
        )


def pytest_configure(config: pytest.Config) -> None:
    """Start counting."""
    config.pluginmanager.register(ContractReport(), PLUGIN)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the test that looks at the count behind those that are counted."""
    items.sort(key=lambda item: "ran" in getattr(item, "fixturenames", ()))
