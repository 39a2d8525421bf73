"""Upload sessions as a scarce thing: a Vault has 50 of them open at once, for everybody (documented).

The pure part decides how many are ours to take, and what is to be done with each session that Vault lists: one that
a killed run left behind is used again or aborted, somebody else's is never touched. The gate hands slots out in the
order of asking. Must not know how sessions are listed, filled or aborted.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio

from asyncup.errors import ConfigurationError
from asyncup.protocol.paths import same_path
from asyncup.protocol.responses import UploadSession

__all__ = [
    "DEFAULT_SESSION_SHARE",
    "Finding",
    "PendingFile",
    "SessionFate",
    "SessionSlots",
    "others_among",
    "session_allowance",
    "sort_out_sessions",
]

DEFAULT_SESSION_SHARE = 25
"""Half of what a Vault has: enough lanes for any link that was simulated, and as much again for everybody else."""

_CLOCKS_DIFFER = timedelta(minutes=5)
"""How much Vault's clock may be behind ours."""

_LEFT_FREE = 2
"""Slots that are left to somebody who comes next, where others hold so many that our share is cut."""


def session_allowance(*, share: int, of_all: int, held_by_others: int | None) -> int:
    """Return how many sessions a run may hold, at least one.

    Args:
        share: the most that it wants.
        of_all: how many the Vault has, `Limits.max_upload_sessions`.
        held_by_others: open sessions that are not ours, as listed; None when they cannot be seen.
    """
    if share < 1:
        raise ConfigurationError(f"a run needs at least one upload session, not {share}")
    free = of_all if held_by_others is None else of_all - held_by_others - _LEFT_FREE
    return max(1, min(share, free))


class SessionFate(enum.Enum):
    """What is to be done with an open upload session."""

    CONTINUE = "continue"
    """It is for a file that is still to be sent: go on with it."""
    ABORT = "abort"
    """It is ours, and nothing will go on with it."""
    LEAVE = "leave"
    """Somebody else's, or it may be."""


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that is still to be sent in a session.

    Attributes:
        path: where in Vault.
        size: its bytes.
        session_id: the session that the journal names for it, or None.
    """

    path: str
    size: int
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be done with a session, and with which file. `file` is None unless it is continued."""

    session: UploadSession
    fate: SessionFate
    file: PendingFile | None = None


def sort_out_sessions(
    listed: Iterable[UploadSession],
    *,
    pending: Collection[PendingFile],
    our_session_ids: Collection[str],
    user_id: int | None,
    journal_began: datetime,
) -> list[Finding]:
    """Decide what becomes of each listed session. For each pending file at most one is continued.

    Ours is what the journal names. One that it does not name was made by us only when everything speaks for it: the
    user is ours, it was made after the journal was begun, and path and size are a pending file's that has no session
    yet (the answer to its creation was lost). Such a one is continued, which compares every part, but never aborted.

    Args:
        listed: what Vault shows; an administrator sees everybody's.
        pending: the files that are to be sent in sessions.
        our_session_ids: every session that the journal has ever named.
        user_id: who we are; None when that is not known.
        journal_began: when the journal was begun, with its time zone.
    """
    by_session = {file.session_id: file for file in pending if file.session_id is not None}
    findings, lost = list[Finding](), list[UploadSession]()
    for session in listed:
        foreign = user_id is not None and session.owner is not None and session.owner != user_id
        if foreign:
            findings.append(Finding(session, SessionFate.LEAVE))
        elif session.id in by_session and _is_for(session, by_session[session.id]):
            findings.append(Finding(session, SessionFate.CONTINUE, by_session[session.id]))
        elif session.id in our_session_ids:
            findings.append(Finding(session, SessionFate.ABORT))
        elif user_id is not None and session.owner == user_id and _made_after(session, journal_began):
            lost.append(session)
        else:
            findings.append(Finding(session, SessionFate.LEAVE))
    without = {_key(file.path, file.size): file for file in pending if file.session_id is None}
    # The one that holds most comes first: the others for the same file are left to expire.
    for session in sorted(lost, key=lambda session: session.uploaded or 0, reverse=True):
        file = without.pop(_key(session.path or "", session.size), None)
        findings.append(Finding(session, SessionFate.LEAVE if file is None else SessionFate.CONTINUE, file))
    return findings


def others_among(findings: Iterable[Finding]) -> int:
    """Return how many of the listed sessions are somebody else's."""
    return sum(finding.fate is SessionFate.LEAVE for finding in findings)


class SessionSlots:
    """Hands out slots, first come first served.

    Args:
        allowed: how many may be held at once.
    """

    def __init__(self, allowed: int) -> None:
        self._limiter = anyio.CapacityLimiter(allowed)
        self._left_open = 0
        self._allowed = allowed

    @property
    def allowed(self) -> int:
        """How many may be held at once, those included that were left open."""
        return self._allowed

    @property
    def held(self) -> int:
        """How many are held now by lanes, or were left open."""
        return self._limiter.borrowed_tokens + self._left_open

    def change(self, allowed: int) -> None:
        """Allow more or fewer from now on. Nobody loses a slot that is held."""
        self._allowed = allowed
        self._limiter.total_tokens = max(1, allowed - self._left_open)

    def left_open(self, change: int = 1) -> None:
        """Note that a failed file keeps its session in Vault to be resumed (1), or that one of them is gone (-1)."""
        self._left_open += change
        self.change(self._allowed)

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it. One task can hold many."""
        borrower = object()
        await self._limiter.acquire_on_behalf_of(borrower)
        try:
            yield
        finally:
            self._limiter.release_on_behalf_of(borrower)


def _key(path: str, size: int | None) -> tuple[str, int | None]:
    return path.strip("/"), size


def _is_for(session: UploadSession, file: PendingFile) -> bool:
    return session.path is not None and same_path(session.path, file.path) and session.size == file.size


def _made_after(session: UploadSession, when: datetime) -> bool:
    try:
        made = datetime.fromisoformat(session.created_date or "")
    except ValueError:
        return False
    return made.tzinfo is not None and made >= when - _CLOCKS_DIFFER
