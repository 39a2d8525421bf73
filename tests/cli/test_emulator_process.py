"""The emulator in a process of its own: it listens while inside, and is surely gone afterwards."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from asyncup import TokenLogin, Vault
from asyncup.cli.emulator_process import EmulatorFailed, emulator_process
from tests.cli.conftest import environment_for

pytestmark = pytest.mark.anyio

ENVIRONMENT = environment_for("", ASYNCUP_EMULATOR_TOKEN="T")


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.both_loops
async def test_it_listens_while_inside_and_is_gone_afterwards(tmp_path: Path) -> None:
    arguments = ("--root", str(tmp_path / "vault"))
    async with (
        emulator_process(*arguments, environment=ENVIRONMENT) as emulator,
        Vault(emulator.url, TokenLogin("T")) as vault,
    ):
        assert await vault.list_upload_sessions() == []
    assert emulator.process.returncode == 0


async def test_with_tls_it_names_the_authority_to_trust() -> None:
    async with emulator_process("--tls", "--discard", environment=ENVIRONMENT) as emulator:
        assert emulator.url.startswith("https://127.0.0.1:")
        assert emulator.authority is not None
        trust = ssl.create_default_context(cafile=emulator.authority)
        async with Vault(emulator.url, TokenLogin("T"), ssl_context=trust) as vault:
            assert await vault.list_upload_sessions() == []
    assert not emulator.authority.exists()


async def test_it_is_gone_after_a_cancellation() -> None:
    with anyio.CancelScope() as scope:
        async with emulator_process("--discard", environment=ENVIRONMENT) as emulator:
            scope.cancel()
            await anyio.sleep_forever()
    assert emulator.process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process")
async def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncup.cli.emulator_process._TERMINATE_S", 0.05)
    async with emulator_process("--discard", environment=ENVIRONMENT) as emulator:
        os.kill(emulator.process.pid, signal.SIGSTOP)
    assert emulator.process.returncode == -signal.SIGKILL


async def test_one_that_does_not_start_is_an_error() -> None:
    with pytest.raises(EmulatorFailed, match="exit code 2 instead of listening"):
        async with emulator_process("--switch", "nonsense=1", environment=ENVIRONMENT, stderr=subprocess.DEVNULL):
            pytest.fail("it started")


async def test_one_that_says_something_else_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    says = [sys.executable, "-c", "print('hello'); input()"]
    monkeypatch.setattr("asyncup.cli.emulator_process._command", lambda _: says)
    with pytest.raises(EmulatorFailed, match="said 'hello' instead of"):
        async with emulator_process():
            pytest.fail("it started")


PARENT = """
import anyio
from asyncup.cli.emulator_process import emulator_process

async def main():
    async with emulator_process("--discard") as emulator:
        print(emulator.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


async def test_it_does_not_outlive_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline().rpartition(":")[2])
        assert listens(port)
        parent.kill()
    with anyio.fail_after(20):
        while listens(port):  # noqa: ASYNC110 - nobody tells when it ends
            await anyio.sleep(0.01)
