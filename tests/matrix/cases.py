"""Which faults are tried where: generated from the emulator's own list of faults and from what an upload asks.

A kind of fault that is added to the emulator is tried without a change here, and one that cannot happen at an endpoint
is left out by the emulator's own rule (`fault_places.can_happen`). Must not know how a case is carried out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from asyncup.emulator import Do, Endpoint, Fault
from asyncup.emulator.fault_places import can_happen
from asyncup.protocol.content_md5 import ContentMd5Policy

__all__ = ["LOST", "PARTS", "PART_SIZE", "PLACES", "SIZES", "VARIANTS", "Case", "Place", "Shape", "cases"]

PART_SIZE = 4096
PARTS = 5
HELD = 2
"""Parts that the session holds already when an upload is resumed."""

Shape = Literal["small", "single", "many", "resumed", "changed"]
"""One POST; an upload session of one part; of many; one that is continued; one whose file changes meanwhile."""

SIZES: Mapping[Shape, int] = {
    "small": 3000,
    "single": 3000,
    "many": (PARTS - 1) * PART_SIZE + 100,
    "resumed": (PARTS - 1) * PART_SIZE + 100,
    "changed": (PARTS - 1) * PART_SIZE + 100,
}
LOST = Do.LOSE_ANSWER
FILE = 2
"""The how-manieth request that creates an item carries the file: the first makes its folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """A request of an upload, at which something can go wrong.

    Attributes:
        endpoint, part, nth: as in a `Fault`.
        after: what has to go wrong before, so that the request is made at all.
    """

    endpoint: Endpoint
    part: int | None = None
    nth: int = 1
    after: Fault | None = None

    def __str__(self) -> str:
        part = "" if self.part is None else f" {self.part}"
        nth = "" if self.nth == 1 else f" no. {self.nth}"
        return f"{self.endpoint}{part}{nth}" + (f" after {self.after}" if self.after else "")


_PART_LOST = Fault(do=LOST, endpoint=Endpoint.PUT_PART, part=3)
_ONLY_PART_LOST = replace(_PART_LOST, part=1)
_COMMIT_LOST = Fault(do=LOST, endpoint=Endpoint.COMMIT)
_CREATION_LOST = Fault(do=LOST, endpoint=Endpoint.CREATE_SESSION)
_FILE_LOST = Fault(do=LOST, endpoint=Endpoint.CREATE_ITEM, nth=FILE)
_ABORT_LOST = Fault(do=LOST, endpoint=Endpoint.ABORT)

_END = (Place(Endpoint.COMMIT), Place(Endpoint.JOB), Place(Endpoint.JOB, nth=2))
PLACES: Mapping[Shape, tuple[Place, ...]] = {
    "small": (
        Place(Endpoint.AUTH),
        Place(Endpoint.CREATE_ITEM),
        Place(Endpoint.CREATE_ITEM, nth=FILE),
        Place(Endpoint.LIST_ITEMS, after=_FILE_LOST),
        Place(Endpoint.DOWNLOAD, after=_FILE_LOST),
    ),
    "single": (
        Place(Endpoint.CREATE_ITEM),
        Place(Endpoint.CREATE_SESSION),
        Place(Endpoint.LIST_SESSIONS, after=_CREATION_LOST),
        Place(Endpoint.ME, after=_CREATION_LOST),
        Place(Endpoint.PUT_PART, part=1),
        Place(Endpoint.LIST_PARTS, after=_ONLY_PART_LOST),
        Place(Endpoint.LIST_PARTS),
        *_END,
    ),
    "many": (
        Place(Endpoint.CREATE_SESSION),
        *(Place(Endpoint.PUT_PART, part=part) for part in (1, 3, PARTS)),
        Place(Endpoint.LIST_PARTS, after=_PART_LOST),
        Place(Endpoint.LIST_PARTS),
        *_END,
        Place(Endpoint.SESSION_DETAILS, after=_COMMIT_LOST),
        Place(Endpoint.LIST_ITEMS, after=_COMMIT_LOST),
    ),
    "resumed": (
        Place(Endpoint.AUTH),
        Place(Endpoint.SESSION_DETAILS),
        Place(Endpoint.LIST_PARTS),
        *(Place(Endpoint.PUT_PART, part=part) for part in (HELD + 1, PARTS)),
        Place(Endpoint.LIST_PARTS, nth=2),
        Place(Endpoint.COMMIT),
        Place(Endpoint.SESSION_DETAILS, nth=2, after=_COMMIT_LOST),
    ),
    "changed": (
        Place(Endpoint.ABORT),
        Place(Endpoint.SESSION_DETAILS, after=_ABORT_LOST),
    ),
}

VARIANTS: Mapping[Do, tuple[Mapping[str, object], ...]] = {
    Do.STATUS: ({"status": 503}, {"status": 500}, {"status": 404}, {"status": 429, "retry_after": "2"}),
    Do.REFUSE: (
        {"error_type": "API_LIMIT_EXCEEDED"},
        {"error_type": "UNEXPECTED_ERROR"},
        {"error_type": "INVALID_DATA"},
        {"error_type": "INSUFFICIENT_ACCESS"},
        {"error_type": "ITEM_NAME_EXISTS"},
    ),
    Do.REDIRECT: ({"location": "https://elsewhere.example/"},),
    Do.STATUS_AFTER: ({"status": 504}, {"status": 503}),
    Do.DELAY: ({"seconds": 0.02},),
    Do.SLOW_ANSWER: ({"seconds": 0.02},),
    Do.SLOW_READ: ({"rate": 200_000},),
    Do.RESET_DURING: ({"at": 10},),
    Do.FLIP_BYTE: ({"at": 7},),
    Do.FLIP_STORED: ({"at": 7},),
    Do.JOB_SLOW: ({"seconds": 40.0},),
}
"""How a fault is made, where its defaults are not what is wanted. The first of them is tried with every shape."""

_EVERY_VARIANT: tuple[Shape, ...] = ("small", "single", "changed")
"""Between them, these make every request that there is; a part's number changes nothing about what an answer means."""


@dataclass(frozen=True, slots=True)
class Case:
    """One upload, and what goes wrong in it."""

    shape: Shape
    place: Place
    fault: Fault
    content_md5: ContentMd5Policy = "auto"

    @property
    def is_endless(self) -> bool:
        """Whether the fault strikes from then on for ever."""
        return self.fault.times == 0

    @property
    def changes_bytes(self) -> bool:
        """Whether bytes arrive, or are kept, that were not sent."""
        return self.fault.do in {Do.FLIP_BYTE, Do.FLIP_STORED} and self.fault.endpoint != Endpoint.DOWNLOAD

    def __str__(self) -> str:
        header = "" if self.content_md5 == "auto" else f", Content-MD5 {self.content_md5}"
        return f"{self.shape}, {self.place}: {self.fault}{header}"


def cases(do: Do, *, endless: bool) -> Iterator[Case]:
    """Return every case of one kind of fault, struck once or for ever."""
    for shape, places in PLACES.items():
        for place in places:
            if not can_happen(do, place.endpoint):
                continue
            variants = VARIANTS.get(do, ({},))
            for how in variants if shape in _EVERY_VARIANT else variants[:1]:
                where = {"endpoint": place.endpoint, "part": place.part, "nth": place.nth}
                fault = Fault(do=do, times=0 if endless else 1, **where, **how)  # type: ignore[arg-type]
                case = Case(shape, place, fault)
                yield case
                if case.changes_bytes:
                    yield replace(case, content_md5="off")
                    yield replace(case, content_md5="base64")
