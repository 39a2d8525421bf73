"""Finding our own unfinished upload session of a file: what an earlier run, which died or was stopped, has left.

Ours is a session for the same destination and the same size that this user made (Vault lets nobody else send parts:
documented) and whose parts are the beginning of this very file. Sessions that are in use by this program are nobody's
to find, so that two uploads never share one. What another program is doing at this moment cannot be seen: should it be
sending the same file to the same place, the two send the same bytes, and the one that commits second is told that the
session is gone.

Must not know sending, nor how a new session is made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import anyio

from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    LimitExceeded,
    LoginError,
    UploadSessionConflict,
    UploadSessionNotFound,
    VaultError,
)
from asyncup.events import Stage, UnfinishedSessionSeen
from asyncup.pipeline.resume import Continuation
from asyncup.pipeline.single_error import only_error
from asyncup.pipeline.transfer import Transfer
from asyncup.protocol.paths import same_path
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import UploadSession
from asyncup.protocol.retry import Verdict, classify
from asyncup.vault.client import Vault

__all__ = ["OwnSession", "Resume", "abort_own_sessions", "in_use", "own_session", "without_twin"]

_ABORT_WITHIN_S = 10.0

Resume = Literal["never", "continue", "restart"]
"""What `upload_file` does with its own unfinished upload session for the same destination and size."""


@dataclass(frozen=True, slots=True)
class OwnSession:
    """An unfinished session, and how it is gone on with."""

    session: UploadSession
    continuation: Continuation


@contextmanager
def in_use(vault: Vault, session_id: str) -> Iterator[None]:
    """Keep every other upload of this client away from an upload session.

    Raises:
        UploadSessionConflict: one is using it already.
    """
    if session_id in vault.upload_sessions_in_use:
        raise UploadSessionConflict(
            "another upload of this program sends into this upload session", hint="Wait until that one has ended"
        ).locate(session_id=session_id)
    vault.upload_sessions_in_use.add(session_id)
    try:
        yield
    finally:
        vault.upload_sessions_in_use.discard(session_id)


@asynccontextmanager
async def without_twin(vault: Vault, session: UploadSession) -> AsyncIterator[None]:
    """Remove, at the end, what a lost answer to the session's creation may have left: a Vault has 50 of them."""
    try:
        yield
    finally:
        with anyio.move_on_after(_ABORT_WITHIN_S, shield=True), suppress(AsyncupError):
            await vault.abort_twin(session)


@asynccontextmanager
async def own_session(transfer: Transfer, destination: str, *, overwrite: bool) -> AsyncIterator[OwnSession | None]:
    """Yield the unfinished session that holds the most of the file, kept for this upload alone; None without one.

    Sessions that hold other bytes are passed over, told, and left alone.
    """
    found = await _unfinished(transfer, destination)
    fitting = [session for session in found if session.overwrite in (None, overwrite)]
    for session in sorted(fitting, key=lambda each: (each.uploaded or 0, each.created_date or ""), reverse=True):
        if session.id in transfer.vault.upload_sessions_in_use:
            continue
        with in_use(transfer.vault, session.id):
            continuation = await _look_into(transfer, session)
            if continuation is not None:
                yield OwnSession(session, continuation)
                return
    yield None


async def abort_own_sessions(transfer: Transfer, destination: str) -> None:
    """Abort every unfinished session of ours for this destination and size, whatever it holds.

    Only those of which Vault says that this user made them.
    """
    for session in await _unfinished(transfer, destination):
        if session.owner is None or session.id in transfer.vault.upload_sessions_in_use:
            continue
        try:
            await transfer.vault.abort_upload_session(session.id)
        except VaultError as error:
            if isinstance(error, LoginError | AccessRefused):
                raise
            await _expect_gone(transfer.vault, session.id, error)
        transfer.emit(UnfinishedSessionSeen, transfer.source.path, session.id, aborted=True)


async def _unfinished(transfer: Transfer, destination: str) -> list[UploadSession]:
    """Return the open sessions for the file's destination and size that this user has made."""
    transfer.clock.enter(Stage.VAULT)
    listed = [
        session
        for session in await transfer.vault.list_upload_sessions()
        if session.path is not None and same_path(session.path, destination) and session.size == transfer.source.size
    ]
    if all(session.owner is None for session in listed):
        return listed
    # An administrator is shown everybody's (documented).
    me = (await transfer.vault.who_am_i()).id
    return [session for session in listed if session.owner in (None, me)]


async def _look_into(transfer: Transfer, session: UploadSession) -> Continuation | None:
    """Return how a session is continued, or None when it is not this file's, or has ended meanwhile."""
    try:
        with only_error():
            return await transfer.look_into(session)
    except (UploadSessionConflict, LimitExceeded):
        transfer.emit(UnfinishedSessionSeen, transfer.source.path, session.id, aborted=False)
    except VaultError as error:
        if not _is_about_the_parts(error):
            raise
        await _expect_gone(transfer.vault, session.id, error)
    return None


def _is_about_the_parts(error: VaultError) -> bool:
    """Which error an ended session is answered with is unknown; one about the login or of a busy Vault is not it."""
    about_others = isinstance(error, LoginError | AccessRefused)
    return not about_others and classify(Operation.LIST_PARTS, error) is Verdict.GIVE_UP


async def _expect_gone(vault: Vault, session_id: str, error: AsyncupError) -> None:
    """Raise `error` unless Vault does not know the session any more, which explains it."""
    try:
        await vault.upload_session(session_id)
    except UploadSessionNotFound:
        return
    raise error
