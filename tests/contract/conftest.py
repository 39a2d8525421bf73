"""Which Vaults the contract is asked of."""

import os
from collections.abc import AsyncIterator, Mapping

import anyio
import pytest

from tests.contract.place import Place
from tests.contract.report import PROPERTY
from tests.contract.targets import EMULATED, LIVE, Target, emulated, live, why_not_live, with_one_login

TARGETS = EMULATED if why_not_live(os.environ) else (*EMULATED, Target(LIVE))


@pytest.fixture(params=TARGETS, ids=str)
def target(request: pytest.FixtureRequest) -> Target:
    """One Vault after another. Without a live one, the report says so."""
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
