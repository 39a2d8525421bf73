"""Starting on a root that an earlier emulator worked on: everything is as it was.

Must not know HTTP. Bytes are found by `store`, the rest comes from `records`. Files that somebody
else put below `<root>/files` before the start are simply there, too.
"""

from .jobs import CommitUpload, Job, ListToCsv
from .records import job_from, restore_logins, upload_from
from .workers import Workers, do_in_model, do_on_disk, forget_parts
from .world import World


async def restore(world: World, workers: Workers) -> None:
    """Bring back logins, items, upload sessions and jobs, and start the jobs that have not ended."""
    await world.store.open()
    for record in await world.records.load("logins"):
        restore_logins(world.model.logins, record, world.now())
    jobs = [job_from(record) for record in await world.records.load("jobs")]
    decided = [job for job in jobs if job.outcome is not None and not job.done]
    for job in decided:
        await do_on_disk(world, job)
    await _restore_items(world)
    for job in decided:
        await _end(world, job)
    for job in jobs:
        world.model.jobs.restore(job)
    await _restore_uploads(world)
    for job in world.model.jobs.pending():
        await workers.start(job)


async def _restore_items(world: World) -> None:
    staging = world.model.staging
    for path, size, date in await world.store.held_items():
        if size is None:
            staging.make_folders(path)
        else:
            staging.put_file(path, size, date, overwrite=True)
    for user in world.config.users:
        await world.store.make_folder(user.home)


async def _end(world: World, job: Job) -> None:
    """The rest of a job that was killed between deciding and showing: only a listing is left."""
    if isinstance(job.effect, ListToCsv):
        do_in_model(world, job)
    await forget_parts(world, job)
    job.done = True
    await world.save_job(job)


async def _restore_uploads(world: World) -> None:
    pending = world.model.jobs.pending()
    committing = {job.effect.session_id for job in pending if isinstance(job.effect, CommitUpload)}
    known: set[str] = set()
    for record in await world.records.load("sessions"):
        upload = upload_from(record)
        for part, date in await world.store.held_parts(upload.id):
            upload.parts[part.number] = part
            upload.uploaded += part.size
            upload.last_uploaded_at = date
        upload.committed = upload.id in committing
        known.add(upload.id)
        if not upload.committed or world.switches.session_after_commit == "until-job":
            world.model.uploads[upload.id] = upload
    await world.store.forget_other_uploads(known)
