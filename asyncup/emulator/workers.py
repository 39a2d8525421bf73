"""Jobs at work: each waits for its time, does its work on disk, and lets the model follow.

Must not know HTTP. The slow part (joining a file's parts) starts at once, so that a job ends when
its time is over unless the disk needs longer; what others can see changes only at the end.

A job's outcome is written down before its work is shown, and that it is done after. A process that
is killed in between finds the outcome when it starts again and shows the work then (`restart`).
"""

import logging
from dataclasses import replace
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from .jobs import CommitUpload, DeleteItem, Job, ListToCsv, MoveItem
from .listing import as_csv
from .refusal import Refusal
from .store import JOINED
from .world import World

LOG = logging.getLogger("asyncup.emulator")


class Workers:
    """Runs the jobs of one Vault in a task group of the caller's."""

    def __init__(self, world: World, group: TaskGroup) -> None:
        self._world = world
        self._group = group
        self._ended: dict[int, anyio.Event] = {}

    async def start(self, job: Job) -> None:
        self._ended[job.id] = anyio.Event()
        await self._world.save_job(job)
        self._group.start_soon(self._run, job)

    async def clean_up_cancelled(self, job: Job) -> None:
        await self._clean_up(job)
        await self._world.save_job(job)

    async def settle(self) -> None:
        """Wait until every job that is due by now has ended."""
        now = self._world.now()
        for job in self._world.model.jobs.pending():
            if job.ends_at <= now and job.id in self._ended:
                await self._ended[job.id].wait()

    async def _run(self, job: Job) -> None:
        try:
            if isinstance(job.effect, CommitUpload):
                await self._assemble(job, job.effect)
            await self._world.clock.sleep_until(job.ends_at)
            await self._end(job)
        except OSError as error:
            if not job.done:  # a cancelled job's parts may go while they are being joined
                LOG.warning("job %d failed: %s", job.id, error)
                job.end("ERRORS_ENCOUNTERED")
            await self._clean_up(job)
        finally:
            self._ended.pop(job.id).set()

    async def _assemble(self, job: Job, effect: CommitUpload) -> None:
        joined = await self._world.store.assemble(effect.session_id, joined_name(job))
        if joined is not None and joined != effect.size:
            raise OSError(f"{joined} of {effect.size} bytes are left of {effect.path}")

    async def _end(self, job: Job) -> None:
        world = self._world
        if job.done:  # cancelled meanwhile, maybe while parts were being joined
            await self._clean_up(job)
            return
        async with world.staging_lock:
            try:
                self._check(job)
            except Refusal:
                job.outcome = "ERRORS_ENCOUNTERED"
            else:
                if isinstance(job.effect, CommitUpload):
                    # Folders on the way may have been made, and spelled, since it was asked for.
                    job.effect = replace(job.effect, path=world.model.staging.spelled(job.effect.path))
                job.outcome = "SUCCESS"
                await world.save_job(job)
                await do_on_disk(world, job)
                do_in_model(world, job)
        await self._clean_up(job)
        job.done = True
        await world.save_job(job)

    def _check(self, job: Job) -> None:
        """Raise what is against the job now, whatever it was when it was asked for."""
        model, effect = self._world.model, job.effect
        if job.fails:
            raise Refusal("OPERATION_NOT_ALLOWED", "A scripted fault")
        if isinstance(effect, CommitUpload):
            model.check_place(effect.path, "job", overwrite=effect.overwrite)
        elif isinstance(effect, MoveItem):
            model.staging.refuse_move(effect.source, effect.target)
        elif isinstance(effect, DeleteItem):
            model.staging.refuse_delete(effect.path, recursive=effect.recursive)
        elif isinstance(effect, ListToCsv):
            model.staging.need(effect.path)
        else:
            assert_never(effect)

    async def _clean_up(self, job: Job) -> None:
        if isinstance(job.effect, CommitUpload):
            self._world.model.uploads.pop(job.effect.session_id, None)
            await forget_parts(self._world, job)


async def do_on_disk(world: World, job: Job) -> None:
    """The half of a job that outlives the process. Harmless when it is done already."""
    store, effect = world.store, job.effect
    if isinstance(effect, CommitUpload):
        await store.show_assembled(joined_name(job), effect.path, world.now())
    elif isinstance(effect, MoveItem):
        await store.move(effect.source, effect.target)
    elif isinstance(effect, DeleteItem):
        await store.delete(effect.path)


def do_in_model(world: World, job: Job) -> None:
    """The half of a job that listings show."""
    staging, effect = world.model.staging, job.effect
    if isinstance(effect, CommitUpload):
        size, overwrite = effect.size, effect.overwrite
        world.model.place_file(effect.path, size, world.now(), overwrite=overwrite)
    elif isinstance(effect, MoveItem):
        staging.move(effect.source, effect.target)
    elif isinstance(effect, DeleteItem):
        staging.delete(effect.path)
    elif isinstance(effect, ListToCsv):
        rows = staging.rows(effect.path, recursive=effect.recursive)
        job.result = as_csv(rows, world.user(effect.viewer), world.switches)
    else:
        assert_never(effect)


async def forget_parts(world: World, job: Job) -> None:
    """After a commit: parts are purged, and so is what was joined but not shown."""
    if isinstance(job.effect, CommitUpload):
        await world.forget_upload(job.effect.session_id)
        await world.store.forget_assembled(joined_name(job))


def joined_name(job: Job) -> str:
    return f"{JOINED}{job.id}"
