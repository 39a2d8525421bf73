"""Running the uploader as a program of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.loopback.conftest import Emulator
from tests.loopback.uploader import Ended, Order

REPOSITORY = Path(__file__).parents[2]
ENOUGH_S = 120.0


@dataclass(frozen=True)
class Ran:
    """How the program ended.

    Attributes:
        code: its exit code; negative for a signal.
        ended: how its uploads ended.
        loop: what it told of its event loop.
        errors: its stderr.
    """

    code: int
    ended: list[Ended]
    loop: Mapping[str, Any]
    errors: str


def run_uploader(emulator: Emulator, order: Order, *interpreter_options: str) -> Ran:
    """Run it to its end."""
    process = subprocess.run(
        [sys.executable, *interpreter_options, "-m", "tests.loopback.uploader", json.dumps(asdict(order))],
        cwd=REPOSITORY,
        env=emulator.environment(),
        capture_output=True,
        text=True,
        timeout=ENOUGH_S,
        check=False,
    )
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    return Ran(
        process.returncode,
        [Ended(**line) for line in lines if "callbacks" not in line],
        next((line for line in lines if "callbacks" in line), {}),
        process.stderr,
    )


def assert_nothing_unclosed(ran: Ran) -> None:
    """Fail when `-X dev` had something to say, other than that a slow machine was slow."""
    for word in ("Warning", "unclosed", "Unclosed", "never awaited", "never retrieved", "was destroyed", "Traceback"):
        assert word not in ran.errors, ran.errors
