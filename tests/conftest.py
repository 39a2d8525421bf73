"""What every test shares: the event loop it runs on, and how hard hypothesis looks."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.watch.blocking import watching_blocking_calls
from tests.watch.leaks import LeakPlugin, watching_maps
from tests.watch.optimized import FLAG, optimize

if os.environ.get(FLAG):
    optimize("asyncup")  # here, before anything imports it

REPOSITORY = Path(__file__).parent.parent
ASYNCIO = ("asyncio", {"use_uvloop": False})
UVLOOP = ("asyncio", {"use_uvloop": True})

# No deadline anywhere: a shared machine's pauses say nothing about the code.
# dev: new examples at every run; one that fails is kept in .hypothesis and tried first next time.
settings.register_profile("dev", deadline=None)
# ci: the same examples at every run, so that a red run is about the change and not about luck.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# thorough: for a new property or a long night: make test ARGS=--hypothesis-profile=thorough
settings.register_profile("thorough", deadline=None, max_examples=5_000)
# soak: for the tests marked so, in `make soak`.
settings.register_profile("soak", deadline=None, max_examples=1_000)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Watch every test, and count those whose sums are printed: here, where a process that runs no test looks, too."""
    # Imported here, because they import asyncup: not before it was seen to how that is compiled.
    from tests.contract.report import contract_report  # noqa: PLC0415
    from tests.matrix.report import MatrixReport  # noqa: PLC0415

    config.pluginmanager.register(LeakPlugin(), "asyncup-leaks")
    config.pluginmanager.register(contract_report(config), "asyncup-contract")
    config.pluginmanager.register(MatrixReport(), "asyncup-fault-matrix")


@pytest.fixture(scope="session", autouse=True)
def watched() -> Iterator[None]:
    """See `tests.watch`."""
    with watching_maps(), watching_blocking_calls(ours=REPOSITORY / "asyncup", theirs=REPOSITORY / "tests"):
        yield


@pytest.fixture(scope="session")
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The loop of async tests and fixtures: asyncio's own, unless the test asks for both.

    An async fixture wider than one test must name `anyio_backend` among its arguments: otherwise
    pytest keeps it, and with it the first loop, when a `both_loops` test goes on to the second.
    """
    backend: tuple[str, dict[str, Any]] = getattr(request, "param", ASYNCIO)
    return backend


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked `both_loops` on asyncio and on uvloop (where there is a build of it)."""
    if metafunc.definition.get_closest_marker("both_loops") is None:
        return
    loops = {"asyncio": ASYNCIO} | ({"uvloop": UVLOOP} if find_spec("uvloop") else {})
    metafunc.parametrize("anyio_backend", loops.values(), ids=loops.keys(), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every state machine `soak`, beside the tests that say so themselves."""
    for item in items:
        if item.name == "runTest":
            item.add_marker(pytest.mark.soak)
