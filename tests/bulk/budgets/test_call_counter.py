"""Every call is counted once, by what it does, and for the file on whose behalf it was made."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from asyncup import TokenLogin, UploadOptions, Vault, upload_file
from asyncup.bulk.budgets.call_counter import CallCounter, CountingTransport, calls_of_file
from asyncup.errors import VaultUnreachable
from asyncup.protocol.requests import Operation
from tests.fakes.memory_vault import DNS, SMALL, TOKEN, Endpoint, MemoryVault, unreachable

ONE_ATTEMPT = UploadOptions(memory_budget=40_000, create_folders=False)


def counted(memory: MemoryVault, counter: CallCounter) -> Vault:
    vault = Vault(DNS, TokenLogin(TOKEN), limits=SMALL, transport=CountingTransport(memory, counter))

    async def no_time(seconds: float) -> None:
        memory.now_s += seconds

    vault.calls._sleep = no_time
    return vault


async def test_calls_are_counted_per_file_and_for_all(tmp_path: Path) -> None:
    memory, counter = MemoryVault(job_takes_s=0), CallCounter()
    (tmp_path / "small").write_bytes(b"s" * 100)
    (tmp_path / "large").write_bytes(b"l" * 25_000)
    seen: dict[str, CallCounter] = {}

    async def send(name: str) -> None:
        with calls_of_file() as calls:
            seen[name] = calls
            await upload_file(tmp_path / name, f"/{name}", vault=vault, options=ONE_ATTEMPT)

    async with counted(memory, counter) as vault:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, "small")
            tasks.start_soon(send, "large")
        await vault.list_upload_sessions()
    assert memory.items["/large"] == b"l" * 25_000
    assert seen["small"].by_operation == {Operation.CREATE_FILE.value: 1}
    assert seen["large"].by_operation[Operation.PUT_PART.value] == memory.count(Endpoint.PUT_PART)
    assert seen["large"].by_operation[Operation.COMMIT.value] == 1
    assert counter.total == seen["small"].total + seen["large"].total + 1 == len(memory.seen)
    assert counter.by_operation[Operation.LIST_SESSIONS.value] == 1


async def test_a_call_that_fails_counts_too() -> None:
    memory, counter = MemoryVault(), CallCounter()
    memory.fail(Endpoint.LIST_SESSIONS, unreachable(), unreachable(), unreachable())
    async with counted(memory, counter) as vault:
        with calls_of_file() as calls, pytest.raises(VaultUnreachable):
            await vault.list_upload_sessions()
        await vault.list_upload_sessions()
    memory.assert_clean()
    assert (calls.total, counter.total) == (3, 4)
    assert memory.closed
