"""One run per journal, and no longer than its process lives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from asyncup.bulk.errors import JournalInUse, JournalUnusable
from asyncup.bulk.journal.lock import lock_path, locked
from tests.pipeline.leftovers import open_files

HOLD = """
import sys
from asyncup.bulk.journal.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_it_is_given_back(tmp_path: Path) -> None:
    before = open_files()
    journal = str(tmp_path / "j.db")
    for _ in range(2):
        with locked(journal), pytest.raises(JournalInUse, match=str(os.getpid())), locked(journal):
            pytest.fail("both have it")
    assert open_files() == before
    assert Path(lock_path(journal)).exists()


def test_kill_9_gives_it_back(tmp_path: Path) -> None:
    journal = str(tmp_path / "j.db")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, journal],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalInUse, match=str(holder.pid)), locked(journal):
            pytest.fail("both have it")
        holder.send_signal(signal.SIGKILL)
        assert holder.wait() == -signal.SIGKILL
    with locked(journal):
        pass


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable), locked(str(tmp_path / "missing" / "j.db")):
        pytest.fail("it was made")
