"""Asked to end, an upload begins nothing new, lets what is on its way arrive, and can be continued."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from asyncup import MemoryBudget, upload, upload_file
from asyncup.errors import AsyncupError, UploadInterrupted
from asyncup.events import Event, PartAcknowledged, PartStarted, UploadStarted
from asyncup.pipeline.drain import Drain, Lane
from asyncup.pipeline.results import UploadedFile
from tests.fakes.memory_vault import Endpoint, MemoryVault, lost_before, refused, slow_answer, unreachable
from tests.pipeline.files import ENOUGH_S, LocalFile
from tests.pipeline.leftovers import open_files, opened_since, other_tasks, threads_at_work
from tests.pipeline.uploads import OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"


class Ending:
    """An upload that is asked to end at a certain moment."""

    def __init__(self, file: LocalFile, memory: MemoryVault) -> None:
        self.file = file
        self.memory = memory
        self.drain = Drain()
        self.witness = Witness()
        self.budget = MemoryBudget(3 * PART_SIZE)

    async def upload_file(self, when: Callable[[Event], bool] = lambda _: False) -> UploadedFile | AsyncupError:
        """Upload, ask it to end at the first event that `when` is true of, and see that nothing is left behind."""
        before, tasks = open_files(), other_tasks()

        def on_event(event: Event) -> None:
            self.witness(event)
            if when(event):
                self.drain.request()

        async with self.memory.vault(retry=OPTIONS.retry) as vault:
            result = await outcome(
                upload_file(
                    self.file.path,
                    PATH,
                    vault=vault,
                    options=OPTIONS,
                    memory=self.budget,
                    on_event=on_event,
                    drain=self.drain,
                )
            )
            assert vault.upload_sessions_in_use == set()
        assert self.budget.taken == 0
        assert opened_since(before) == []
        assert other_tasks() == tasks
        assert threads_at_work() == 0
        assert self.memory.violations == []
        return result

    async def goes_on(self, error: UploadInterrupted) -> None:
        """The upload session that the error names becomes the file, without a part sent twice."""
        assert error.session_id is not None
        self.memory.closed = False
        sent = self.memory.effects.count(Endpoint.PUT_PART)
        async with self.memory.vault() as vault:
            done = await upload(self.file.path, error.session_id, vault=vault, options=OPTIONS, commit=True)
        assert done.resumed_parts == sent
        assert self.memory.items == {PATH: self.file.content}
        assert self.memory.effects.count(Endpoint.PUT_PART) == PARTS


def interrupted(result: object) -> UploadInterrupted:
    assert isinstance(result, UploadInterrupted), result
    assert result.path is not None
    return result


@pytest.mark.parametrize(
    ("session_id", "job_id", "left"),
    [
        (None, None, "no upload session is open"),
        ("session 1", None, "the upload session is left open"),
        (None, 7, "finishes the file by itself (job 7)"),
        ("session 1", 7, "finishes the file by itself (job 7)"),
    ],
)
async def test_what_is_under_way_may_arrive_and_nothing_beside_it_is_begun(
    session_id: str | None, job_id: int | None, left: str
) -> None:
    drain, done, errors = Drain(), list[str](), list[UploadInterrupted]()

    async def send(lane: Lane) -> None:
        lane.session_id, lane.job_id = session_id, job_id
        with lane.in_flight():
            drain.request()
            with pytest.raises(UploadInterrupted) as refusal, lane.in_flight():
                done.append("begun")
            errors.append(refusal.value)
            await anyio.lowlevel.checkpoint()
            done.append("arrived")
        await anyio.lowlevel.checkpoint()
        done.append("went on")

    with pytest.raises(UploadInterrupted) as ended, drain.lane() as lane:
        await send(lane)
    assert done == ["arrived"]
    for error in (*errors, ended.value):
        assert left in str(error)
        assert (error.session_id, error.job_id) == (session_id, job_id)
        assert bool(error.hint) == (job_id is None), "what Vault finishes needs no continuation"


@pytest.mark.parametrize("number", [1, 5, PARTS])
async def test_the_part_on_its_way_arrives_and_no_other_is_begun(local_file: LocalFile, number: int) -> None:
    memory = MemoryVault()
    ending = Ending(local_file, memory)
    result = await ending.upload_file(lambda event: isinstance(event, PartStarted) and event.part == number)
    error = interrupted(result)
    assert memory.effects.count(Endpoint.PUT_PART) == number
    assert len(ending.witness.of(PartAcknowledged)) == number
    assert Endpoint.COMMIT not in memory.effects
    assert error.job_id is None
    await ending.goes_on(error)


async def test_it_waits_for_the_answer_as_long_as_it_takes(local_file: LocalFile) -> None:
    memory, may_answer = MemoryVault(), anyio.Event()
    memory.fail(Endpoint.PUT_PART, slow_answer(may_answer), nth=3)
    ending = Ending(local_file, memory)
    results: list[object] = []

    async def run() -> None:
        results.append(await ending.upload_file())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        with anyio.fail_after(ENOUGH_S):
            while memory.effects.count(Endpoint.PUT_PART) < 3:
                await anyio.lowlevel.checkpoint()
        ending.drain.request()
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
        assert results == []
        may_answer.set()
    assert memory.effects.count(Endpoint.PUT_PART) == 3
    await ending.goes_on(interrupted(results[0]))


async def test_asked_before_it_begins_it_does_nothing(local_file: LocalFile) -> None:
    memory = MemoryVault()
    ending = Ending(local_file, memory)
    ending.drain.request()
    error = interrupted(await ending.upload_file())
    assert error.session_id is None
    assert memory.seen == []


async def test_a_part_that_failed_is_not_tried_again(local_file: LocalFile) -> None:
    for fault in (lost_before, unreachable, lambda: refused("API_LIMIT_EXCEEDED")):
        memory = MemoryVault()
        memory.fail(Endpoint.PUT_PART, fault(), nth=4)
        ending = Ending(local_file, memory)
        result = await ending.upload_file(lambda event: isinstance(event, PartStarted) and event.part == 4)
        assert memory.count(Endpoint.PUT_PART) == 4
        await ending.goes_on(interrupted(result))


async def test_a_small_file_on_its_way_is_a_success(local_file: LocalFile) -> None:
    small = LocalFile.write(local_file.path, local_file.content[:400])
    memory = MemoryVault()
    ending = Ending(small, memory)
    succeeded(await ending.upload_file(lambda event: isinstance(event, PartStarted)))
    assert memory.items == {PATH: small.content}
    assert ending.drain.requested


async def test_a_small_file_that_was_not_begun_is_not(local_file: LocalFile) -> None:
    small = LocalFile.write(local_file.path, local_file.content[:400])
    memory = MemoryVault()
    error = interrupted(await Ending(small, memory).upload_file(lambda event: isinstance(event, UploadStarted)))
    assert error.session_id is None
    assert memory.items == {}


async def test_an_upload_session_that_is_being_made_is_known(local_file: LocalFile) -> None:
    memory, may_answer = MemoryVault(), anyio.Event()
    memory.fail(Endpoint.CREATE_SESSION, slow_answer(may_answer))
    ending = Ending(local_file, memory)
    results: list[object] = []

    async def run() -> None:
        results.append(await ending.upload_file())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        with anyio.fail_after(ENOUGH_S):
            while not memory.sessions:
                await anyio.lowlevel.checkpoint()
        ending.drain.request()
        may_answer.set()
    error = interrupted(results[0])
    assert [error.session_id] == list(memory.sessions)
    await ending.goes_on(error)


async def test_a_commit_on_its_way_is_taken_and_its_job_named(local_file: LocalFile) -> None:
    memory, may_answer = MemoryVault(), anyio.Event()
    memory.fail(Endpoint.COMMIT, slow_answer(may_answer))
    ending = Ending(local_file, memory)
    results: list[object] = []

    async def run() -> None:
        results.append(await ending.upload_file())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        with anyio.fail_after(ENOUGH_S):
            while Endpoint.COMMIT not in memory.effects:
                await anyio.lowlevel.checkpoint()
        ending.drain.request()
        may_answer.set()
    error = interrupted(results[0])
    assert error.session_id is None
    assert [error.job_id] == list(memory.jobs)
    assert f"job {error.job_id}" in str(error)


async def test_all_uploads_of_a_drain_end(tmp_path_factory: pytest.TempPathFactory, local_file: LocalFile) -> None:
    """The ones with a part on its way let it arrive, those that wait for memory end at once."""
    memory, drain, budget = MemoryVault(), Drain(), MemoryBudget(2 * PART_SIZE)
    may_answer = anyio.Event()
    memory.fail(Endpoint.PUT_PART, *[slow_answer(may_answer)] * 2)
    results: list[object] = []

    async def run(work: Callable[[], Awaitable[object]]) -> None:
        results.append(await outcome(work()))

    async with memory.vault() as vault, anyio.create_task_group() as tasks:
        for number in range(6):
            work = partial(
                upload_file,
                local_file.path,
                f"/u1/{number}",
                vault=vault,
                options=OPTIONS,
                memory=budget,
                drain=drain,
            )
            tasks.start_soon(run, work)
        with anyio.fail_after(ENOUGH_S):
            while len(memory.sessions) < 6 or memory.effects.count(Endpoint.PUT_PART) < 1:
                await anyio.lowlevel.checkpoint()
        drain.request()
        may_answer.set()
    assert len(results) == 6
    assert {type(result) for result in results} == {UploadInterrupted}
    left = {error.session_id for error in results if isinstance(error, UploadInterrupted)}
    assert left == set(memory.sessions)
    assert budget.taken == 0


async def test_what_was_done_before_it_was_asked_is_done(local_file: LocalFile) -> None:
    memory = MemoryVault()
    ending = Ending(local_file, memory)
    succeeded(await ending.upload_file())
    ending.drain.request()
    assert memory.items == {PATH: local_file.content}


@pytest.mark.parametrize("moment", range(0, 260, 7))
async def test_asked_at_any_moment_it_is_done_or_can_be_continued(local_file: LocalFile, moment: int) -> None:
    memory = MemoryVault()
    ending = Ending(local_file, memory)
    results: list[UploadedFile | AsyncupError] = []

    async def run() -> None:
        results.append(await ending.upload_file())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        for _ in range(moment):
            await anyio.lowlevel.checkpoint()
        ending.drain.request()
    [result] = results
    if not isinstance(result, UploadInterrupted):
        succeeded(result)
        assert memory.items == {PATH: local_file.content}
    elif result.session_id is not None:
        await ending.goes_on(result)
    else:
        assert memory.sessions == {}
