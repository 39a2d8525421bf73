"""`upload`: one local file into one upload session that somebody made."""

from __future__ import annotations

import os

from asyncup.events import EventHook, Stage
from asyncup.pipeline.commit import commit as commit_session
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.own_session import in_use
from asyncup.pipeline.own_task import in_own_task
from asyncup.pipeline.preparation import prepare
from asyncup.pipeline.results import UploadResult
from asyncup.pipeline.single_error import naming_session
from asyncup.vault.client import Vault

__all__ = ["upload"]


@in_own_task
async def upload(
    path: str | os.PathLike[str],
    session_id: str,
    *,
    vault: Vault | None = None,
    commit: bool = False,
    options: UploadOptions | None = None,
    memory: MemoryBudget | None = None,
    on_event: EventHook | None = None,
    drain: Drain | None = None,
) -> UploadResult:
    """Send what an upload session lacks of a file. Calling it again is the resume.

    The session's own state decides what is sent: parts that it holds are compared with the file by MD5 and not sent
    again. Cancelling leaves the session as it is, to be continued.

    Args:
        path: the local file.
        session_id: the upload session, created for exactly this file's size by the same user (documented).
        vault: the Vault; None takes it, and the credentials, from the environment, as `Vault.from_environment`.
        commit: commit afterwards, and wait until the file is visible. False sends parts only.
        options: how; None takes the defaults.
        memory: a byte budget shared with other uploads; None makes one of `options.memory_budget`.
        on_event: told of everything that happens, see `asyncup.events`.
        drain: ends the upload early and in order, see `asyncup.pipeline.drain`.

    Returns:
        What is now in the upload session.

    Raises:
        AsyncupError: always one exception of this family, never a group; `str()` of it says what to do.
    """
    async with prepare(path, vault, options, memory, on_event, drain) as transfer:
        with naming_session(session_id), in_use(transfer.vault, session_id):
            transfer.lane.session_id = session_id
            transfer.clock.enter(Stage.VAULT)
            session = await transfer.vault.upload_session(session_id)
            transfer.opened(session_id, created=False)
            done = await transfer.run(session)
            job_id = await commit_session(transfer, session, done) if commit else None
        elapsed_s, waits_s = transfer.finish()
    return UploadResult(
        path=transfer.source.path,
        session_id=session_id,
        destination=session.path,
        size=done.machine.plan.size,
        parts=done.machine.plan.parts,
        part_size=done.machine.plan.part_size,
        resumed_parts=done.resumed_parts,
        md5s=done.md5s,
        bytes_written=done.bytes_written,
        elapsed_s=elapsed_s,
        waits_s=waits_s,
        committed=commit,
        job_id=job_id,
    )
