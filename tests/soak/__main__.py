"""`make soak`: the storm, then the random tests with more of everything, and a table. Exit code 1: something is wrong.

ASYNCUP_SOAK_SEED repeats a run as far as a run can be repeated; ASYNCUP_SOAK_FILES=100 makes the storm short. What it
leaves behind when something is wrong is kept, and named.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import anyio

from tests.loopback.clients import REPOSITORY
from tests.soak.storm import storm

FILES = int(os.environ.get("ASYNCUP_SOAK_FILES", "2000"))
SEED = int(os.environ.get("ASYNCUP_SOAK_SEED", "0")) or secrets.randbelow(10**9)
STORM_WITHIN_S = 900.0
NO_TESTS = 5
SHOWN_COMPLAINTS = 20


@dataclass(frozen=True)
class Stage:
    """Tests that are run with other settings than usual."""

    name: str
    tests: tuple[str, ...]
    settings: dict[str, str]


STAGES = (
    Stage("500 kills", ("tests/loopback/test_killed.py",), {"ASYNCUP_KILLS": "500", "ASYNCUP_KILLS_SEED": str(SEED)}),
    Stage(
        "10 000 paths",
        ("tests/contract/test_random_paths.py",),
        {"ASYNCUP_PATHS": "10000", "ASYNCUP_PATHS_SEED": str(SEED)},
    ),
    Stage(
        "random examples",
        ("tests", "-m", "soak", "--hypothesis-profile=soak", f"--hypothesis-seed={SEED}"),
        {},
    ),
)


def run_stage(stage: Stage) -> tuple[bool, list[tuple[str, str]]]:
    """Run its tests. Returns whether all is well, and rows for the table."""
    begun = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", *stage.tests],
        cwd=REPOSITORY,
        env={**os.environ, **stage.settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    is_well = ended.returncode in {0, NO_TESTS}
    if not is_well:
        print(ended.stdout)
    lines = ended.stdout.strip().splitlines() or ["nothing was said"]
    kills = sum(int(number) for number in re.findall(r"(\d+) kills", ended.stdout))
    rows = [(stage.name, lines[-1].strip("= ")), *([("client killed at a boundary", str(kills))] if kills else [])]
    return is_well, [*rows, ("seconds", f"{time.monotonic() - begun:.0f}")]


def main() -> int:
    print(f"soak: seed {SEED}, {FILES} files", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="asyncup-soak-"))
    figures = anyio.run(storm, folder, FILES, SEED, STORM_WITHIN_S)
    table = [("STORM", f"seed {SEED}"), *figures.rows()]
    wrong = figures.wrong
    for stage in STAGES:
        print(f"soak: {stage.name}", flush=True)
        is_well, rows = run_stage(stage)
        table += rows
        wrong += [] if is_well else [f"{stage.name} failed"]
    for name, value in table:
        print(f"{name:<34}{value}")
    for complaint in wrong[:SHOWN_COMPLAINTS]:
        print(f"WRONG: {complaint}")
    if wrong:
        print(f"{len(wrong)} things are wrong; what is left is in {folder}")
        return 1
    shutil.rmtree(folder)
    print("nothing is wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
