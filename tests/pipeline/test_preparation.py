"""What every upload begins with, and that its end is tidy."""

import contextlib
import random

import pytest
from hypothesis import given, strategies as st

from asyncup import MemoryBudget, UploadOptions
from asyncup.errors import AsyncupError, ConfigurationError, SourceNotFound
from asyncup.events import Event, Stage, StageEntered
from asyncup.pipeline import preparation as preparation_module
from asyncup.pipeline.preparation import prepare
from asyncup.vault.client import Vault
from tests.fakes.memory_vault import MemoryVault
from tests.pipeline.files import LocalFile, md5
from tests.pipeline.leftovers import open_files, opened_since


async def test_the_callers_choices_are_used(local_file: LocalFile) -> None:
    vault, options, budget = MemoryVault().vault(), UploadOptions(hash_threads=7), MemoryBudget(5)
    events: list[Event] = []
    async with prepare(str(local_file.path), vault, options, budget, events.append) as transfer:
        assert transfer.vault is vault
        assert transfer.options is options
        assert transfer.memory is budget
        assert transfer.source.size == len(local_file.content)
        transfer.clock.enter(Stage.WIRE)
    assert events == [StageEntered(str(local_file.path), Stage.WIRE)]


async def test_everything_has_a_default(local_file: LocalFile) -> None:
    async with prepare(local_file.path, MemoryVault().vault(), None, None, None) as transfer:
        assert transfer.options == UploadOptions()
        assert transfer.memory.total == UploadOptions().memory_budget
        transfer.clock.enter(Stage.WIRE)


@given(
    size=st.integers(0, 300),
    small_up_to=st.none() | st.integers(0, 300),
    at_opening=st.integers(0, 300),
    free=st.integers(0, 300),
)
async def test_a_small_file_is_read_as_it_is_opened_when_there_is_room(
    tmp_path_factory: pytest.TempPathFactory, size: int, small_up_to: int | None, at_opening: int, free: int
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "small.bin", random.Random(size).randbytes(size))
    budget = MemoryBudget(1000)
    await budget.take(1000 - free)
    room = None if small_up_to is None else min(small_up_to, at_opening)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparation_module, "_AT_OPENING", at_opening)
        async with prepare(file.path, MemoryVault().vault(), None, budget, None, small_up_to=small_up_to) as transfer:
            whole = transfer.source.whole
            assert (whole is not None) == (room is not None and size <= room <= free)
            if whole is not None:
                assert whole.content == file.content
                assert whole.md5 == md5(file.content)
                assert room is not None
                assert size <= budget.taken - (1000 - free) == room
            else:
                assert budget.taken == 1000 - free
    assert budget.taken == 1000 - free


async def test_a_budget_comes_from_the_options(local_file: LocalFile) -> None:
    options = UploadOptions(memory_budget=12345)
    async with prepare(local_file.path, MemoryVault().vault(), options, None, None) as transfer:
        assert transfer.memory.total == 12345


async def fail(*, fails: bool) -> None:
    if fails:
        raise AsyncupError("failed")


@pytest.mark.parametrize("fails", [True, False])
async def test_a_vault_of_the_environments_is_closed_and_the_callers_is_not(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    own, callers = MemoryVault(), MemoryVault()
    monkeypatch.setattr(Vault, "from_environment", lambda **_: own.vault())
    for vault in (None, callers.vault()):
        with pytest.raises(AsyncupError) if fails else contextlib.nullcontext():
            async with prepare(local_file.path, vault, None, None, None):
                await fail(fails=fails)
    assert own.closed
    assert not callers.closed


async def test_a_missing_file_is_told_before_a_missing_vault(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VEEVA_VAULT_DNS", raising=False)
    before = open_files()
    with pytest.raises(SourceNotFound):
        async with prepare(local_file.path.with_name("missing"), None, None, None, None):
            pytest.fail("there is neither")
    with pytest.raises(ConfigurationError):
        async with prepare(local_file.path, None, None, None, None):
            pytest.fail("there is no Vault")
    assert opened_since(before) == []


async def test_a_group_becomes_one_exception(local_file: LocalFile) -> None:
    with pytest.raises(AsyncupError, match="inner") as raised:
        async with prepare(local_file.path, MemoryVault().vault(), None, None, None):
            raise ExceptionGroup("tasks", [ExceptionGroup("more", [AsyncupError("inner")])])
    assert raised.value.path == str(local_file.path)
