"""`python -m asyncup` and the console script: how the process ends."""

import subprocess
import sys

import pytest

from asyncup.cli import app, main
from tests.cli.conftest import COMMAND, environment_for


def test_the_code_of_the_command_is_that_of_the_process() -> None:
    done = subprocess.run([*COMMAND, "upload"], env=environment_for(""), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("asyncup: give at least one FILE")


def test_ctrl_c_before_any_command_runs_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


WITH_A_BUG = """
import sys
from asyncup.cli import main, upload_run

async def upload_file(*_, **__):
    raise LookupError("a bug")

upload_run.upload_file = upload_file
sys.argv = ["asyncup", "upload", sys.executable, "/u1/a"]
main()
"""


def test_a_bug_is_code_1_with_its_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_A_BUG],
        env=environment_for("http://127.0.0.1:9"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback ")
    assert done.stderr.endswith("LookupError: a bug\n")
