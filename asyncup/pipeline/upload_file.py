"""`upload_file`: one local file to one path in file staging, whatever way suits its size."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncup.errors import AsyncupError, DestinationError, SizeMismatch, SourceChanged
from asyncup.events import EventHook, Stage, UploadSessionOpened
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.own_task import in_own_task
from asyncup.pipeline.preparation import prepare
from asyncup.pipeline.results import UploadedFile
from asyncup.pipeline.single_error import forget_session, naming_session
from asyncup.pipeline.small_file import send_small_file
from asyncup.pipeline.transfer import Transfer
from asyncup.protocol.paths import file_destination, parent_of
from asyncup.protocol.responses import UploadSession
from asyncup.vault.client import Vault

__all__ = ["upload_file"]

_ABORT_WITHIN_S = 10.0


@in_own_task
async def upload_file(
    path: str | os.PathLike[str],
    destination: str,
    *,
    vault: Vault | None = None,
    overwrite: bool = False,
    options: UploadOptions | None = None,
    memory: MemoryBudget | None = None,
    on_event: EventHook | None = None,
) -> UploadedFile:
    """Upload a file and wait until it is visible in file staging.

    A small file goes in one request; a larger one through an upload session, which is created, filled, committed, and
    whose job is waited for. When it fails in a way that can be continued, or is cancelled, the upload session is left
    open and `error.session_id` (or the event `UploadSessionOpened`) names it: `upload` continues it. When it cannot be
    continued, because the file has changed, the session is aborted.

    Args:
        path: the local file.
        destination: its path in Vault, such as "/u42/folder/video.mp4".
        vault: the Vault; None takes it, and the credentials, from the environment, as `Vault.from_environment`.
        overwrite: replace a file of that name.
        options: how; None takes the defaults.
        memory: a byte budget shared with other uploads; None makes one of `options.memory_budget`.
        on_event: told of everything that happens, see `asyncup.events`.

    Returns:
        What is now in Vault.

    Raises:
        AsyncupError: always one exception of this family, never a group; `str()` of it says what to do.
    """
    try:
        target = file_destination(destination)
    except DestinationError as error:
        raise error.locate(path=os.fspath(path)) from None
    async with prepare(path, vault, options, memory, on_event) as transfer:
        if transfer.source.size > _small_file_max(transfer):
            transfer.plan()  # whether Vault's limits allow the file is known before anything is asked of Vault
        transfer.clock.enter(Stage.VAULT)
        if transfer.options.create_folders:
            await transfer.vault.folders.ensure(parent_of(target))
        if transfer.source.size <= _small_file_max(transfer):
            return await _in_one_request(transfer, target, overwrite=overwrite)
        return await _through_session(transfer, target, overwrite=overwrite)


async def _in_one_request(transfer: Transfer, target: str, *, overwrite: bool) -> UploadedFile:
    md5, written = await send_small_file(transfer, target, overwrite=overwrite)
    elapsed_s, waits_s = transfer.finish()
    return UploadedFile(
        path=transfer.source.path,
        destination=target,
        size=transfer.source.size,
        session_id=None,
        parts=1,
        part_size=transfer.source.size,
        resumed_parts=0,
        md5s=(md5,),
        bytes_written=written,
        elapsed_s=elapsed_s,
        waits_s=waits_s,
        job_id=None,
    )


async def _through_session(transfer: Transfer, target: str, *, overwrite: bool) -> UploadedFile:
    session = await transfer.vault.create_upload_session(target, transfer.source.size, overwrite=overwrite)
    transfer.emit(UploadSessionOpened(transfer.source.path, session.id, created=True))
    async with _abort_when_useless(transfer, session):
        done = await transfer.run(session)
        job_id = await transfer.commit(session, done)
    elapsed_s, waits_s = transfer.finish()
    return UploadedFile(
        path=transfer.source.path,
        destination=target,
        size=done.machine.plan.size,
        session_id=session.id,
        parts=done.machine.plan.parts,
        part_size=done.machine.plan.part_size,
        resumed_parts=done.resumed_parts,
        md5s=done.md5s,
        bytes_written=done.bytes_written,
        elapsed_s=elapsed_s,
        waits_s=waits_s,
        job_id=job_id,
    )


def _small_file_max(transfer: Transfer) -> int:
    largest = transfer.vault.limits.max_item_size
    chosen = transfer.options.small_file_max
    return largest if chosen is None else min(chosen, largest)


@asynccontextmanager
async def _abort_when_useless(transfer: Transfer, session: UploadSession) -> AsyncIterator[None]:
    """Abort the session when what it holds can never become the file; leave it, and say so, when it can."""
    try:
        with naming_session(session.id):
            yield
    except* (SourceChanged, SizeMismatch) as useless:
        # Not after a wrong MD5, because the parts before that one are good; nor after a conflict, because then
        # somebody else writes to the session, and it is not ours to abort.
        with anyio.move_on_after(_ABORT_WITHIN_S, shield=True), contextlib.suppress(AsyncupError):
            await transfer.vault.abort_upload_session(session.id)
            forget_session(useless)
        raise
