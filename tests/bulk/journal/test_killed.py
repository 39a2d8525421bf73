"""kill -9 at any instant: whatever the journal has acknowledged is in it, and the next run goes on from there."""

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from asyncup.bulk.journal.entry import State
from tests.bulk.journals import all_of, opened

REPOSITORY = Path(__file__).parents[3]
ROWS_OF_A_RUN = 1_000_000


def run_and_kill(folder: Path, number: int, lines: int) -> list[tuple[str, int]]:
    """Let a process work until it has said so many lines, kill it, and return all that it said."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bulk.journal_writer_process", str(folder), str(1 + number * ROWS_OF_A_RUN)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
        assert process.wait() == -9
    whole = [line.split() for line in said if line.endswith("\n")]
    return [(what, int(row)) for what, row in whole]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
async def test_nothing_acknowledged_is_lost(tmp_path: Path, seed: int) -> None:
    lots = random.Random(seed)
    acknowledged: dict[str, set[int]] = {"added": set(), "session": set(), "done": set()}
    for number in range(3 if seed == 1 else 10):
        for what, row in run_and_kill(tmp_path, number, lots.randrange(1, 400)):
            acknowledged[what].add(row)
        check = sqlite3.connect(tmp_path / "j.db")
        assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        check.close()
        async with opened(tmp_path) as journal:
            entries = {entry.row: entry for entry in await all_of(journal)}
            counted = {state: journal.tally.of(state).files for state in State}
        assert acknowledged["added"] <= set(entries)
        done = {row for row, entry in entries.items() if entry.state is State.DONE}
        assert acknowledged["done"] <= done
        for row in acknowledged["session"] - done:
            assert entries[row].session_id == f"s{row}"
        assert {entry.state for entry in entries.values()} <= {State.PENDING, State.DONE}
        assert counted == {state: sum(e.state is state for e in entries.values()) for state in State}
    assert all(acknowledged.values())
