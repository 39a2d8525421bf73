"""Every kind of fault at every request of an upload: the right bytes, or one error; and then it can be continued."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given, settings, strategies as st

from asyncup import MemoryBudget, PasswordLogin, upload, upload_file
from asyncup.errors import AsyncupError, UploadSessionConflict
from asyncup.pipeline.results import UploadedFile
from tests.fakes.memory_vault import (
    PASSWORD,
    USER,
    Endpoint,
    Fault,
    MemoryVault,
    broken_off,
    flipped,
    login_expires,
    lost_after,
    lost_before,
    raw,
    refused,
    tls_refused,
    unreachable,
)
from tests.pipeline.files import LocalFile
from tests.pipeline.leftovers import open_files, opened_since, other_tasks, threads_at_work
from tests.pipeline.uploads import OPTIONS, PART_SIZE, Witness, outcome, succeeded

PATH = "/u1/folder/local.bin"
SIZE = 25_000
CONTENT = bytes(range(250)) * 100

FAULTS: Mapping[str, Callable[[], Fault]] = {
    "lost before": lost_before,
    "lost after": lost_after,
    "broken off": lambda: broken_off(after=1000),
    "unreachable": unreachable,
    "tls": tls_refused,
    "flipped on the wire": lambda: flipped("wire"),
    "kept wrongly": lambda: flipped("store"),
    "login expires": login_expires,
    "busy": lambda: refused("API_LIMIT_EXCEEDED"),
    "fault": lambda: refused("UNEXPECTED_ERROR"),
    "invalid": lambda: refused("INVALID_DATA"),
    "no access": lambda: refused("INSUFFICIENT_ACCESS"),
    "exists": lambda: refused("ITEM_NAME_EXISTS"),
    "a type of tomorrow": lambda: refused("SOMETHING_NEW"),
    "500": lambda: raw(500, ""),
    "500 but done": lambda: raw(500, "", done=True),
    "503": lambda: raw(503, "", headers={"retry-after": "3"}),
    "404": lambda: raw(404, "not found"),
    "401": lambda: raw(401, ""),
    "a page": lambda: raw(200, "<html>please log in</html>"),
    "a page but done": lambda: raw(200, "<html>please log in</html>", done=True),
    "nothing": lambda: raw(200, b"", done=True),
    "half an answer": lambda: raw(200, b'{"responseStatus": "SUCCE', done=True),
    "an empty success": lambda: raw(200, b'{"responseStatus": "SUCCESS"}', done=True),
    "a redirection": lambda: raw(302, b"", headers={"location": "https://elsewhere.example/"}),
}
REQUESTS = [
    (Endpoint.LOG_IN, 1),
    (Endpoint.CREATE_ITEM, 1),  # the folder
    (Endpoint.CREATE_SESSION, 1),
    (Endpoint.PUT_PART, 1),
    (Endpoint.PUT_PART, 2),
    (Endpoint.PUT_PART, 3),
    (Endpoint.LIST_PARTS, 1),
    (Endpoint.COMMIT, 1),
    (Endpoint.JOB_STATUS, 1),
]
"""What an upload without trouble asks; `test_these_are_all_requests` proves it."""


def requests_for(fault: str) -> list[tuple[Endpoint, int]]:
    """Return the requests that a fault can happen to: only parts are flipped."""
    return [each for each in REQUESTS if "flipped" not in fault or each[0] is Endpoint.PUT_PART]


@pytest.fixture
def file(local_file: LocalFile) -> LocalFile:
    return LocalFile.write(local_file.path, CONTENT)


def new_vault() -> MemoryVault:
    memory = MemoryVault()
    memory.logins.clear()
    return memory


async def attempt(file: LocalFile, memory: MemoryVault) -> UploadedFile | AsyncupError:
    """Upload, and check what must be true of any upload, however it ends."""
    witness, budget = Witness(), MemoryBudget(2 * PART_SIZE)
    before, tasks_before = open_files(), other_tasks()
    async with memory.vault(PasswordLogin(USER, PASSWORD), retry=OPTIONS.retry) as vault:
        result = await outcome(
            upload_file(file.path, PATH, vault=vault, options=OPTIONS, memory=budget, on_event=witness)
        )
    assert opened_since(before) == []
    assert other_tasks() == tasks_before
    assert threads_at_work() == 0
    assert budget.taken == 0
    assert memory.violations == []
    assert memory.in_flight == 0
    if witness.events:
        witness.assert_consistent()
    if isinstance(result, AsyncupError):
        assert result.path == str(file.path)
        assert result.session_id is None or result.session_id in memory.sessions or memory.jobs
    else:
        assert memory.items == {PATH: CONTENT}
    return result


async def continue_it(file: LocalFile, memory: MemoryVault, session_id: str) -> None:
    """What was left open becomes the file."""
    memory.closed = False
    memory._faults.clear()
    damaged = list(memory.sessions[session_id].parts.values()) not in ([], [CONTENT[:PART_SIZE]])
    only_one = len(memory.sessions[session_id].parts) == 1
    async with memory.vault(PasswordLogin(USER, PASSWORD)) as vault:
        result = await outcome(upload(file.path, session_id, vault=vault, options=OPTIONS, commit=True))
    if only_one and damaged:
        # Nothing shows that the session is this file's.
        assert type(result) is UploadSessionConflict
        return
    assert succeeded(result).committed
    assert memory.items == {PATH: CONTENT}


async def test_these_are_all_requests(file: LocalFile) -> None:
    memory = new_vault()
    succeeded(await attempt(file, memory))
    counts: Counter[Endpoint] = Counter()
    asked = []
    for seen in memory.seen:
        counts[seen.endpoint] += 1
        asked.append((seen.endpoint, counts[seen.endpoint]))
    assert asked == REQUESTS


@pytest.mark.parametrize("name", sorted(FAULTS))
async def test_every_fault_at_every_request(file: LocalFile, name: str) -> None:
    for endpoint, nth in requests_for(name):
        memory = new_vault()
        memory.fail(endpoint, FAULTS[name](), nth=nth)
        result = await attempt(file, memory)
        assert not memory._faults, f"{endpoint} was not called {nth} times"
        if isinstance(result, AsyncupError) and result.session_id in memory.sessions:
            await continue_it(file, memory, result.session_id)


@pytest.mark.parametrize("name", sorted(FAULTS))
async def test_every_fault_without_end(file: LocalFile, name: str) -> None:
    for endpoint in dict.fromkeys(endpoint for endpoint, _ in requests_for(name)):
        memory = new_vault()
        memory.fail(endpoint, *[FAULTS[name]() for _ in range(30)])
        result = await attempt(file, memory)
        assert len(memory._faults) < 30, f"{endpoint} was not called"
        if isinstance(result, AsyncupError) and result.session_id in memory.sessions:
            await continue_it(file, memory, result.session_id)


@settings(max_examples=settings().max_examples // 2)
@given(
    faults=st.lists(
        st.tuples(st.sampled_from(list(Endpoint)), st.integers(1, 6), st.sampled_from(sorted(FAULTS))),
        min_size=2,
        max_size=12,
        unique_by=lambda drawn: drawn[:2],
    ).map(lambda faults: [each for each in faults if each[:2] in requests_for(each[2]) or "flipped" not in each[2]])
)
@example(faults=[(Endpoint.CREATE_SESSION, 1, "500"), (Endpoint.LIST_SESSIONS, 2, "500")])  # told after the end
async def test_many_faults_together(
    tmp_path_factory: pytest.TempPathFactory, faults: list[tuple[Endpoint, int, str]]
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "faults.bin", CONTENT)
    memory = new_vault()
    for endpoint, nth, name in faults:
        memory.fail(endpoint, FAULTS[name](), nth=nth)
    result = await attempt(file, memory)
    if isinstance(result, AsyncupError) and result.session_id in memory.sessions:
        await continue_it(file, memory, result.session_id)
