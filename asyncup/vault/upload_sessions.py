"""The endpoints of upload sessions. Must not know files, parts' buffers or progress displays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from asyncup.errors import TransportError, UploadSessionNotFound, VaultError
from asyncup.protocol import requests
from asyncup.protocol.account import read_user
from asyncup.protocol.answers import read_json
from asyncup.protocol.limits import Limits
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import (
    HeldPart,
    UploadSession,
    read_held_part,
    read_job_id,
    read_parts,
    read_upload_session,
    read_upload_sessions,
)
from asyncup.protocol.retry import Verdict, classify
from asyncup.vault.calls import Calls
from asyncup.vault.items import ItemEndpoints
from asyncup.vault.reconcile import DoubtfulCommit, find_created_session
from asyncup.vault.transport import DEFAULT_PATIENCE, Body, Patience

__all__ = ["UploadSessionEndpoints"]


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A creation whose answer was lost: what it was for, and the upload sessions that were listed then."""

    path: str
    size: int
    listed: frozenset[str]


class UploadSessionEndpoints(ItemEndpoints):
    """Create, fill, look at, commit and abort upload sessions. Lost commits are settled by listing items."""

    def __init__(self, calls: Calls, limits: Limits) -> None:
        super().__init__(calls, limits)
        self._may_have_twins: dict[str, _Doubt] = {}

    async def create_upload_session(self, path: str, size: int, *, overwrite: bool = False) -> UploadSession:
        """Open an upload session for the file `path` of `size` bytes.

        When the answer is lost, the session is looked for among the listed ones rather than made a second time: a
        Vault has 50 of them (documented). Where it is not listed, it is made again; should Vault have been at work on
        the first one all the same, `abort_twin` removes that.
        """
        request = requests.create_upload_session(path, size, overwrite=overwrite)
        listed: set[str] | None = None

        async def look() -> UploadSession | None:
            nonlocal listed
            sessions = await self.list_upload_sessions()
            listed = {session.id for session in sessions} | (listed or set())
            return await find_created_session(self, sessions, path, size)

        session = await self.calls.repeat(
            request.operation,
            lambda: self.calls.once(request, lambda answer: read_upload_session(request.operation, answer)),
            look,
        )
        if listed is not None and session.id not in listed:
            self._may_have_twins[session.id] = _Doubt(path, size, frozenset(listed))
        return session

    async def abort_twin(self, session: UploadSession) -> None:
        """Abort the empty upload session that a lost answer to the creation of `session` has left, if there is one.

        To be called when nothing more is sent into `session`: by then Vault has made it, if it ever does. Asks nothing
        unless an answer was lost and the session was made a second time. What was listed before that is not touched.
        """
        doubt = self._may_have_twins.pop(session.id, None)
        if doubt is None:
            return
        not_it = doubt.listed | {session.id}
        later = [other for other in await self.list_upload_sessions() if other.id not in not_it]
        twin = await find_created_session(self, later, doubt.path, doubt.size)
        if twin is not None:
            await self.abort_upload_session(twin.id)

    async def own_user_id(self) -> int | None:
        """Return who is logged in; None when that cannot be found out: no reason to forget a session's name."""
        request = requests.who_am_i()
        try:
            return (await self.calls.ask(request, read_user)).id
        except (VaultError, TransportError):
            return None

    async def put_part(
        self,
        session_id: str,
        number: int,
        body: Body,
        *,
        content_md5: str | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        on_started: Callable[[], None] | None = None,
        on_written: Callable[[int], None] | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> HeldPart:
        """Send part `number` once and return Vault's receipt. Comparing it, and repeating, is the sender's work."""
        request = requests.put_part(session_id, number, content_md5)
        return await self.calls.once(
            request,
            read_held_part,
            body=body,
            patience=patience,
            on_started=on_started,
            on_written=on_written,
            on_sent=on_sent,
        )

    async def upload_session(self, session_id: str) -> UploadSession:
        """Return what an upload session is for and how much it holds.

        Raises:
            UploadSessionNotFound: Vault does not know it (any more). Which error Vault answers then is unknown, so
                every definite refusal of this question counts that is not about the login, a permission, or all of
                the Vault.
        """
        request = requests.upload_session(session_id)
        try:
            return await self.calls.ask(request, lambda answer: read_upload_session(request.operation, answer))
        except VaultError as error:
            about_it = type(error) is VaultError and error.operation == request.operation.value
            closed = error.error_type == "CONFIGURATION_MODE_ENABLED"
            if not about_it or closed or classify(request.operation, error) is not Verdict.GIVE_UP:
                raise
            if _may_be_about_the_address(error) and session_id in await self._open_session_ids(error):
                raise
            raise _not_found(error, session_id) from error

    async def _open_session_ids(self, refusal: VaultError) -> set[str]:
        """Return the ids that Vault lists; when it does not list either, `refusal` was about more than one session."""
        try:
            return {session.id for session in await self.list_upload_sessions()}
        except VaultError:
            raise refusal from None

    async def list_parts(self, session_id: str) -> list[HeldPart]:
        """Return the parts that an upload session holds, in order of their numbers."""
        held = await self.all_pages(requests.list_parts(session_id), read_parts)
        return sorted(held, key=lambda part: part.number)

    async def list_upload_sessions(self) -> list[UploadSession]:
        """Return the open upload sessions that this user may see."""
        return await self.all_pages(requests.list_upload_sessions(), read_upload_sessions)

    async def commit_upload_session(self, session: UploadSession) -> int | None:
        """Commit, and return the job's id; None when the answer was lost but Vault shows that it was done.

        Raises:
            UploadSessionNotFound: the session is gone, and the file is not to be seen either.
        """
        request = requests.commit_upload_session(session.id)
        doubt = DoubtfulCommit(self, session, self.calls.wait)
        job_id = await self.calls.repeat(request.operation, lambda: self.calls.once(request, read_job_id), doubt.settle)
        return job_id or None

    async def abort_upload_session(self, session_id: str) -> None:
        """Delete an upload session and its parts. One that is gone already is no error after a repeated attempt."""
        request = requests.abort_upload_session(session_id)
        await self.calls.repeat(
            request.operation,
            lambda: self.calls.once(request, lambda answer: read_json(request.operation, answer)),
            lambda: self._settle_abort(session_id),
        )

    async def _settle_abort(self, session_id: str) -> dict[str, object] | None:
        try:
            await self.upload_session(session_id)
        except UploadSessionNotFound:
            return {}
        return None


def _may_be_about_the_address(error: VaultError) -> bool:
    """A wrong API version, or a proxy's own page, looks like an unknown session: both refuse everything."""
    return error.response_status is None or error.error_type in ("MALFORMED_URL", "METHOD_NOT_SUPPORTED")


def _not_found(error: VaultError, session_id: str) -> UploadSessionNotFound:
    found = UploadSessionNotFound(
        Operation.SESSION_DETAILS.value,
        status=error.status,
        response_status=error.response_status,
        error_type=error.error_type,
        vault_message=error.vault_message,
        execution_id=error.execution_id,
        hint=f"The upload session {session_id} is unknown, expired, committed or aborted: create a new one",
    )
    return found.locate(session_id=session_id)
