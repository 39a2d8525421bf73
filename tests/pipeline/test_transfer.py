"""Reader, hasher and sender together: bounded memory, verified sizes, and bytes that stay what they were."""

from __future__ import annotations

import gc
import mmap
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import anyio.lowlevel
import pytest

from asyncup import MemoryBudget, UploadOptions, upload
from asyncup.errors import (
    AsyncupError,
    JobFailed,
    SizeMismatch,
    SourceChanged,
    UploadSessionConflict,
    VaultUnreachable,
)
from asyncup.events import BufferKind, BuffersChanged, BytesWritten, Event, PartAcknowledged, PartHashed, UploadStarted
from asyncup.protocol.answers import Answer
from asyncup.vault.transport import Body, HttpRequest
from tests.fakes.memory_vault import SMALL, Endpoint, Fault, MemoryVault, broken_off, do, lost_before, unreachable
from tests.pipeline.files import ENOUGH_S, LocalFile, open_and_close, overwrite_a_byte, require_leases, truncate
from tests.pipeline.leftovers import threads_at_work
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"
KINDS: list[Literal["auto", "copied"]] = ["auto", "copied"]


class HoardingVault(MemoryVault):
    """A transport that keeps what it was given of broken requests, as a connection does that is still being closed."""

    def __init__(self) -> None:
        super().__init__()
        self.hoard: list[tuple[memoryview, bytes]] = []

    async def send(self, request: HttpRequest) -> Answer:
        if request.body is None or isinstance(request.body, bytes):
            return await super().send(request)
        kept = Kept(request.body)
        try:
            answer = await super().send(replace(request, body=kept))
        except Exception:
            self.hoard += kept.views
            raise
        for view, _ in kept.views:
            view.release()
        return answer

    def assert_untouched(self) -> None:
        """Fail when what a broken request still holds has changed since."""
        assert self.hoard, "no request was broken"
        for view, was in self.hoard:
            assert view == was
            view.release()


class Kept:
    """A body whose slices are remembered."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.views: list[tuple[memoryview, bytes]] = []

    @property
    def length(self) -> int:
        return self._body.length

    async def slices(self) -> AsyncIterator[memoryview]:
        async for view in self._body.slices():
            self.views.append((view, bytes(view)))
            yield view


@pytest.mark.parametrize("buffers", KINDS)
@pytest.mark.parametrize("fault", [lost_before(), broken_off(after=5000)], ids=["lost", "broken off"])
async def test_a_broken_attempts_bytes_stay_what_they_were(
    local_file: LocalFile, buffers: Literal["auto", "copied"], fault: Fault
) -> None:
    """The connection that is closed may still send: what it sends must not have become another part's bytes."""
    memory = HoardingVault()
    session_id = memory.open_session(PATH, 95_000)
    for nth in (1, 4, 8):
        memory.fail(Endpoint.PUT_PART, fault, nth=nth)
    options = replace(OPTIONS, buffers=buffers, memory_budget=PART_SIZE, content_md5="off")
    async with memory.vault() as vault:
        await upload(local_file.path, session_id, vault=vault, options=options)
    assert memory.sessions[session_id].content == local_file.content
    memory.assert_untouched()
    memory.assert_clean()


async def test_another_size_is_refused_before_a_byte_is_sent(local_file: LocalFile) -> None:
    memory = MemoryVault()
    for size in (0, 94_999, 95_001):
        session_id = memory.open_session(PATH, size)
        async with memory.vault() as vault:
            error = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True))
            assert type(error) is SizeMismatch
            assert error.session_id == session_id
            assert error.path == str(local_file.path)
            assert str(size) in str(error)
            assert "95000" in str(error)
        memory.closed = False
    assert {seen.endpoint for seen in memory.seen} == {Endpoint.SESSION_DETAILS}


