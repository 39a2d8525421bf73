"""A blocking call of asyncup's on an event loop raises; one of a test's, or of a worker thread's, does not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType

import anyio
import anyio.to_thread
import pytest

import asyncup
from tests.watch.blocking import BlockingError

PACKAGE = Path(asyncup.__file__).parent


def as_if_in(file: Path, function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    """Return a call of `function` that comes from a module at `file`."""
    code: CodeType = compile("def call():\n    return function(*arguments)\n", str(file), "exec")
    names: dict[str, object] = {"function": function, "arguments": arguments}
    exec(code, names)  # noqa: S102 - there is no other way to be somebody else
    call = names["call"]
    assert callable(call)
    return call


def taken_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


# Nothing but the standard library's own functions: a line of this file would be a test's, which may block.
BLOCKING: dict[str, Callable[[Path], Callable[[], object]]] = {
    "stat": lambda path: path.stat,
    "listing": lambda path: partial(os.listdir, path.parent),
    "reading": lambda path: path.read_bytes,
    "writing": lambda path: partial(path.write_bytes, b"more"),
    "sleeping": lambda path: partial(time.sleep, 0.001),
    "waiting for a lock": lambda path: partial(taken_lock().acquire, timeout=0.001),
}
LIBRARY = Path("/library/module.py")
each_kind = pytest.mark.parametrize("kind", BLOCKING)


@pytest.fixture
def block(tmp_path: Path, kind: str) -> Callable[[], object]:
    """Something that blocks."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return BLOCKING[kind](path)


@pytest.mark.both_loops
@each_kind
@pytest.mark.parametrize("module", ["pipeline/new.py", "vault/new.py", "emulator/new.py", "cli/new.py"])
async def test_asyncup_may_not_block_the_loop(block: Callable[[], object], module: str) -> None:
    with pytest.raises(BlockingError):
        as_if_in(PACKAGE / module, as_if_in(LIBRARY, block))()


@pytest.mark.both_loops
@each_kind
async def test_not_even_when_a_test_has_called_it(block: Callable[[], object]) -> None:
    inner = as_if_in(PACKAGE / "vault" / "inner.py", as_if_in(LIBRARY, block))
    outer = as_if_in(PACKAGE / "vault" / "outer.py", as_if_in(Path(__file__), inner))
    with pytest.raises(BlockingError):
        outer()


@pytest.mark.both_loops
@each_kind
async def test_asyncup_may_block_a_worker_thread(block: Callable[[], object]) -> None:
    await anyio.to_thread.run_sync(as_if_in(PACKAGE / "pipeline" / "new.py", as_if_in(LIBRARY, block)))


@each_kind
def test_asyncup_may_block_where_no_loop_runs(block: Callable[[], object]) -> None:
    as_if_in(PACKAGE / "cli" / "new.py", as_if_in(LIBRARY, block))()


@pytest.mark.both_loops
@each_kind
async def test_a_test_may_block(block: Callable[[], object]) -> None:
    block()


@pytest.mark.both_loops
@each_kind
async def test_a_fake_that_asyncup_calls_may_block(block: Callable[[], object]) -> None:
    as_if_in(PACKAGE / "vault" / "new.py", as_if_in(Path(__file__), block))()
