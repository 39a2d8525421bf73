"""What happens before any command runs: help, version, and arguments that make no sense."""

import subprocess
import sys

import pytest

from asyncup.cli.app import run
from asyncup.cli.exit_codes import ExitCode


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_the_help_has_the_commands_the_environment_and_every_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for words in (
        "upload ",
        "sessions ",
        "login ",
        "logout ",
        "demo ",
        "emulator ",
        "VEEVA_VAULT_DNS",
        "VEEVA_VAULT_PASSWORD",
    ):
        assert words in out
    for code in ExitCode:
        assert code.when in out


@pytest.mark.parametrize("command", ["upload", "ls", "sessions", "doctor", "login", "logout", "demo", "emulator"])
def test_every_command_has_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"asyncup {command}" in out
    assert ("Exit codes" in out) == (command in ("upload", "ls", "sessions", "doctor", "login"))


def test_every_option_of_upload_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    run(["upload", "--help"])
    rows = [row.strip("│ ") for row in capsys.readouterr().out.splitlines()]
    options = [row.split() for row in rows if row.startswith("--")]
    assert [option[0] for option in options] == [
        "--session-id", "--commit", "--overwrite", "--part-size", "--memory", "--content-md5",
        "--restart", "--resume-check", "--source-changes", "--page-cache", "--grace", "--quiet", "--json",
        "--profile", "--dns", "--api-version", "--username", "--congestion",
    ]  # fmt: skip
    assert all(len(option) > 4 for option in options)


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("asyncup")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["uplaod"], 'Did you mean "upload"'),
        (["upload"], "at least one FILE and a DESTINATION"),
        (["upload", "a", "/u1/a", "--foo"], "--foo"),
        (["upload", "a", "/u1/a", "--part-size", "5M"], "write 5242880, 50MB or 8MiB"),
        (["upload", "a", "/u1/a", "--memory", "0"], "greater than 0"),
        (["upload", "a", "/u1/a", "--content-md5", "rot13"], "hex"),
        (["upload", "a", "/u1/a", "--token", "T"], "--token"),
        (["upload", "a", "/u1/a", "--grace", "-1"], "--grace"),
        (["upload", "a", "/u1/a", "--grace", "nan"], "--grace"),
        (["upload", "a", "/u1/a", "--resume-check", "some"], "last"),
        (["upload", "a", "/u1/a", "--source-changes", "ignore"], "warn"),
        (["upload", "a", "--session-id", "s", "--restart"], "--restart"),
        (["upload", "a", "/u1/a", "--commit"], "--session-id"),
        (["emulator", "--switch", "x=1"], "x=1"),
        (["emulator", "--discard", "--root", "here"], "root"),
        (["emulator", "--port", "x"], "--port"),
        (["demo", "--size", "0"], "greater than 0"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("asyncup: ")
    assert err.count("\n") == 1
    assert words in err


def test_starting_an_upload_imports_neither_rich_nor_the_emulator() -> None:
    program = (
        "import sys; from asyncup.cli.app import run; run(['upload']);"
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'rich'}),"
        " *[name for name in sys.modules if name.startswith('asyncup.emulator')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
