"""`asyncup demo` from its beginning to its end, on a small file."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from asyncup.cli import app, demo
from asyncup.cli.emulator_process import EmulatorFailed
from asyncup.cli.exit_codes import ExitCode
from asyncup.errors import Phase, VaultUnreachable
from tests.cli.conftest import COMMAND, environment_for


def run_demo(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment_for("", TMPDIR=str(tmp_path), COLUMNS="100"),
    )


def md5s_in(shown: str) -> tuple[str, str]:
    """Both MD5s of the summary, which says that they are equal."""
    found = re.search(r"MD5 of the source ([0-9a-f]{32}) MD5 read back ([0-9a-f]{32}) equal", shown)
    assert found is not None
    return found[1], found[2]


def test_it_uploads_reads_back_compares_and_cleans_up(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--size", "60MB")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    ours, theirs = md5s_in(text)
    assert ours == theirs
    for words in ("60.0 MB in 2 parts", "MB/s", "disk", "hash", "wire", "Part buffers", "Peak memory"):
        assert words in text
    assert list(tmp_path.iterdir()) == []


def test_it_speaks_tls(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--size", "1MB", "--tls")
    assert done.returncode == 0, done.stderr
    assert "https://" in done.stdout
    ours, theirs = md5s_in(" ".join(done.stdout.split()))
    assert ours == theirs
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_it_cleans_up_when_it_is_interrupted(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo", "--size", "60MB"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment_for("", TMPDIR=str(tmp_path)),
    ) as process:
        assert process.stdout is not None
        while "uploading" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "asyncup: interrupted: the demo has removed its files and ended its emulator\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(EmulatorFailed("it does not start"), 1), (VaultUnreachable("x", Phase.CONNECT, "it does not start"), 5)],
)
def test_what_goes_wrong_is_one_line(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(demo, "emulator_process", fails)
    assert app.run(["demo", "--size", "1"]) == code
    err = capsys.readouterr().err
    assert err.startswith("asyncup: ")
    assert "it does not start" in err
    assert err.count("\n") == 1


def test_a_difference_is_a_failure(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    async def other_md5(*_: object) -> str:
        return "0" * 32

    monkeypatch.setattr(demo, "md5_read_back", other_md5)
    monkeypatch.setenv("PYTHONPATH", environment_for("")["PYTHONPATH"])
    assert app.run(["demo", "--size", "1000"]) == ExitCode.VERIFICATION
    assert "NOT EQUAL" in capfd.readouterr().out