async def test_a_session_that_is_known_to_be_empty_is_not_listed(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    async with memory.vault() as vault:
        await upload(local_file.path, session_id, vault=vault, options=OPTIONS)
    assert memory.count(Endpoint.LIST_PARTS) == 0
    assert memory.count(Endpoint.SESSION_DETAILS) == 1


def _change_parts(change: Callable[[dict[int, bytes]], object]) -> Fault:
    def by_somebody_else(memory: MemoryVault) -> None:
        (session,) = memory.sessions.values()
        change(session.parts)

    return do(by_somebody_else)


SOMEBODY_ELSE: Mapping[str, Callable[[dict[int, bytes]], object]] = {
    "nobody": lambda parts: None,
    "the last part is gone": lambda parts: parts.popitem(),
    "the first part is gone": lambda parts: parts.pop(1),
    "other bytes": lambda parts: parts.update({4: bytes(PART_SIZE)}),
    "a part more": lambda parts: parts.update({PARTS + 1: b"more"}),
    "everything in one part": lambda parts: parts.update({number: bytes(95_000) for number in (1,)}),
}


@pytest.mark.parametrize("name", sorted(SOMEBODY_ELSE))
async def test_nothing_is_committed_but_the_acknowledged_parts(local_file: LocalFile, name: str) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    memory.fail(Endpoint.LIST_PARTS, _change_parts(SOMEBODY_ELSE[name]))
    async with memory.vault() as vault:
        result = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True))
    if name == "nobody":
        assert succeeded(result).committed
        assert memory.items[PATH] == local_file.content
    else:
        assert type(result) is UploadSessionConflict
        assert result.session_id == session_id
        assert Endpoint.COMMIT not in memory.effects
    memory.assert_clean()


async def test_a_job_without_end_is_given_up_and_named(local_file: LocalFile) -> None:
    memory = MemoryVault(job_takes_s=1e9)
    session_id = memory.open_session(PATH, 95_000)
    options = replace(OPTIONS, job_timeout_s=60.0)
    async with memory.vault() as vault:
        error = await outcome(upload(local_file.path, session_id, vault=vault, options=options, commit=True))
    assert type(error) is JobFailed
    (job_id,) = memory.jobs
    assert error.job_id == job_id
    assert 60 <= sum(memory.waited) < 120


async def test_a_vault_that_goes_away_while_its_job_runs_has_every_byte(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    memory.fail(Endpoint.JOB_STATUS, *[unreachable()] * ATTEMPTS)
    async with memory.vault() as vault:
        error = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True))
    assert type(error) is VaultUnreachable
    (job_id,) = memory.jobs
    assert str(job_id) in error.hint


@pytest.mark.parametrize("buffers", KINDS)
@pytest.mark.parametrize("budget", [1, PART_SIZE, 15_000, 3 * PART_SIZE, 1_000_000])
async def test_memory_stays_within_the_budget(
    local_file: LocalFile, budget: int, buffers: Literal["auto", "copied"]
) -> None:
    memory, budget_used, most = MemoryVault(), MemoryBudget(budget), 0
    session_id = memory.open_session(PATH, 95_000)

    def watch(_: object) -> None:
        nonlocal most
        most = max(most, budget_used.taken)

    async with memory.vault() as vault:
        await upload(
            local_file.path,
            session_id,
            vault=vault,
            options=replace(OPTIONS, buffers=buffers),
            memory=budget_used,
            on_event=watch,
        )
    assert memory.sessions[session_id].content == local_file.content
    assert 0 < most <= budget
    assert budget_used.taken == 0
    assert memory.most_in_flight == 1


async def test_parts_are_read_and_hashed_while_one_is_sent(local_file: LocalFile) -> None:
    """The first part is on the wire until the third is hashed: in sequence this would never end."""
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    hashed = anyio.Event()
    memory.fail(Endpoint.PUT_PART, Fault(until=hashed))

    def on_event(event: Event) -> None:
        if isinstance(event, PartHashed) and event.part == 3:
            hashed.set()

    with anyio.fail_after(20):
        async with memory.vault() as vault:
            await upload(local_file.path, session_id, vault=vault, options=OPTIONS, on_event=on_event)
    memory.assert_clean()


