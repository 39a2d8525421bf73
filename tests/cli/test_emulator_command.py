"""`asyncup emulator`: it says where it listens, obeys its options, and ends when it is told to."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import pytest

from asyncup import PasswordLogin, TokenLogin, Vault as Client
from asyncup.cli.app import run
from asyncup.cli.emulator_process import LISTENING
from asyncup.emulator import PROFILES, Do, Endpoint, Switches
from asyncup.errors import AccessRefused, LoginError, VaultError
from tests.cli.conftest import COMMAND, environment_for

pytestmark = pytest.mark.anyio


@contextmanager
def emulator(*arguments: str, **changes: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A started emulator, and the URL that it printed."""
    process = subprocess.Popen(
        [*COMMAND, "emulator", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment_for("", **changes),
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(LISTENING + "http"), line
            yield process, line.removeprefix(LISTENING).strip()
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_how_it_ends(number: signal.Signals) -> None:
    with emulator() as (process, _):
        process.send_signal(number)
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0


def test_it_can_end_with_its_stdin() -> None:
    with emulator("--end-with-stdin") as (process, _):
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0


def test_an_address_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = [*COMMAND, "emulator", "--port", port]
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=20, env=environment_for(""), check=False
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("asyncup: the emulator cannot start: ")
    assert done.stderr.count("\n") == 1


async def test_it_takes_the_token_the_user_and_the_settings(tmp_path: Path) -> None:
    arguments = ["--user", "u", "--root", str(tmp_path / "v"), "--switch", "session_life_s=3600"]
    secrets = {"ASYNCUP_EMULATOR_TOKEN": "T", "ASYNCUP_EMULATOR_PASSWORD": "P"}
    with emulator(*arguments, **secrets) as (_, url):
        async with Client(url, TokenLogin("T")) as vault:
            session = await vault.create_upload_session("/u1/a", 10)
        async with Client(url, PasswordLogin("u", "P")) as vault:
            assert [session.id for session in await vault.list_upload_sessions()] == [session.id]
        async with Client(url, TokenLogin("other")) as vault:
            with pytest.raises(LoginError):
                await vault.list_upload_sessions()
    assert session.created_date is not None
    assert session.expiration_date is not None
    life = datetime.fromisoformat(session.expiration_date) - datetime.fromisoformat(session.created_date)
    assert life.total_seconds() == 3600
    assert list((tmp_path / "v").iterdir())


async def test_it_takes_profiles_and_faults() -> None:
    fault = "list_sessions:refuse,error_type=INSUFFICIENT_ACCESS"
    arguments = ["--discard", "--token", "T", "--profile", "no-empty-sessions", "--fault", fault]
    with emulator(*arguments) as (_, url):
        async with Client(url, TokenLogin("T")) as vault:
            with pytest.raises(AccessRefused):
                await vault.list_upload_sessions()
            assert await vault.list_upload_sessions() == []
            with pytest.raises(VaultError):
                await vault.create_upload_session("/u1/a", 0)


def test_the_help_explains_every_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert run(["emulator", "--help"]) == 0
    out = capsys.readouterr().out
    for name in (*PROFILES, *(field.name for field in fields(Switches)), *Do, *Endpoint):
        assert name in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "nonsense"], "no profile 'nonsense'; there are: default"),
        (["--switch", "nonsense=1"], "nonsense=1"),
        (["--switch", "session_life_s=long"], "is a number"),
        (["--fault", "nonsense"], "WHICH:WHAT"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["emulator", *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_tls_needs_trustme(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncup.cli.emulator_command.find_spec", lambda _: None)
    assert run(["emulator", "--tls"]) == 2
    assert "pip install trustme" in capsys.readouterr().err
