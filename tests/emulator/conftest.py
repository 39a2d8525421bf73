"""Fixtures of the emulator's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.emulator.plain_vault import PlainVault, plain_vault


@pytest.fixture
async def vault() -> AsyncIterator[PlainVault]:
    """The usual emulator: small parts, quick jobs."""
    async with plain_vault() as vault:
        yield vault
