"""What is done with open upload sessions, and with commits, that an earlier run on the same journal has left.

Asks Vault what is open, lets `session_slots` decide, aborts what is of no use, and says which sessions are gone on
with. Must not know lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncup.bulk.budgets.session_slots import (
    Finding,
    PendingFile,
    SessionFate,
    others_among,
    session_allowance,
    sort_out_sessions,
)
from asyncup.bulk.journal.entry import NOT_IN_VAULT, Entry, SessionClosed, State
from asyncup.bulk.journal.journal import Journal
from asyncup.bulk.journal.rows import BATCH
from asyncup.bulk.run.events import SessionsSortedOut
from asyncup.errors import AccessRefused, LoginError, MalformedAnswer, UploadSessionNotFound, VaultError
from asyncup.protocol.responses import UploadSession
from asyncup.vault.client import Vault

__all__ = ["LeftBehind", "look_for_sessions", "withdraw_unwanted"]

_TO_BE_SENT = frozenset({State.PENDING, State.SENDING, State.COMMITTING, State.FAILED})


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What an earlier run has left.

    Attributes:
        allowed: how many sessions this run may hold.
        begun: ids of entries that are sent first, because a session is open for them.
        found: sessions that the journal does not name, by the id of the entry that they are for.
        kept: sessions of files that were given up, to be continued some time.
        told: the same as an event.
    """

    allowed: int
    begun: tuple[int, ...]
    found: dict[int, str]
    kept: int
    told: SessionsSortedOut


async def look_for_sessions(vault: Vault, journal: Journal, *, share: int) -> LeftBehind:
    """Look what is open, abort what is of no use, and return what to go on with.

    Args:
        vault: the Vault.
        journal: what is known of sessions.
        share: the most sessions that this run wants.

    Raises:
        AsyncupError: Vault is away, or does not let us in.
    """
    user_id = await _user_id(vault)
    named = await journal.with_sessions()
    listed = await _listed(vault)
    if listed is None:
        allowed = session_allowance(share=share, of_all=vault.limits.max_upload_sessions, held_by_others=None)
        return _left_behind(allowed, [], named, {}, kept=0)
    by_path = await _entries_of(listed, journal)
    pending = [_pending(entry) for entry in {e.id: e for e in (*named, *by_path)}.values() if _is_pending(entry)]
    findings = sort_out_sessions(
        listed,
        pending=pending,
        our_session_ids={entry.session_id for entry in named if entry.session_id is not None},
        user_id=user_id,
        journal_began=datetime.fromtimestamp(await journal.began_s(), UTC),
    )
    gone = {finding.session.id for finding in findings if finding.fate is SessionFate.ABORT}
    for session_id in gone:
        await _abort(vault, session_id)
    open_ones = {session.id for session in listed} - gone
    for entry in named:
        if entry.session_id not in open_ones and entry.state not in (State.PENDING, State.COMMITTING):
            await journal.record(entry.id, SessionClosed())
    ids = {entry.destination: entry.id for entry in by_path}
    named_ids = {entry.session_id for entry in named}
    found = {
        ids[finding.file.path]: finding.session.id
        for finding in findings
        if finding.file is not None and finding.session.id not in named_ids
    }
    allowed = session_allowance(
        share=share, of_all=vault.limits.max_upload_sessions, held_by_others=others_among(findings)
    )
    kept = sum(entry.state is State.FAILED and entry.session_id in open_ones for entry in named)
    return _left_behind(allowed, findings, named, found, kept=kept)


def _left_behind(
    allowed: int, findings: list[Finding], named: list[Entry], found: dict[int, str], *, kept: int
) -> LeftBehind:
    count = [finding.fate for finding in findings].count
    told = SessionsSortedOut(count(SessionFate.CONTINUE), count(SessionFate.ABORT), others_among(findings), allowed)
    begun = tuple(entry.id for entry in named if entry.state is State.PENDING)
    return LeftBehind(allowed, (*begun, *found), found, kept, told)


async def withdraw_unwanted(vault: Vault, journal: Journal, still_wanted: Callable[[str], bool]) -> int:
    """Forget the files that are not in Vault and are not asked for any more; abort their upload sessions.

    Returns:
        how many they were.

    Raises:
        AsyncupError: Vault is away, or does not let us in.
    """
    unwanted = 0
    batch: list[int] = []
    async for entry in journal.entries(NOT_IN_VAULT):
        if still_wanted(entry.file):
            continue
        if entry.session_id is not None:
            if not await _abort(vault, entry.session_id):
                continue
            await journal.record(entry.id, SessionClosed())
        batch.append(entry.id)
        if len(batch) == BATCH:
            unwanted += await journal.withdraw(batch)
            batch = []
    return unwanted + await journal.withdraw(batch)


async def _user_id(vault: Vault) -> int | None:
    """Return who we are: the first call of a run, which shows whether Vault is there and lets us in."""
    try:
        return (await vault.who_am_i()).id
    except (LoginError, MalformedAnswer):
        raise
    except VaultError:
        return None


async def _listed(vault: Vault) -> list[UploadSession] | None:
    try:
        return await vault.list_upload_sessions()
    except LoginError:
        raise
    except VaultError:
        return None


async def _entries_of(listed: list[UploadSession], journal: Journal) -> list[Entry]:
    """Return the entries that go where a listed session goes."""
    found = [await journal.entry_at(session.path) for session in listed if session.path is not None]
    return [entry for entry in found if entry is not None and entry.session_id is None]


def _is_pending(entry: Entry) -> bool:
    return entry.state in _TO_BE_SENT and entry.size is not None


def _pending(entry: Entry) -> PendingFile:
    return PendingFile(entry.destination or "", entry.size or 0, entry.session_id)


async def _abort(vault: Vault, session_id: str) -> bool:
    """Abort an upload session; False when it has ended meanwhile, or ends by itself after three days."""
    try:
        await vault.abort_upload_session(session_id)
    except UploadSessionNotFound:
        return True
    except (LoginError, AccessRefused):
        raise
    except VaultError:
        return False
    return True
