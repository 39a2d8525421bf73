"""Who leaves something behind is reported, for each kind of thing; who only needs it first, or ends it late, is not."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from tests.watch.leaks import LeakPlugin, watching_maps

def pytest_configure(config):
    config.pluginmanager.register(LeakPlugin(looks=2))

@pytest.fixture(scope="session", autouse=True)
def watched():
    with watching_maps():
        yield
"""
LIARS = """
import asyncio, mmap, os, socket, threading, time
import anyio, pytest
from hypothesis import given, settings, strategies as st, HealthCheck

kept = []

async def test_task():
    kept.append(asyncio.create_task(anyio.sleep_forever(), name="forgotten"))

@settings(max_examples=2)
@given(st.integers())
async def test_task_of_an_example(number):
    kept.append(asyncio.create_task(anyio.sleep_forever(), name="of an example"))

@pytest.fixture
async def careless():
    yield asyncio.create_task(anyio.sleep_forever(), name="of a fixture")

async def test_task_of_a_fixture(careless):
    pass

def test_thread():
    kept.append(threading.Thread(target=time.sleep, args=(60,), name="forgotten", daemon=True))
    kept[-1].start()

def test_file():
    kept.append(open(__file__))

def test_another_file_with_the_same_descriptor(tmp_path):
    kept.pop().close()
    kept.append(open(__file__ + "c", "w"))

async def test_socket():
    kept.append(socket.socket())

def test_pipe():
    kept.extend(os.pipe())

def test_loop():
    kept.append(asyncio.new_event_loop())

def test_memory():
    kept.append(mmap.mmap(-1, 12345))

def test_mapped_file():
    with open(__file__, "rb") as file:
        kept.append(mmap.mmap(file.fileno(), 1, access=mmap.ACCESS_READ))

@pytest.fixture
def forgetful():
    yield kept.append(mmap.mmap(-1, 54321))

def test_memory_of_a_fixture(forgetful):
    pass
"""
REPORTED = {
    "test_task": "task 'forgotten' of sleep_forever at *_eventloop.py:*",
    "test_task_of_an_example": "task 'of an example'*",
    "test_task_of_a_fixture": "task 'of a fixture'*",
    "test_thread": "thread 'forgotten'",
    "test_file": "file descriptor * (*test_liars.py)",
    "test_another_file_with_the_same_descriptor": "file descriptor * (*test_liars.pyc)",
    "test_socket": "file descriptor * (socket:*)",
    "test_pipe": "file descriptor * (pipe:*); file descriptor * (pipe:*)",
    "test_loop": "file descriptor * (*eventpoll*); *(socket:*)*",
    "test_memory": "memory map of 12345 bytes made at *test_liars.py:*",
    "test_mapped_file": "*memory map of 1 bytes made at *test_liars.py:*",
    "test_memory_of_a_fixture": "memory map of 54321 bytes made at *test_liars.py:*",
}
HONEST = """
import asyncio, gc, mmap, threading, time
import anyio, anyio.lowlevel, anyio.to_thread, pytest
from anyio.from_thread import start_blocking_portal

@pytest.fixture(scope="session")
def portal():
    with start_blocking_portal() as portal:
        yield portal

@pytest.fixture(scope="module")
async def served(anyio_backend):
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, lambda stream: stream.aclose())
        yield
        tasks.cancel_scope.cancel()

@pytest.fixture(scope="module")
def memory():
    with mmap.mmap(-1, 100) as memory:
        yield memory

@pytest.fixture
async def connection():
    task = asyncio.create_task(anyio.sleep_forever())
    yield
    task.cancel()

def test_a_wider_fixture_that_is_asked_for_late(request):
    request.getfixturevalue("portal").call(anyio.to_thread.run_sync, time.monotonic)

def test_a_thread_of_a_wider_loop(portal):
    portal.call(anyio.to_thread.run_sync, time.monotonic)
    portal.call(portal_executor)

async def portal_executor():
    await asyncio.get_running_loop().run_in_executor(None, time.monotonic)

async def test_a_wider_async_fixture(served, memory):
    await anyio.to_thread.run_sync(time.monotonic)
    await portal_executor()

async def test_a_task_that_a_fixture_ends(connection):
    pass

async def test_a_task_that_is_about_to_end():
    asyncio.create_task(anyio.lowlevel.checkpoint())

def test_a_thread_that_is_about_to_end():
    threading.Thread(target=time.sleep, args=(0.01,)).start()

def test_garbage():
    circle = [mmap.mmap(-1, 100), open(__file__)]
    circle[1].close()
    circle.append(circle)

def test_closed():
    with mmap.mmap(-1, 100), open(__file__):
        pass
"""


def run(pytester: pytest.Pytester, name: str, tests: str) -> pytest.RunResult:
    """Run tests in a process of their own, which may leave behind what it likes."""
    pytester.makeini("[pytest]\nanyio_mode = auto\n")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(**{name: tests})
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:cov", "-q", "-rE")


def test_every_liar_is_reported(pytester: pytest.Pytester) -> None:
    result = run(pytester, "test_liars", LIARS)
    result.assert_outcomes(passed=len(REPORTED), errors=len(REPORTED))
    for test, left in REPORTED.items():
        result.stdout.fnmatch_lines([f"*ERROR at teardown of {test}[[ ]*", f"*left behind: {left}"])


def test_nobody_else_is(pytester: pytest.Pytester) -> None:
    result = run(pytester, "test_honest", HONEST)
    result.assert_outcomes(passed=8)
