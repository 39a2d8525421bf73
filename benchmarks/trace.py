"""When each part of one upload was read, hashed, sent and waited for, out of asyncup's own events. Pure."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Doing", "Span", "Trace", "spans_of"]


class Doing(enum.Enum):
    """What happens to a part."""

    READ = "read"
    HASH = "hash"
    SEND = "send"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Span:
    """A part is in something's hands from `begin_s` to `end_s`, in seconds since the upload's beginning."""

    part: int
    doing: Doing
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Trace:
    """One upload, and what it was."""

    title: str
    spans: tuple[Span, ...]

    def as_json(self) -> str:
        """Return it as JSON, for a file."""
        rows = [asdict(span) | {"doing": span.doing.value} for span in self.spans]
        return json.dumps({"title": self.title, "spans": rows}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Trace:
        """Return what `as_json` has written."""
        document = json.loads(text)
        return cls(document["title"], tuple(Span(**row | {"doing": Doing(row["doing"])}) for row in document["spans"]))


Record = tuple[float, str, Mapping[str, Any]]
"""A moment in seconds, the name of the event, and its fields, as `peers.ours` writes them."""


def spans_of(records: Iterable[Record]) -> Iterator[Span]:
    """Yield the spans of an upload's events. Sending ends when the upload waits for Vault."""
    zero: float | None = None
    sending: tuple[int, float] | None = None
    waiting: tuple[int, float] | None = None
    for moment, name, fields in records:
        zero = moment if zero is None else zero
        at = moment - zero
        if name in ("PartRead", "PartHashed"):
            doing = Doing.READ if name == "PartRead" else Doing.HASH
            yield Span(fields["part"], doing, max(0.0, at - fields["seconds"]), at)
        elif name == "PartStarted":
            sending = fields["part"], at
        elif name == "StageEntered" and sending is not None and "VAULT" in fields["stage"]:
            yield Span(sending[0], Doing.SEND, sending[1], at)
            waiting = sending[0], at
            sending = None
        elif name == "PartAcknowledged" and waiting is not None:
            yield Span(waiting[0], Doing.WAIT, waiting[1], at)
            waiting = None
