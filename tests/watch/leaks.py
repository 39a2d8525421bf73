"""After every test: no task, thread, file descriptor, socket or memory map is left that was not there before.

A pytest plugin. What a wider fixture opens (an emulator for the whole session, a portal) is no leak of the test that
happened to need it first: its setup is measured, and counts as having been there. An open event loop's own idle worker
threads are no leak either; a loop that is forgotten shows by its file descriptors.

It costs 0.05 ms a test, and a bit more when the test is async. Only when something seems to be left, it takes its
time: garbage is collected (a traceback may hold a frame that holds a buffer), and what is about to end may end.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import itertools
import mmap
import os
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Self

import anyio.lowlevel
import pytest

__all__ = ["LeakPlugin", "Left", "WatchedMap", "tasks_left", "watching_maps"]

_DESCRIPTORS = "/proc/self/fd"
"""Where Linux lists what a process has open; elsewhere, descriptors are not watched."""

_TURNS = 20
"""Of the event loop, for tasks that are about to end."""

_RUNNERS_OWN = "TestRunner._call_in_runner_task"
"""The task in which anyio runs each fixture, among them the one that looks."""

_LOOK_S = 0.05
"""How long is waited before it is looked again whether something is still left."""

_maps: weakref.WeakSet[WatchedMap] = weakref.WeakSet()
_numbers = itertools.count(1)


class WatchedMap(mmap.mmap):
    """A memory map that is known by a number and where it was made."""

    number: int
    made_at: str

    def __new__(cls, *arguments: Any, **options: Any) -> Self:  # noqa: ANN401 - the base class's
        self = super().__new__(cls, *arguments, **options)
        caller = sys._getframe(1)
        self.number = next(_numbers)
        self.made_at = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        _maps.add(self)
        return self


@contextlib.contextmanager
def watching_maps() -> Iterator[None]:
    """Let every memory map that is made through the module `mmap` be watched."""
    real = mmap.mmap
    mmap.mmap = WatchedMap  # type: ignore[misc] # so that the code under test needs no change
    try:
        yield
    finally:
        mmap.mmap = real  # type: ignore[misc]


@dataclass(slots=True)
class Left:
    """What there is at one moment, and what of it was not there at another. Holds nothing itself but threads."""

    descriptors: dict[int, str] = field(default_factory=dict)
    threads: set[threading.Thread] = field(default_factory=set)
    maps: dict[int, str] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Left:
        """Look."""
        maps = {each.number: f"{len(each)} bytes made at {each.made_at}" for each in _maps if not each.closed}
        return cls(_open_descriptors(), set(threading.enumerate()), maps)

    def since(self, before: Left) -> Left:
        """Return what is here and was not `before`."""
        return Left(
            {fd: name for fd, name in self.descriptors.items() if before.descriptors.get(fd) != name},
            self.threads - before.threads,
            {number: what for number, what in self.maps.items() if number not in before.maps},
        )

    def add(self, other: Left) -> None:
        """Count this as having been there, too."""
        self.descriptors.update(other.descriptors)
        self.threads |= other.threads
        self.maps.update(other.maps)

    def __bool__(self) -> bool:
        return bool(self.descriptors or self.threads or self.maps)

    def __str__(self) -> str:
        return "; ".join(
            [f"file descriptor {fd} ({name})" for fd, name in sorted(self.descriptors.items())]
            + [f"thread {thread.name!r}" for thread in self.threads]
            + [f"memory map of {what}" for what in self.maps.values()]
        )

    def still_left(self, before: Left, *, looks: int) -> Left:
        """Return what stays of this, when all that is about to end has ended."""
        left = self
        for _ in range(looks):
            gc.collect()
            left = Left.now().since(before)
            left.threads = {thread for thread in left.threads - _threads_of_open_loops() if thread.is_alive()}
            if not left:
                break
            time.sleep(_LOOK_S)
        return left


def _open_descriptors() -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 - three times as fast, and done twice for every test
    except OSError:
        return found
    for name in names:
        with contextlib.suppress(OSError):  # the descriptor that listed the folder is closed again
            found[int(name)] = os.readlink(f"{_DESCRIPTORS}/{name}")  # noqa: PTH115 - as above
    return found


def _open_what_stays_open() -> None:
    """Let libuv make, once, the pipe for signals that every loop of the process shares from then on."""
    if find_spec("uvloop"):
        importlib.import_module("uvloop").new_event_loop().close()


def _threads_of_open_loops() -> set[threading.Thread]:
    """Worker threads that wait for the next call of a loop that is still in use."""
    found: set[threading.Thread] = set()
    for thread in threading.enumerate():
        loop = getattr(thread, "loop", None)  # anyio's have one
        if isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_closed():
            found.add(thread)
    for each in gc.get_objects():
        if isinstance(each, asyncio.BaseEventLoop) and not each.is_closed():
            executor = getattr(each, "_default_executor", None)
            if isinstance(executor, ThreadPoolExecutor):
                found |= executor._threads
    return found


async def tasks_left(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Return the tasks of this event loop that were not there before and do not end by themselves."""
    left = _tasks_since(before)
    for _ in range(_TURNS):
        if not left:
            break
        await anyio.lowlevel.checkpoint()
        left = _tasks_since(before)
    return left


def _tasks_since(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() - before if not task.done() and _name_of(task) != _RUNNERS_OWN}


def _name_of(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "?")


def _described(task: asyncio.Task[Any]) -> str:
    at = [f" at {frame.f_code.co_filename}:{frame.f_lineno}" for frame in task.get_stack(limit=1)]
    return f"task {task.get_name()!r} of {_name_of(task)}{''.join(at)}"


class LeakPlugin:
    """The plugin, with the one test that is watched at a time.

    Args:
        looks: how often is looked before something counts as left; between two of them pass 50 ms.
    """

    def __init__(self, *, looks: int = 40) -> None:
        _open_what_stays_open()
        self._looks = looks
        self._before = Left()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """Look before any fixture of the test is set up."""
        self._before = Left.now()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Let what a wider fixture opens belong to it."""
        if fixturedef.scope == "function":
            return (yield)
        then = Left.now()
        try:
            return (yield)
        finally:
            self._before.add(Left.now().since(then))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Look after all of them are torn down."""
        result = yield
        left = Left.now().since(self._before)
        if left and (left := left.still_left(self._before, looks=self._looks)):
            pytest.fail(f"left behind: {left}", pytrace=False)
        return result

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Let async tests look for tasks, too: it must be done while their event loop is open."""
        for item in items:
            if isinstance(item, pytest.Function) and "anyio_backend" in item.fixturenames:
                _insert_behind_wider_ones(item, "no_task_is_left")

    @pytest.fixture
    async def no_task_is_left(self) -> AsyncIterator[None]:
        """Look for tasks before the test's other fixtures are set up, and after they are torn down."""
        before = asyncio.all_tasks()
        yield
        left = await tasks_left(before)
        if left:
            pytest.fail(f"left behind: {'; '.join(map(_described, left))}", pytrace=False)


def _insert_behind_wider_ones(item: pytest.Function, fixture: str) -> None:
    names, definitions = item.fixturenames, item._fixtureinfo.name2fixturedefs
    if fixture not in names:  # the tests of one function share the list
        own = (at for at, name in enumerate(names) if name in definitions and definitions[name][-1].scope == "function")
        names.insert(next(own, len(names)), fixture)
