"""What a lane does with one file: looks whether it is in place, sends it in one request or through an upload session.

Ends with the change that the journal is to be told, or with a commit whose job somebody else waits for. Must not know
which file comes next, how often a file is tried, or what a failure means for the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from asyncup.bulk.in_vault.in_place import A_FOLDER
from asyncup.bulk.inputs.item import Leftover
from asyncup.bulk.journal.entry import (
    CommitStarted,
    Entry,
    Failed,
    LeftInVault,
    SessionClosed,
    SessionOpened,
    Skipped,
)
from asyncup.bulk.lanes.arrival import Arrival
from asyncup.bulk.lanes.same_file import compare_with_manifest, is_outdated
from asyncup.bulk.lanes.tools import CommitTaken, LaneTools, Sent
from asyncup.errors import (
    AccessRefused,
    ItemExists,
    LimitExceeded,
    LoginError,
    SizeMismatch,
    UploadSessionConflict,
    UploadSessionNotFound,
    VaultError,
)
from asyncup.events import Event, RetryScheduled, Stage
from asyncup.pipeline.commit import take_commit
from asyncup.pipeline.own_session import in_use, without_twin
from asyncup.pipeline.preparation import prepare
from asyncup.pipeline.resume import Continuation
from asyncup.pipeline.single_error import naming_session, only_error
from asyncup.pipeline.small_file import send_small_file
from asyncup.pipeline.transfer import Transfer
from asyncup.protocol.paths import parent_of, same_path
from asyncup.protocol.responses import UploadSession

__all__ = ["LaneWork"]

_NAME_TAKEN = "ITEM_NAME_EXISTS"
_IN_PLACE = "a file of the same size is in place"
_WRITTEN_ANEW = "the local file was written anew since it was first begun"
_DAMAGED = "what an earlier attempt had sent there arrived damaged"
_COMMITTED = "an earlier run had committed it"


class LaneWork:
    """One file in one lane, once.

    Args:
        entry: the file.
        tools: what it is sent with.
        emit: told of every event.
        found_session: an upload session that nobody remembers, and that must be this file's.
        over_damaged: what is at the destination came from this very run, damaged: it is replaced, whatever its size.

    Attributes:
        open_session: the upload session that is open for it now, as far as is known here.
    """

    def __init__(
        self,
        entry: Entry,
        tools: LaneTools,
        emit: Callable[[Event], None],
        *,
        found_session: str | None = None,
        over_damaged: bool = False,
    ) -> None:
        self._entry = entry
        self._tools = tools
        self._emit = emit
        self._destination = entry.destination or ""
        self._over_damaged = over_damaged
        self._overwrite = over_damaged or (tools.overwrite if entry.overwrite is None else entry.overwrite)
        self._must_be_read_back = False
        self.open_session = entry.session_id or found_session

    async def run(self) -> Sent | CommitTaken | Skipped | Failed:
        """Send the file, unless it is in place.

        Raises:
            UploadInterrupted: the lanes were asked to end.
            AsyncupError: the file cannot be sent.
        """
        tools = self._tools
        settled = await self._settled_by_listing()
        if settled is not None:
            return settled
        async with prepare(
            self._entry.file,
            tools.vault,
            tools.options,
            tools.memory,
            self._emit,
            tools.drain,
            small_up_to=None if self._entry.large else tools.large_from - 1,
        ) as transfer:
            await compare_with_manifest(self._entry, transfer)
            if transfer.source.size < tools.large_from:
                await self.abort()  # the upload session of when it was larger
                return await self._in_one_request(transfer)
            transfer.plan()  # whether Vault's limits allow the file is known before anything is asked of Vault
            async with tools.slots.hold():
                return await self._through_session(transfer)

    async def abort(self) -> None:
        """Abort the upload session that is open, if one is, and tell the journal so.

        Raises:
            AsyncupError: Vault does not do it.
        """
        if self.open_session is None:
            return
        vault = self._tools.vault
        try:
            await vault.abort_upload_session(self.open_session)
        except VaultError as refusal:
            if isinstance(refusal, LoginError | AccessRefused):
                raise
            with suppress(UploadSessionNotFound):  # it was committed, or has ended
                await vault.upload_session(self.open_session)
                raise
        await self.forget_session()

    async def _settled_by_listing(self) -> Skipped | Failed | None:
        if not self._tools.look_first or self._over_damaged:
            return None
        there = await self._tools.in_place.size_of(self._destination)
        if there is None:
            return None
        outdated = await is_outdated(self._entry)
        if there == self._entry.size and not outdated:
            if self._entry.attempts > 1 and not self._entry.large:
                # A killed run may have sent it, and not have learned that it arrived damaged.
                self._must_be_read_back = True
                return None
            await self.abort()
            return Skipped(reason=_IN_PLACE)
        if self._overwrite and there != A_FOLDER:
            return None
        what = "a folder" if there == A_FOLDER else f"a file of {there} bytes"
        why = ""
        if outdated:
            why = f", and {_DAMAGED if self._entry.leftover is Leftover.DAMAGED else _WRITTEN_ANEW}"
        await self.abort()
        return Failed(
            error_type=_NAME_TAKEN,
            error=f"{what} is at {self._destination} already{why}; nothing was sent. Allow overwriting, or remove it",
        )

    async def _in_one_request(self, transfer: Transfer) -> Sent | Skipped:
        if self._must_be_read_back and await self._arrival(transfer).is_this_file():
            return Skipped(reason=_IN_PLACE)
        await self._make_folders(transfer)
        size = transfer.source.size
        try:
            with only_error():
                md5, _ = await send_small_file(transfer, self._destination, overwrite=self._overwrite)
        except ItemExists:
            # What an earlier run had sent when it was killed may have come after the folder was listed.
            if not await self._arrival(transfer).is_this_file():
                raise
            return Skipped(reason=_IN_PLACE)
        transfer.finish()
        return Sent(size, (md5,), 1, transfer.source.identity)

    async def _through_session(self, transfer: Transfer) -> Sent | CommitTaken | Skipped:
        session, continuation = None, None
        if self.open_session is not None:
            session, continuation = await self._remembered(transfer, self.open_session)
            if session is None and await self._arrival(transfer).was_committed():
                return Skipped(reason=_COMMITTED)
        if session is None:
            session = await self._new_session(transfer)
        async with self._kept_alone(transfer, session):
            done = await transfer.run(session, continuation)
            source = transfer.source
            sent = Sent(source.size, done.md5s, done.machine.plan.parts, source.identity)
            # Nothing is awaited behind this: an ending run must not lose a commit that was taken.
            with transfer.lane.in_flight():
                job_id = await take_commit(transfer, session, done)
                self.open_session = None
                if job_id is not None:
                    taken = CommitStarted(job_id=job_id, md5s=sent.md5s, parts=sent.parts, identity=sent.identity)
                    await self._tools.journal.record(self._entry.id, taken)
        transfer.finish()
        return sent if job_id is None else CommitTaken(job_id, sent)

    @asynccontextmanager
    async def _kept_alone(self, transfer: Transfer, session: UploadSession) -> AsyncIterator[None]:
        async with without_twin(transfer.vault, session):
            with naming_session(session.id), in_use(transfer.vault, session.id):
                yield

    async def _remembered(
        self, transfer: Transfer, session_id: str
    ) -> tuple[UploadSession, Continuation] | tuple[None, None]:
        """Return the session that an earlier run, or attempt, has left, and how it is gone on with."""
        transfer.clock.enter(Stage.VAULT)
        try:
            session = await transfer.vault.upload_session(session_id)
        except UploadSessionNotFound:
            await self.forget_session()
            return None, None
        if session.path is not None and not same_path(session.path, self._destination):
            # Results that were edited named it: it is for another file, and may be somebody else's.
            await self.forget_session()
            return None, None
        if session.overwrite in (None, self._overwrite):
            try:
                with only_error():
                    continuation = await transfer.look_into(session)
            except (UploadSessionConflict, LimitExceeded, SizeMismatch):
                pass  # the file is another one than it was
            else:
                if self._entry.session_id != session_id:
                    await self._tools.journal.record(self._entry.id, SessionOpened(session_id=session_id))
                transfer.opened(session_id, created=False)
                return session, continuation
        await self.abort()
        return None, None

    def _arrival(self, transfer: Transfer) -> Arrival:
        return Arrival(self._entry, self._tools, transfer, overwrite=self._overwrite)

    async def _new_session(self, transfer: Transfer) -> UploadSession:
        await self._make_folders(transfer)
        plan = transfer.plan()

        async def create() -> UploadSession:
            # One whose answer is not waited for would be left behind without the journal's knowing.
            with transfer.lane.in_flight():
                session = await transfer.vault.create_upload_session(
                    self._destination, plan.size, overwrite=self._overwrite
                )
                self.open_session = session.id
                opened = SessionOpened(session_id=session.id, part_size=plan.part_size)
                await self._tools.journal.record(self._entry.id, opened)
                return session

        def waiting(refusal: VaultError, refusals: int, pause_s: float) -> None:
            self._emit(RetryScheduled(refusal.operation, refusals, pause_s, refusal.message, self._entry.file))

        session = await self._tools.room.create(create, waiting)
        transfer.opened(session.id, created=True)
        return session

    async def _make_folders(self, transfer: Transfer) -> None:
        transfer.clock.enter(Stage.VAULT)
        if transfer.options.create_folders:
            await transfer.vault.folders.ensure(parent_of(self._destination))

    async def note_damage(self) -> None:
        """Tell the journal that what is at the destination now came from here, and is not the file."""
        await self._tools.journal.record(self._entry.id, LeftInVault(leftover=Leftover.DAMAGED))

    async def remove_damaged(self) -> None:
        """Delete what arrived damaged: it has the file's size, and nobody may take it for the file.

        Raises:
            AsyncupError: Vault does not do it.
        """
        await self._tools.vault.delete_item(self._destination)

    async def forget_session(self) -> None:
        """Tell the journal that the upload session is no more."""
        self.open_session = None
        await self._tools.journal.record(self._entry.id, SessionClosed())
