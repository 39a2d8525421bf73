"""Settings beside the journal: read strictly, written as a whole, noticed while it runs, forgotten at the beginning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from anyio.to_thread import run_sync as in_thread
from hypothesis import given, strategies as st

from asyncup.bulk.budgets.bandwidth_timetable import parse_bandwidth
from asyncup.bulk.run.live_settings import (
    LiveSettings,
    forget_settings,
    parse_settings,
    settings_path,
    tune,
    watch_settings,
)
from asyncup.errors import ConfigurationError

ENOUGH_S = 20.0


def test_the_file_is_beside_the_journal(tmp_path: Path) -> None:
    assert settings_path(tmp_path / "run.journal") == tmp_path / "run.journal.tune.json"


def test_what_is_not_said_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "j.tune.json"
    assert tune(path, LiveSettings(lanes=8)) == LiveSettings(lanes=8)
    both = tune(path, LiveSettings(memory=10**6, bandwidth=parse_bandwidth("08:00,1M 20:00,off")))
    assert both == LiveSettings(lanes=8, memory=10**6, bandwidth=parse_bandwidth("08:00,1M 20:00,off"))
    assert parse_settings(path.read_text()) == both
    assert tune(path, LiveSettings(lanes=3)).memory == 10**6
    assert [entry.name for entry in tmp_path.iterdir()] == ["j.tune.json"]
    forget_settings(path)
    forget_settings(path)
    assert list(tmp_path.iterdir()) == []


def test_what_makes_no_sense_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "j.tune.json"
    path.write_text("{nonsense")
    assert tune(path, LiveSettings(lanes=2)) == LiveSettings(lanes=2) == parse_settings(path.read_text())


def test_a_folder_that_is_not_there_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tune(tmp_path / "away" / "j.tune.json", LiveSettings(lanes=2))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no JSON"),
        ("[1]", "no JSON object"),
        ('{"lane": 3}', "name 'lane'"),
        ('{"lanes": 0}', "lanes must be at least 1"),
        ('{"lanes": true}', "lanes must be a whole number"),
        ('{"lanes": 2.5}', "lanes must be a whole number"),
        ('{"memory": -1}', "memory must be at least 1"),
        ('{"memory": "1G"}', "memory must be a whole number"),
        ('{"bwlimit": 10}', "bwlimit must be text"),
        ('{"bwlimit": "10"}', "bandwidth limit '10'"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_the_file_is_read_strictly(text: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        parse_settings(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_settings(text)
    except ConfigurationError:
        return


@asynccontextmanager
async def watched(path: Path) -> AsyncIterator[MemoryObjectReceiveStream[LiveSettings | str]]:
    send, receive = anyio.create_memory_object_stream[LiveSettings | str](100)

    async def watch() -> None:
        await watch_settings(path, send.send_nowait, lambda problem: send.send_nowait(problem.message), every_s=0.001)

    with send, receive, anyio.fail_after(ENOUGH_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            yield receive
            tasks.cancel_scope.cancel()


async def test_each_version_is_told_of_once(tmp_path: Path) -> None:
    path = tmp_path / "j.tune.json"
    async with watched(path) as told:
        await in_thread(tune, path, LiveSettings(lanes=3))
        assert await told.receive() == LiveSettings(lanes=3)
        await in_thread(tune, path, LiveSettings(lanes=5))
        assert await told.receive() == LiveSettings(lanes=5)
        path.with_name("broken").write_text('{"lanes": "many"}')
        path.with_name("broken").replace(path)
        assert await told.receive() == "lanes must be a whole number, not 'many'"
        await in_thread(forget_settings, path)
        assert await told.receive() == LiveSettings()
        with pytest.raises(anyio.WouldBlock):
            told.receive_nowait()
