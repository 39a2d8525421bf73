"""The fixtures, as somebody else's tests would use them."""

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["asyncup.emulator.pytest_plugin"]'
TESTS = """
from urllib.request import Request, urlopen
import pytest
from asyncup.emulator import EmulatorConfig, parse_fault

def get(emulator, path):
    request = Request(emulator.url + path, headers={"Authorization": "emulator-token"})
    with urlopen(request) as answer:
        return answer.status

def test_a_call(vault_emulator):
    vault_emulator.faults.add(parse_fault("versions:status,status=204"))
    assert get(vault_emulator, "/api/") == 204
    assert get(vault_emulator, "/api/") == 200

def test_a_fault_that_never_strikes(vault_emulator):
    vault_emulator.faults.add(parse_fault("commit:reset-after"))

class TestOwnSettings:
    @pytest.fixture
    def vault_emulator_config(self):
        return EmulatorConfig(vault_id=7)

    def test_it(self, vault_emulator):
        assert vault_emulator.inside.config.vault_id == 7
"""


def test_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:cov")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*faults that never struck*commit:reset-after*"])
