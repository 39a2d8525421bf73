"""Looking at a run while it works, changing it, and killing it."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from asyncup import TokenLogin, Vault
from asyncup.bulk.budgets.bandwidth_timetable import parse_bandwidth
from asyncup.bulk.journal.entry import State
from asyncup.bulk.run.events import FileEnded, RunEvent, SettingsChanged, SourceRead
from asyncup.bulk.run.live_settings import LiveSettings, settings_path, tune
from asyncup.bulk.run.open_run import open_run
from asyncup.bulk.run.options import MOST_LANES, BulkOptions
from asyncup.emulator import EmulatorConfig, Switches, running_emulator
from asyncup.events import Event, UploadSessionOpened
from asyncup.protocol.limits import Limits
from tests.bulk.runs import assert_all_in_place, make_files, run_all, states, vault_in_memory
from tests.fakes.memory_vault import Endpoint, slow_answer

LIMITS = Limits(min_part_size=1000, preferred_part_size=100_000, max_part_size=100_000, max_item_size=50_000)
SIZES_OF_KILLED = (10, 600_000, 300_000)
REPOSITORY = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
import anyio
from asyncup import TokenLogin, Vault, upload_many
from tests.bulk.run.test_open_run import LIMITS

async def main(url, folder):
    pairs = [(folder / f"f{number}", f"/u1/t/{number % 3}/f{number}") for number in range(60)]
    async with Vault(url, TokenLogin("token-for-tests"), limits=LIMITS) as vault:
        async for result in upload_many(pairs, vault=vault, journal=folder / "j.db"):
            print(result.file, flush=True)

anyio.run(main, sys.argv[1], Path(sys.argv[2]))
"""


async def test_a_run_shows_what_it_is_at_and_obeys_new_settings(tmp_path: Path) -> None:
    memory, pairs, go_on = vault_in_memory(), make_files(tmp_path, 9), anyio.Event()
    memory.fail(Endpoint.PUT_PART, slow_answer(go_on))
    changed, sending, events = anyio.Event(), anyio.Event(), list[Event | RunEvent]()

    def hook(event: Event | RunEvent) -> None:
        events.append(event)
        if isinstance(event, UploadSessionOpened):
            sending.set()
        if isinstance(event, SettingsChanged) and event.settings.lanes:
            changed.set()

    async with memory.vault() as vault, open_run(pairs, vault=vault, journal=tmp_path / "j.db", on_event=hook) as run:
        with anyio.fail_after(20):
            await sending.wait()
        asked = LiveSettings(lanes=1000, memory=5_000_000, bandwidth=parse_bandwidth("1G"))
        with anyio.fail_after(20):
            while not changed.is_set():
                await anyio.to_thread.run_sync(tune, settings_path(tmp_path / "j.db"), asked)
                with anyio.move_on_after(0.1):
                    await changed.wait()
        during = run.snapshot()
        go_on.set()
        results = [result async for result in run.results()]
        after = run.snapshot()
    assert run._tuning.most_lanes == MOST_LANES
    assert run._memory.total == 5_000_000
    assert during.lanes
    assert during.sessions_held >= 1
    assert (after.ended, after.lanes, after.sessions_held) == (len(pairs), (), 0)
    assert after.bytes_acknowledged == sum(file.stat().st_size for file, _ in pairs)
    assert after.tally.of(State.DONE).files == len(results) == len(pairs)
    assert sum(isinstance(event, FileEnded) for event in events) == len(pairs)
    assert [event.inputs for event in events if isinstance(event, SourceRead)] == [len(pairs)]
    assert_all_in_place(memory, pairs)


async def test_who_takes_no_results_gets_the_files_all_the_same(tmp_path: Path) -> None:
    memory, pairs, all_ended = vault_in_memory(), make_files(tmp_path, 5, sizes=(10,)), anyio.Event()
    ended = 0

    def hook(event: Event | RunEvent) -> None:
        nonlocal ended
        ended += isinstance(event, FileEnded)
        if ended == len(pairs):
            all_ended.set()

    async with memory.vault() as vault, open_run(pairs, vault=vault, journal=tmp_path / "j.db", on_event=hook):
        with anyio.fail_after(20):
            await all_ended.wait()
    assert_all_in_place(memory, pairs)


@pytest.mark.parametrize("lines", [0, 3, 25])
async def test_after_kill_9_the_next_run_finishes(tmp_path: Path, lines: int) -> None:
    switches = Switches(job_queued_s=0.0, job_duration_s=0.0, burst="off", part_min_bytes=1000, job_poll_min_s=0.0)
    config = EmulatorConfig(token="token-for-tests", switches=switches, root=tmp_path / "vault")
    (tmp_path / "files").mkdir()
    async with running_emulator(config) as emulator:
        pairs = make_files(tmp_path / "files", 60, sizes=SIZES_OF_KILLED)
        killed = await anyio.to_thread.run_sync(_run_and_kill, emulator.url, tmp_path / "files", lines)
        async with Vault(emulator.url, TokenLogin("token-for-tests"), limits=LIMITS) as vault:
            results = await run_all(pairs, vault, tmp_path / "files", bulk=BulkOptions())
            assert await vault.list_upload_sessions() == []
        assert all(result.in_vault for result in results)
        assert not killed & set(states(results))
        for file, destination in pairs:
            assert emulator.stored(destination).read_bytes() == file.read_bytes()


def _run_and_kill(url: str, folder: Path, lines: int) -> set[str]:
    """Let a process upload until it has told of so many files; return the names of all that it told."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(max(1, lines))]
        process.kill()
        said += process.stdout.readlines()
    return {Path(line.strip()).name for line in said if line.endswith("\n")}