@pytest.mark.parametrize("budget", [40_000, 8_000, 1])
async def test_the_plan_is_made_for_the_budget(local_file: LocalFile, budget: int) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    options = UploadOptions(memory_budget=budget)
    async with memory.vault() as vault:
        result = await upload(local_file.path, session_id, vault=vault, options=options)
    assert memory.sessions[session_id].content == local_file.content
    assert SMALL.min_part_size <= result.part_size <= max(budget // 4, -(-95_000 // SMALL.max_parts))


# -- the file changes while it is sent


@pytest.mark.parametrize("buffers", KINDS)
@pytest.mark.parametrize("at", range(1, PARTS + 1))
@pytest.mark.parametrize("act", [truncate, overwrite_a_byte])
async def test_a_file_that_changes_at_any_part_is_never_committed(
    local_file: LocalFile, act: Callable[[Path], None], at: int, buffers: Literal["auto", "copied"]
) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    # From the event loop's own thread: a lease must not make a deadlock of it.
    memory.fail(Endpoint.PUT_PART, do(lambda _: act(local_file.path)), nth=at)
    options = replace(OPTIONS, buffers=buffers)
    async with memory.vault() as vault:
        error = await outcome(upload(local_file.path, session_id, vault=vault, options=options, commit=True))
    assert type(error) is SourceChanged
    assert error.path == str(local_file.path)
    assert Endpoint.COMMIT not in memory.effects
    held = memory.sessions[session_id]
    assert all(content == local_file.part(number, PART_SIZE) for number, content in held.parts.items())


@pytest.mark.parametrize("at", range(1, PARTS + 1))
async def test_a_file_that_is_replaced_is_never_committed(local_file: LocalFile, tmp_path: Path, at: int) -> None:
    other = LocalFile.write(tmp_path / "other", local_file.content)
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)

    def replace_it(_: MemoryVault) -> None:
        other.path.replace(local_file.path)

    memory.fail(Endpoint.PUT_PART, do(replace_it), nth=at)
    async with memory.vault() as vault:
        error = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True))
    assert type(error) is SourceChanged
    assert Endpoint.COMMIT not in memory.effects


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
@pytest.mark.parametrize("at", range(1, PARTS + 1))
async def test_a_writer_that_changes_nothing_lets_the_upload_go_on(
    local_file: LocalFile, tmp_path: Path, at: int
) -> None:
    require_leases(tmp_path)
    memory, witness, told = MemoryVault(), Witness(), anyio.Event()
    session_id = memory.open_session(PATH, 95_000)
    # It comes on the event loop's own thread, and the part is answered when its coming was noticed.
    memory.fail(Endpoint.PUT_PART, Fault(before=lambda _: open_and_close(local_file.path), until=told), nth=at)

    def on_event(event: Event) -> None:
        witness(event)
        if isinstance(event, BuffersChanged):
            told.set()

    async with memory.vault() as vault:
        await upload(local_file.path, session_id, vault=vault, options=OPTIONS, on_event=on_event)
    assert memory.sessions[session_id].content == local_file.content
    assert [event.buffers for event in witness.of(UploadStarted)] == [BufferKind.MAPPED]
    assert [event.buffers for event in witness.of(BuffersChanged)] == [BufferKind.COPIED]
    assert len(witness.of(PartAcknowledged)) == PARTS
    witness.assert_consistent()
    memory.assert_clean()
    assert threads_at_work() == 0


# -- after a failure


