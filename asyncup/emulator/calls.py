"""One call of one endpoint: what its handler is given, and the kinds of answer it may give.

Must not know any endpoint.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from .config import User
from .endpoints import NO_MATCH, Endpoint, Match
from .faults import Do, Fault
from .intake import Shape
from .throttle import Allowance
from .workers import Workers
from .world import SeenRequest, World

NOBODY = User(name="", password="", id=0, role="member")
"""The caller of the endpoints that need no login."""


@dataclass(slots=True)
class Call:
    world: World
    workers: Workers
    request: web.BaseRequest
    seen: SeenRequest
    now: float
    match: Match = NO_MATCH
    user: User = NOBODY
    fault: Fault | None = None
    allowance: Allowance | None = None
    """What is left of the limit that this call counts against; its answer's headers say it."""

    @property
    def origin(self) -> str:
        """Scheme and host as the caller wrote them."""
        return f"{self.request.scheme}://{self.request.host}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/api/{self.match.version}"

    def query(self, name: str) -> str | None:
        return self.request.query.get(name)

    def query_flag(self, name: str) -> bool:
        return (self.query(name) or "").strip().lower() == "true"

    def struck_by(self, do: Do) -> Fault | None:
        return self.fault if self.fault is not None and self.fault.do is do else None

    def body_shape(self) -> Shape:
        """How the body of this call arrives: as scripted, or as fast as the Vault reads."""
        fault = self.fault
        if fault is not None and fault.do is Do.SLOW_READ:
            return Shape(rate=fault.rate)
        rate = self.world.switches.bandwidth_bytes_s
        if fault is not None and fault.do in {Do.FLIP_BYTE, Do.FLIP_STORED}:
            return Shape(rate=rate, flip_at=fault.at)
        return Shape(rate=rate)


@dataclass(frozen=True, slots=True)
class Bytes:
    """An answer that is a file's bytes, `start` to `end` inclusive, of `total`."""

    file: Path
    name: str
    start: int
    end: int
    total: int
    is_range: bool


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is a text of its own, not Vault's fields."""

    text: str
    content_type: str


Fields = dict[str, Any]
Handler = Callable[[Call], Awaitable[Fields | Bytes | Text]]
Handlers = dict[Endpoint, Handler]
