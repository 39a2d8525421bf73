"""Creating upload sessions in a Vault that may have no room for another one: it has 50, and other people use it, too.

What Vault answers to one too many is unknown, and so is whether a refusal is about the file or about room. Documented:
only administrators are shown other people's sessions. So it is decided by what is shown, and where that is not enough
by what happens to the other files. Must not know files, journals or lanes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count

from asyncup.errors import AccessRefused, AsyncupError, ItemExists, LoginError, VaultError
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import UploadSession
from asyncup.protocol.retry import Verdict, classify
from asyncup.vault.client import Vault

__all__ = ["SessionRoom"]

_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 60.0
_PATIENCE = 32
"""Refusals of one file, which take half an hour, until it is given up when nothing shows that it is about room."""

_LONG_PATIENCE = 8 * _PATIENCE
"""The same for an answer that was about room once, because the file that got it was let in later."""

_ABOUT_THE_FILE = frozenset(
    {"INVALID_DATA", "PARAMETER_REQUIRED", "MALFORMED_URL", "EXCEEDS_FILE_MAX_SIZE", "ATTRIBUTE_NOT_SUPPORTED"}
)
"""Documented error types that speak of what was asked for."""


class SessionRoom:
    """Creates upload sessions for all lanes of a run.

    Args:
        vault: the Vault.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._created = 0
        self._about_room: set[str] = set()
        self._about_files: set[str] = set()

    async def create(
        self, create: Callable[[], Awaitable[UploadSession]], on_wait: Callable[[VaultError, int, float], None]
    ) -> UploadSession:
        """Return what `create` returns, as soon as there is room.

        Args:
            create: asks Vault for a session, once.
            on_wait: told of a refusal, how many there were for this file, and the seconds until the next attempt.

        Raises:
            AsyncupError: of `create`; it is not about room, or nobody can tell and half an hour did not help.
        """
        refused_with, created_before = set[str](), self._created
        for refusals in count(1):
            try:
                session = await create()
            except VaultError as refusal:
                if not await self._is_about_room(refusal, refusals, created_before):
                    raise
                refused_with.add(_kind(refusal))
                pause_s = min(_PAUSE_S * refusals, _LONGEST_PAUSE_S)
                on_wait(refusal, refusals, pause_s)
                await self._vault.calls.wait(pause_s)
            else:
                self._created += 1
                # The same file was refused before, so it was not about the file.
                self._about_room |= refused_with
                self._about_files -= refused_with
                return session
        raise AssertionError("counting does not end")

    async def _is_about_room(self, refusal: VaultError, refusals: int, created_before: int) -> bool:
        kind = _kind(refusal)
        passing = classify(Operation.CREATE_SESSION, refusal) is not Verdict.GIVE_UP
        if passing or isinstance(refusal, LoginError | AccessRefused | ItemExists):
            return False
        is_full = await self._is_full()
        if is_full is not None or kind in _ABOUT_THE_FILE or kind in self._about_files:
            return bool(is_full)
        patience = _LONG_PATIENCE if kind in self._about_room else _PATIENCE
        if refusals >= patience and self._created > created_before:
            self._about_files.add(kind)  # others were let in all the time: the next file need not wait
        return refusals < patience

    async def _is_full(self) -> bool | None:
        """Tell whether Vault has no room; None when that is not to be seen, because one's own alone are not all."""
        try:
            shown = await self._vault.list_upload_sessions()
        except AsyncupError:
            return None
        if len(shown) >= self._vault.limits.max_upload_sessions:
            return True
        return False if len({session.owner for session in shown}) > 1 else None


def _kind(refusal: VaultError) -> str:
    return refusal.error_type or f"HTTP {refusal.status}"
