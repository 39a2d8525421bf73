"""What an earlier run on the same journal has left, and what becomes of it."""

from pathlib import Path

import pytest

from asyncup.bulk.journal.entry import State
from asyncup.bulk.run.events import RunEvent, RunWarning
from asyncup.bulk.run.open_run import open_run
from asyncup.bulk.run.options import BulkOptions
from asyncup.errors import VaultUnreachable
from asyncup.events import Event
from asyncup.pipeline.options import UploadOptions
from asyncup.protocol.retry import RetryPolicy
from tests.bulk.runs import assert_all_in_place, make_files, run_all, vault_in_memory
from tests.fakes.memory_vault import Endpoint, unreachable

FEW = RetryPolicy(max_attempts=1)
OPTIONS = UploadOptions(memory_budget=100_000, retry=FEW)


async def test_what_is_left_out_now_is_forgotten_with_its_upload_session(tmp_path: Path) -> None:
    memory = vault_in_memory()
    pairs = make_files(tmp_path, 5, sizes=(400, 25_000))
    memory.fail(Endpoint.PUT_PART, *[unreachable()] * 3, nth=3)
    async with memory.vault(retry=FEW) as vault:
        with pytest.raises(VaultUnreachable):
            await run_all(pairs, vault, tmp_path, options=OPTIONS, bulk=BulkOptions(start_lanes=1, lanes=1))
    memory._faults.clear()
    memory.closed = False
    assert memory.sessions
    said = list[str]()

    def hook(event: Event | RunEvent) -> None:
        if isinstance(event, RunWarning):
            said.append(event.text)

    async with (
        memory.vault() as vault,
        open_run([], vault=vault, journal=tmp_path / "j.db", on_event=hook, still_wanted=lambda _: False) as run,
    ):
        assert [result async for result in run.results()] == []
        entries = [entry async for entry in run.journal.entries()]
        assert run.journal.tally.of().files == len(entries) < len(pairs)
    assert {entry.state for entry in entries} <= {State.DONE}
    assert not memory.sessions
    assert any("are left out now" in line for line in said), said
    memory.closed = False
    async with memory.vault() as vault:
        results = await run_all(pairs, vault, tmp_path)  # they are inputs again
    assert {result.state for result in results} == {State.DONE}
    assert len(results) == len(pairs) - len(entries)
    assert_all_in_place(memory, pairs)
