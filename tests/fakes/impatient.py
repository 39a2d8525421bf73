"""The real transport, but it lets nothing stand still for longer than it is told, whatever a request says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asyncup.protocol.answers import Answer
from asyncup.vault.transport import HttpRequest, Patience, Transport

__all__ = ["Impatient"]


@dataclass(frozen=True)
class Impatient:
    """A `Transport` before another one. `still_s` is the longest that anything may stand still."""

    inner: Transport
    still_s: float

    async def send(self, request: HttpRequest) -> Answer:
        """See `Transport.send`."""
        return await self.inner.send(replace(request, patience=Patience(self.still_s, self.still_s)))

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        await self.inner.aclose()
