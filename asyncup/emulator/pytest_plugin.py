"""Fixtures for testing an app against a pretend Vault.

    pytest_plugins = ["asyncup.emulator.pytest_plugin"]

    def test_my_upload(vault_emulator):
        vault_emulator.faults.add(parse_fault("put_part,part=2:reset-during,at=100000"))
        my_app.upload(vault_emulator.url, token="emulator-token", ...)
        assert vault_emulator.stored("/u1/a.bin").read_bytes() == ...

Override the fixture `vault_emulator_config` for other settings. The emulator runs in a thread of
its own, so tests may be async, with any plugin, or not. Must not be imported without pytest.
"""

from collections.abc import Iterator

import pytest

from .blocking import BlockingEmulator, blocking_emulator
from .config import EmulatorConfig
from .profiles import profile


@pytest.fixture
def vault_emulator_config() -> EmulatorConfig:
    """One admin, token `emulator-token`, and no waiting."""
    return EmulatorConfig(token="emulator-token", switches=profile("quick"))  # noqa: S106


@pytest.fixture
def vault_emulator(vault_emulator_config: EmulatorConfig) -> Iterator[BlockingEmulator]:
    """An emulator for one test, which fails if a fault that it scripted never struck."""
    with blocking_emulator(vault_emulator_config) as emulator:
        yield emulator
        emulator.faults.check_consumed()
