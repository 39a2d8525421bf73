"""`upload_file`: one local file to one path in file staging, whatever way suits its size."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncup.errors import AsyncupError, DestinationError, SizeMismatch, SourceChanged
from asyncup.events import EventHook, Stage
from asyncup.pipeline.commit import commit
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.own_session import Resume, abort_own_sessions, in_use, own_session, without_twin
from asyncup.pipeline.own_task import in_own_task
from asyncup.pipeline.preparation import prepare
from asyncup.pipeline.results import UploadedFile
from asyncup.pipeline.resume import Continuation
from asyncup.pipeline.single_error import forget_session, naming_session
from asyncup.pipeline.small_file import send_small_file
from asyncup.pipeline.transfer import Transfer, Transferred
from asyncup.protocol.paths import file_destination, parent_of
from asyncup.protocol.responses import UploadSession
from asyncup.vault.client import Vault

__all__ = ["upload_file"]

_ABORT_WITHIN_S = 10.0


async def upload_file(  # noqa: PLR0913 - all but two are keyword-only and have a default
    path: str | os.PathLike[str],
    destination: str,
    *,
    vault: Vault | None = None,
    overwrite: bool = False,
    resume: Resume = "never",
    options: UploadOptions | None = None,
    memory: MemoryBudget | None = None,
    on_event: EventHook | None = None,
    drain: Drain | None = None,
) -> UploadedFile:
    """Upload a file and wait until it is visible in file staging.

    A small file goes in one request; a larger one through an upload session, which is created, filled, committed, and
    whose job is waited for. When it fails in a way that can be continued, or is cancelled, the upload session is left
    open and `error.session_id` (or the event `UploadSessionOpened`) names it: `upload` continues it, and so does this
    function with `resume="continue"`. When it cannot be continued, because the file has changed, the session is
    aborted.

    Args:
        path: the local file.
        destination: its path in Vault, such as "/u42/folder/video.mp4".
        vault: the Vault; None takes it, and the credentials, from the environment, as `Vault.from_environment`.
        overwrite: replace a file of that name.
        resume: what to do with an upload session that an earlier run has left for this destination and size.
            "continue" looks for one, at the price of one or two calls, and sends what it lacks when its parts are the
            beginning of this file; others are left alone. "restart" aborts all that this user has made. "never"
            (default) does not look: a program that knows its upload session's id has `upload` for it, and two
            programs that upload the same file at the same time do not meet in one upload session.
        options: how; None takes the defaults.
        memory: a byte budget shared with other uploads; None makes one of `options.memory_budget`.
        on_event: told of everything that happens, see `asyncup.events`.
        drain: ends the upload early and in order, see `asyncup.pipeline.drain`.

    Returns:
        What is now in Vault.

    Raises:
        AsyncupError: always one exception of this family, never a group; `str()` of it says what to do.
    """
    try:
        target = file_destination(destination)
    except DestinationError as error:
        raise error.locate(path=os.fspath(path)) from None
    small_up_to = None if vault is None else _small_file_max(vault, options)
    async with prepare(path, vault, options, memory, on_event, drain, small_up_to=small_up_to) as transfer:
        if transfer.source.whole is not None:
            # By nothing that needs a task of its own, which would cost as much as half of the request.
            return await _in_one_request(transfer, target, overwrite=overwrite)
        return await _from_file(transfer, target, overwrite=overwrite, resume=resume)


@in_own_task
async def _from_file(transfer: Transfer, target: str, *, overwrite: bool, resume: Resume) -> UploadedFile:
    """Send a file that is still to be read, in whatever way suits its size."""
    if transfer.source.size <= _small_file_max(transfer.vault, transfer.options):
        return await _in_one_request(transfer, target, overwrite=overwrite)
    transfer.plan()  # whether Vault's limits allow the file is known before anything is asked of Vault
    if resume == "restart":
        await abort_own_sessions(transfer, target)
    if resume == "continue":
        async with own_session(transfer, target, overwrite=overwrite) as own:
            if own is not None:
                transfer.opened(own.session.id, created=False)
                done = await _through_session(transfer, own.session, own.continuation)
                return _uploaded(transfer, target, own.session, *done)
    session = await _new_session(transfer, target, overwrite=overwrite)
    with in_use(transfer.vault, session.id):
        async with without_twin(transfer.vault, session):
            done = await _through_session(transfer, session)
    return _uploaded(transfer, target, session, *done)


async def _make_folders(transfer: Transfer, target: str) -> None:
    transfer.clock.enter(Stage.VAULT)
    if transfer.options.create_folders:
        await transfer.vault.folders.ensure(parent_of(target))


async def _in_one_request(transfer: Transfer, target: str, *, overwrite: bool) -> UploadedFile:
    await _make_folders(transfer, target)
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


async def _new_session(transfer: Transfer, target: str, *, overwrite: bool) -> UploadSession:
    await _make_folders(transfer, target)
    # One whose answer is not waited for would be left behind without anybody's knowing.
    with transfer.lane.in_flight():
        session = await transfer.vault.create_upload_session(target, transfer.source.size, overwrite=overwrite)
        transfer.opened(session.id, created=True)
    return session


async def _through_session(
    transfer: Transfer, session: UploadSession, continuation: Continuation | None = None
) -> tuple[Transferred, int | None]:
    """Fill and commit an upload session. Return what was done, and the job by which Vault made the file."""
    async with _abort_when_useless(transfer, session):
        done = await transfer.run(session, continuation)
        return done, await commit(transfer, session, done)


def _uploaded(
    transfer: Transfer, target: str, session: UploadSession, done: Transferred, job_id: int | None
) -> UploadedFile:
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


def _small_file_max(vault: Vault, options: UploadOptions | None) -> int:
    largest = vault.limits.max_item_size
    chosen = None if options is None else options.small_file_max
    return largest if chosen is None else min(chosen, largest)


@asynccontextmanager
async def _abort_when_useless(transfer: Transfer, session: UploadSession) -> AsyncIterator[None]:
    """Abort the session when what it holds can never become the file; leave it, and say so, when it can."""
    try:
        with naming_session(session.id):
            yield
    except* (SourceChanged, SizeMismatch) as useless:
        if useless.subgroup(_may_fit_all_the_same) is not None:
            raise
        # Not after a wrong MD5, because the parts before that one are good; nor after a conflict, because then
        # somebody else writes to the session, and it is not ours to abort.
        with anyio.move_on_after(_ABORT_WITHIN_S, shield=True), contextlib.suppress(AsyncupError):
            await transfer.vault.abort_upload_session(session.id)
            forget_session(useless)
        raise


def _may_fit_all_the_same(error: BaseException) -> bool:
    """Permissions or links of the file were changed: whoever continues the session compares the bytes."""
    return isinstance(error, SourceChanged) and error.attributes_only
