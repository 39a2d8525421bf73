"""The MD5 of a part that is not known yet: what the hasher gives, and the sender waits for. Must not know threads."""

from __future__ import annotations

from collections.abc import Callable

import anyio

__all__ = ["PendingDigest"]


class PendingDigest:
    """The MD5 of a part, as soon as it is known.

    Args:
        on_asked: called with this when it is asked for, once.
    """

    def __init__(self, on_asked: Callable[[PendingDigest], object] | None = None) -> None:
        self._on_asked = on_asked
        self._becomes_known: anyio.Event | None = None  # made for who waits: most digests are known before
        self._digest: bytes | None = None
        self._error: BaseException | None = None

    @property
    def known(self) -> bool:
        """True when `wait` returns at once."""
        return self._digest is not None or self._error is not None

    def ask(self) -> None:
        """Say that it will be waited for soon: what is asked for is not put off any more."""
        on_asked, self._on_asked = self._on_asked, None
        if on_asked is not None:
            on_asked(self)

    async def wait(self) -> bytes:
        """Return the 16 bytes of the digest.

        Raises:
            AsyncupError: the part could not be read for hashing.
            Exception: whatever `on_hashed` raised.
        """
        self.ask()
        if not self.known:
            if self._becomes_known is None:
                self._becomes_known = anyio.Event()
            await self._becomes_known.wait()
        if self._error is not None:
            raise self._error
        assert self._digest is not None  # noqa: S101 - known means one of the two
        return self._digest

    def settle(self, outcome: bytes | BaseException) -> None:
        """Make the digest, or why there is none, known."""
        if isinstance(outcome, bytes):
            self._digest = outcome
        else:
            self._error = outcome
        if self._becomes_known is not None:
            self._becomes_known.set()
