"""Commands run on uvloop where there is one."""

import asyncio
import sys

import pytest

from asyncup.cli.event_loop import run_in_event_loop


async def running_loop() -> type[asyncio.AbstractEventLoop]:
    return type(asyncio.get_running_loop())


def test_uvloop_is_taken_when_it_can_be_imported() -> None:
    uvloop = pytest.importorskip("uvloop")
    assert run_in_event_loop(running_loop) is uvloop.Loop


def test_without_uvloop_it_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_in_event_loop(running_loop).__module__.startswith("asyncio.")


def test_no_loop_is_left_installed() -> None:
    run_in_event_loop(running_loop)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
