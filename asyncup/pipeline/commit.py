"""From an upload session that holds every part to a file that is visible. Must not know buffers, hashing or sending."""

from __future__ import annotations

from asyncup.errors import AsyncupError, JobFailed
from asyncup.events import JobStatusSeen, Stage
from asyncup.pipeline.transfer import Transfer, Transferred
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import UploadSession
from asyncup.protocol.retry import Verdict, classify
from asyncup.protocol.upload_session import UploadSessionMachine, compare_with_acknowledged

__all__ = ["commit", "take_commit"]


async def commit(transfer: Transfer, session: UploadSession, done: Transferred) -> int | None:
    """Commit a session that holds every part, and wait until the file is visible. Return the job's id if known.

    Raises:
        UploadSessionConflict: the session does not hold the file's parts; nothing is committed.
        JobFailed: Vault could not make the file of the parts.
    """
    job_id = await take_commit(transfer, session, done)
    if job_id is not None:
        await _wait_for_job(transfer, job_id)
    return job_id


async def take_commit(transfer: Transfer, session: UploadSession, done: Transferred) -> int | None:
    """Commit a session that holds every part. Return the job that is to be waited for; None when the file is visible.

    What Vault holds is compared once more, part by part: a part that came late, or that somebody else sent, may have
    replaced one that was acknowledged.

    Raises:
        UploadSessionConflict: the session does not hold the file's parts; nothing is committed.
    """
    transfer.clock.enter(Stage.VAULT)
    if done.machine.plan.parts:
        compare_with_acknowledged(await transfer.vault.list_parts(session.id), done.machine.plan, done.md5s)
    with transfer.lane.in_flight():
        job_id = await _send(transfer, session, done.machine)
        transfer.lane.session_id, transfer.lane.job_id = None, job_id
    return job_id


async def _send(transfer: Transfer, session: UploadSession, machine: UploadSessionMachine) -> int | None:
    machine.commit()
    try:
        job_id = await transfer.vault.commit_upload_session(session)
    except AsyncupError as error:
        if classify(Operation.COMMIT, error) is Verdict.RECONCILE:
            machine.doubt()
        else:
            machine.refuse()
        raise
    machine.accept_commit()
    return job_id


async def _wait_for_job(transfer: Transfer, job_id: int) -> None:
    try:
        await transfer.vault.wait_for_job(
            job_id,
            within_s=transfer.options.job_timeout_s,
            on_status=lambda status: transfer.emit(JobStatusSeen, transfer.source.path, job_id, status),
        )
    except JobFailed:
        raise
    except AsyncupError as error:
        error.hint = (
            f"Vault has every byte and finishes the file by itself: look at job {job_id} before uploading again"
        )
        raise
