"""Starting a job for a call, with what a fault script wants of it.

Must not know what jobs do.
"""

from .calls import Call, Fields
from .faults import Do
from .jobs import Effect, Job


async def start_job(call: Call, job: Job) -> None:
    if call.struck_by(Do.JOB_FAILS):
        job.fails = True
    if slow := call.struck_by(Do.JOB_SLOW):
        job.ends_at += slow.seconds
    await call.workers.start(job)


async def as_job(call: Call, effect: Effect) -> Fields:
    """Answer a call with a new job: its id, and where to ask for it (vault-api.md 2)."""
    job = call.world.model.jobs.add(effect, call.request.method, call.user.id, call.now)
    await start_job(call, job)
    return {"data": {"job_id": job.id, "url": f"/api/{call.match.version}/services/jobs/{job.id}"}}
