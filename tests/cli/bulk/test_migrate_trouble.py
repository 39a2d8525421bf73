"""`asyncup migrate` in a process of its own, and all that may happen to it: a moody Vault, `kill -9`, Ctrl-C."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from asyncup.emulator import BlockingEmulator, Do, EmulatorConfig, Endpoint, Fault, Switches, blocking_emulator
from tests.cli.conftest import COMMAND, TOKEN, USER, environment_for

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals"),
    pytest.mark.slow,
]
MB = 1_000_000
ENOUGH_S = 120
PASSING = (Do.STATUS, Do.RESET_BEFORE, Do.RESET_AFTER, Do.LOSE_ANSWER, Do.STATUS_AFTER, Do.CUT_ANSWER, Do.EXPIRE_LOGIN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eighty small files in four folders, and three that need upload sessions."""
    folder = tmp_path / "f"
    for number in range(80):
        path = folder / f"{number % 4}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number * 100))
    for number in range(3):
        (folder / f"large-{number}").write_bytes(os.urandom(51 * MB + number))
    return folder


class Sky:
    """A pretend Vault that may be taken away, and comes back at the same place as it was."""

    def __init__(self, root: Path, switches: Switches, faults: tuple[Fault, ...] = ()) -> None:
        self.config = EmulatorConfig(root=root, token=TOKEN, users=(USER,), switches=switches, faults=faults)
        self.opened = ExitStack()
        self.emulator = self._start()

    def _start(self) -> BlockingEmulator:
        return self.opened.enter_context(blocking_emulator(self.config))

    def restart(self) -> None:
        port = self.emulator.port
        self.opened.close()
        self.config = replace(self.config, port=port)
        self.emulator = self._start()

    def requests(self) -> int:
        return self.emulator.inside.counts.total()

    def waits_for(self, requests: int, process: subprocess.Popen[str]) -> bool:
        """Wait until so many more requests were answered; False when the process ends before."""
        until = self.requests() + requests
        begun = time.monotonic()
        while self.requests() < until:
            if process.poll() is not None:
                return False
            assert time.monotonic() < begun + ENOUGH_S
            time.sleep(0.002)
        return True


@contextmanager
def sky(root: Path, switches: Switches | None = None, faults: tuple[Fault, ...] = ()) -> Iterator[Sky]:
    sky = Sky(root, switches or Switches(), faults)
    try:
        yield sky
    finally:
        sky.opened.close()


def begin(sky: Sky, folder: Path, *options: str, **changes: str) -> subprocess.Popen[str]:
    places = ["--journal", str(folder.parent / "j"), "--report", str(folder.parent / "R")]
    return subprocess.Popen(
        [*COMMAND, "migrate", str(folder), "/u1/t", *places, "--memory", "21MB", *options],
        env=environment_for(sky.emulator.url, **changes),
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=ENOUGH_S)
    return process.returncode, err


def arrived(sky: Sky, folder: Path) -> None:
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert sky.emulator.stored(f"/u1/t/{path.relative_to(folder)}").read_bytes() == path.read_bytes(), path
    assert sky.emulator.inside.sessions == []


def states(folder: Path) -> list[str]:
    lines = (folder.parent / "R" / "results.jsonl").read_text().splitlines()
    return [json.loads(line)["state"] for line in lines]


def two_percent_of(requests: int) -> tuple[Fault, ...]:
    """Faults for 2 % of so many requests, at random."""
    dice = random.Random(6)
    unlucky = sorted(dice.sample(range(10, requests), requests // 50))
    return tuple(Fault(do=dice.choice(PASSING), nth=nth, status=503) for nth in unlucky)


def test_burst_limit_expiring_login_random_faults_and_a_restart(tmp_path: Path, folder: Path) -> None:
    switches = Switches(burst_limit=100, burst_delay_ms=20, login_max_s=2.0, job_poll_min_s=0.0)
    by_password = {"VEEVA_VAULT_TOKEN": "", "VEEVA_VAULT_USERNAME": USER.name, "VEEVA_VAULT_PASSWORD": USER.password}
    # However fast the machine is, one login ends on the way.
    expires = Fault(do=Do.EXPIRE_LOGIN, endpoint="create_item", nth=15)
    with sky(tmp_path / "vault", switches, (*two_percent_of(150), expires)) as over:
        process = begin(over, folder, **by_password)
        assert over.waits_for(60, process)
        before = over.emulator
        over.restart()
        code, err = end(process)
        assert code == 0, err
        assert states(folder) == ["SUCCESS"] * 83
        arrived(over, folder)
        both = (before, over.emulator)
        assert sum(len(emulator.faults.struck) for emulator in both) >= 2
        assert sum(emulator.inside.counts["auth"] for emulator in both) >= 2
        assert sum(emulator.inside.counts.total() for emulator in both) > switches.burst_limit


def test_killed_again_and_again_it_ends_with_the_right_bytes(tmp_path: Path, folder: Path) -> None:
    dice = random.Random(9)
    with sky(tmp_path / "vault", Switches(job_poll_min_s=0.0)) as over:
        kills = 0
        for _ in range(5):
            process = begin(over, folder)
            if over.waits_for(dice.randrange(5, 30), process):
                process.send_signal(signal.SIGKILL)
                kills += 1
            end(process)
        assert kills >= 3
        code, err = end(begin(over, folder))
        assert code == 0, err
        assert set(states(folder)) <= {"SUCCESS", "SKIPPED"}
        assert len(states(folder)) == 83
        arrived(over, folder)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_drains_reports_and_goes_on(
    tmp_path: Path, folder: Path, number: signal.Signals, code: int
) -> None:
    with sky(tmp_path / "vault", Switches(job_poll_min_s=0.0)) as over:
        process = begin(over, folder, "--lanes", "2")
        wait_until(lambda: over.emulator.inside.counts[Endpoint.CREATE_ITEM] > 4)
        process.send_signal(number)
        ended, err = end(process)
        assert ended == code, err
        assert "to go on, run the same command again" in err
        found = states(folder)
        assert len(found) <= 83
        assert 0 < found.count("SUCCESS") < 83
        done, err = end(begin(over, folder))
        assert done == 0, err
        assert states(folder) == ["SUCCESS"] * 83
        arrived(over, folder)


def test_a_second_signal_ends_it_at_once(tmp_path: Path, folder: Path) -> None:
    hang = Fault(do=Do.HANG, endpoint="put_part", times=0)
    with sky(tmp_path / "vault", Switches(job_poll_min_s=0.0), (hang,)) as over:
        process = begin(over, folder, "--grace", "600")
        wait_until(lambda: bool(over.emulator.faults.struck))
        process.send_signal(signal.SIGINT)
        # Handled on the event loop, and then without it: said in between.
        assert process.stderr is not None
        while "again ends at once" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        assert end(process)[0] == 130


def wait_until(true: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + ENOUGH_S
        time.sleep(0.002)
