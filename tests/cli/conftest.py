"""A pretend Vault in a thread of this process, so that what it saw can be asked, and commands to it.

Most commands run in this process too, which takes milliseconds; those that get signals, or whose
process matters otherwise, run in one of their own.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from asyncup import TokenLogin, Vault as Client
from asyncup.cli.app import run
from asyncup.emulator import BlockingEmulator, EmulatorConfig, Switches, User, blocking_emulator, parse_fault

TOKEN = "token-for-tests"
USER = User(name="user@example.com", password="password-for-tests")
COMMAND = [sys.executable, "-m", "asyncup"]
REPOSITORY = Path(__file__).parents[2]


def environment_for(url: str, **changes: str) -> dict[str, str]:
    """The environment of a process of its own that talks to the Vault at `url`."""
    vault = {"VEEVA_VAULT_DNS": url, "VEEVA_VAULT_TOKEN": TOKEN}
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **vault, **changes}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def only_error(self) -> str:
        """The one line on stderr, after the name of the program."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("asyncup: ")
        return lines[0].removeprefix("asyncup: ")


@dataclass(frozen=True)
class Vault:
    """The pretend Vault, and commands that talk to it."""

    emulator: BlockingEmulator
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, **changes: str | None) -> Ended:
        """Run `asyncup` in this process, with changes to its environment; None leaves one out."""
        variables: dict[str, str | None] = {
            "VEEVA_VAULT_DNS": self.emulator.url,
            "VEEVA_VAULT_TOKEN": TOKEN,
            **changes,
        }
        with pytest.MonkeyPatch.context() as environment:
            for name, value in variables.items():
                if value is None:
                    environment.delenv(name, raising=False)
                else:
                    environment.setenv(name, value)
            self.capsys.readouterr()
            code = run(arguments)
        return Ended(code, *self.capsys.readouterr())

    def upload(self, *arguments: str | Path, **changes: str | None) -> Ended:
        """Run `asyncup upload`."""
        return self.run("upload", *map(str, arguments), **changes)

    def open_session(self, path: str, size: int) -> str:
        """Make an upload session; its id."""

        async def create() -> str:
            async with Client(self.emulator.url, TokenLogin(TOKEN)) as client:
                return (await client.create_upload_session(path, size)).id

        return anyio.run(create)

    def content(self, path: str) -> bytes:
        """What is stored at a path."""
        return self.emulator.stored(path).read_bytes()

    def asked(self) -> list[str]:
        """The names of the requests that it has had."""
        return [seen.endpoint for seen in self.emulator.inside.seen]

    def goes_wrong(self, fault: str) -> None:
        """Script a fault; the test fails when it never strikes."""
        self.emulator.faults.add(parse_fault(fault))


PretendVaults = Callable[[Switches], AbstractContextManager[Vault]]


@pytest.fixture(autouse=True)
def _nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of whoever runs the tests, and no keyring of theirs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-configuration"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    for name in ("ASYNCUP_CONFIG", "ASYNCUP_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pretend_vault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> PretendVaults:
    """Makes a pretend Vault that behaves as the switches say."""

    @contextmanager
    def start(switches: Switches) -> Iterator[Vault]:
        root = tmp_path / "vault"
        config = EmulatorConfig(root=root, token=TOKEN, users=(USER,), switches=switches)
        with blocking_emulator(config) as emulator:
            yield Vault(emulator, capsys)
            emulator.faults.check_consumed()

    return start


@pytest.fixture
def vault(pretend_vault: PretendVaults) -> Iterator[Vault]:
    with pretend_vault(Switches()) as vault:
        yield vault


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file that goes through an upload session when it goes to a destination: 60 MB in 12 parts."""
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(60_000_000))
    return path