def _truncate_while_it_is_sent(memory: MemoryVault, file: LocalFile, make_room: Callable[[], None]) -> None:
    """A part is on its way until another one, for which there is memory only now, cannot be read."""

    def truncate_then_make_room(_: MemoryVault) -> None:
        truncate(file.path)
        make_room()

    memory.fail(Endpoint.PUT_PART, Fault(before=truncate_then_make_room, until=anyio.Event()), nth=3)


def _hold_other_bytes(memory: MemoryVault) -> None:
    (session,) = memory.sessions.values()
    session.parts = dict.fromkeys((1, 2, 3), bytes(PART_SIZE))


FAILURES: Mapping[str, Callable[[MemoryVault, LocalFile, Callable[[], None]], None]] = {
    "lost": lambda memory, *_: memory.fail(Endpoint.PUT_PART, *[lost_before()] * ATTEMPTS, nth=3),
    "away": lambda memory, *_: memory.fail(Endpoint.PUT_PART, *[unreachable()] * ATTEMPTS, nth=3),
    "changed": lambda memory, file, _: memory.fail(Endpoint.PUT_PART, do(lambda _: truncate(file.path)), nth=3),
    "changed meanwhile": _truncate_while_it_is_sent,
    "ended": lambda memory, *_: memory.fail(Endpoint.PUT_PART, do(lambda memory: memory.sessions.clear()), nth=3),
    "conflict": lambda memory, *_: memory.fail(Endpoint.SESSION_DETAILS, do(_hold_other_bytes)),
}


def mapped_bytes() -> int:
    """Return how much memory the maps have that this process holds."""
    return sum(len(each) for each in gc.get_objects() if type(each) is mmap.mmap and not each.closed)


@pytest.mark.parametrize("buffers", KINDS)
@pytest.mark.parametrize("failure", sorted(FAILURES))
async def test_a_failed_upload_holds_no_memory(
    local_file: LocalFile, failure: str, buffers: Literal["auto", "copied"]
) -> None:
    """Not until the garbage collector comes, nor as long as somebody keeps the error: it would be a whole budget."""
    gc.collect()
    gc.disable()
    try:
        before = mapped_bytes()
        errors = []
        for _ in range(5):
            local_file.path.write_bytes(local_file.content)
            memory = MemoryVault()
            session_id = memory.open_session(PATH, 95_000)
            budget = MemoryBudget(4 * PART_SIZE)
            await budget.take(2 * PART_SIZE)
            FAILURES[failure](memory, local_file, partial(budget.give_back, 2 * PART_SIZE))
            async with memory.vault(retry=OPTIONS.retry) as vault:
                options = replace(OPTIONS, buffers=buffers)
                error = await outcome(upload(local_file.path, session_id, vault=vault, options=options, memory=budget))
            assert isinstance(error, AsyncupError)
            errors.append(error)
            del error, vault, memory
            held = mapped_bytes() - before
            one_part = PART_SIZE + mmap.PAGESIZE
            assert held <= one_part * len(errors), "one part's at most, which the error's traceback was sending"
        errors.clear()
        with anyio.fail_after(ENOUGH_S):
            while mapped_bytes() > before:  # noqa: ASYNC110 - a worker thread forgets its last call in its own time
                await anyio.sleep(0.001)
    finally:
        gc.enable()


async def test_parts_are_smaller_for_a_line_that_has_shown_to_be_slow(local_file: LocalFile) -> None:
    memory = MemoryVault()

    def at_a_slow_pace(event: Event) -> None:
        if isinstance(event, BytesWritten):
            memory.now_s += event.length / 200.0

    sizes = []
    async with memory.vault() as vault:
        for number in range(2):
            session_id = memory.open_session(f"/u1/{number}", 95_000)
            await upload(local_file.path, session_id, vault=vault, on_event=at_a_slow_pace)
            assert vault.part_rate.bytes_per_s == pytest.approx(200.0)
            sizes.append(len(memory.sessions[session_id].parts[1]))
    assert sizes == [8192, 4096]  # whole pages, of what half a minute takes
    memory.assert_clean()
