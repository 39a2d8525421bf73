"""`asyncup bench` against a pretend Vault that can be asked afterwards, and against the one that it starts itself."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from asyncup.cli.exit_codes import ExitCode
from tests.cli.conftest import COMMAND, Vault, environment_for

SMALL = ("--size", "12MB", "--part-size", "5242880")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command makes its file."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_it_measures_your_vault_and_leaves_nothing_there(vault: Vault, temporary: Path) -> None:
    ended = vault.run("bench", "--folder", "/u1", "--files", "3", "--lanes", "2", *SMALL)
    assert (ended.code, ended.err) == (ExitCode.OK, "")
    shape, rate, *_, sentence = ended.out.splitlines()
    assert shape == "3 x 12.0 MB in 3 parts of 5.2 MB, 2 at once"
    assert "MB/s" in rate
    assert "wire" in rate
    assert " % of the time; " in sentence
    asked = vault.asked()
    assert asked.count("put_part") == 9
    assert asked.count("create_session") == asked.count("abort") == 3
    assert list(temporary.iterdir()) == []


def test_it_sends_the_file_that_you_name(vault: Vault, source: Path, temporary: Path) -> None:
    ended = vault.run("bench", str(source), "--folder", "/u1")
    assert ended.code == ExitCode.OK
    assert ended.out.startswith("1 x 60.0 MB in 2 parts")
    assert source.exists()


def test_a_session_of_a_failed_upload_is_aborted_too(vault: Vault, temporary: Path) -> None:
    vault.goes_wrong("put_part,part=2:refuse,error_type=INSUFFICIENT_ACCESS")
    ended = vault.run("bench", "--folder", "/u1", *SMALL)
    assert ended.code == ExitCode.ACCESS
    assert ended.only_error()
    assert vault.asked()[-1] == "abort"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--files", "0"), ExitCode.USAGE, "at least 1"),
        (("--lanes", "0"), ExitCode.USAGE, "at least 1"),
        (("--folder", "/u1", "--tls"), ExitCode.USAGE, "--tls"),
        (("/no/such/file", "--folder", "/u1"), ExitCode.SOURCE_MISSING, "no such file"),
    ],
)
def test_what_makes_no_sense_is_said(vault: Vault, arguments: tuple[str, ...], code: int, words: str) -> None:
    ended = vault.run("bench", *arguments)
    assert ended.code == code
    assert words in ended.only_error()
    assert vault.asked() == []


@pytest.mark.skipif(sys.platform == "win32", reason="the emulator's end is tested on POSIX")
@pytest.mark.parametrize("tls", [(), ("--tls",)])
def test_without_a_folder_it_starts_a_vault_of_its_own(tmp_path: Path, tls: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [*COMMAND, "bench", *SMALL, *tls],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment_for("http://127.0.0.1:1", TMPDIR=str(tmp_path)),
    )
    assert ended.returncode == 0, ended.stderr
    assert "1 x 12.0 MB in 3 parts" in ended.stdout
    assert list(tmp_path.iterdir()) == []
