"""The head of an HTTP/1.1 request, parsed just far enough. Must not know endpoints, sockets or bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Head", "parse_head"]


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. `headers` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def length(self) -> int:
        """The body's bytes."""
        return int(self.headers.get("content-length", "0"))

    @property
    def expects_continue(self) -> bool:
        """True when the client waits for a word before it sends the body, as curl does."""
        return self.headers.get("expect", "").lower() == "100-continue"


def parse_head(raw: bytes) -> Head:
    """Return the head that `raw`, without its empty line, says.

    Raises:
        ValueError: it is no such head, or the body comes in a form that no client here uses.
    """
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "transfer-encoding" in headers:
        raise ValueError("the sink takes bodies of a told length only")
    return Head(method, target, headers)
