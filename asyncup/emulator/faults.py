"""Fault scripts: which request goes wrong, and how. Pure: they are carried out elsewhere.

Must not know what an endpoint does, or files. A script is a list of `Fault`s, each written as a value or as text:

    put_part,part=3,nth=2:status,status=503,retry_after=1

Left of the colon is which request: an endpoint's name (`Endpoint`, or `any`), the part number, and
the how-manieth of the requests that match (from 1). Right of it is what happens (`Do`), and how.
A `%`, `,` or `:` inside a value is percent-encoded. Every fault keeps its own count of matching
requests, also of those in which another fault struck; the first one in the script that is due
strikes. `times=0` strikes from the nth on for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import get_type_hints
from urllib.parse import quote, unquote

from .endpoints import Endpoint
from .fault_places import can_happen

ANY = "any"


class Do(StrEnum):
    """What happens. "Not done" means: the request has no effect in Vault."""

    STATUS = "status"
    """Not done; answered with `status` and `body` (none by default)."""
    REFUSE = "refuse"
    """Not done; FAILURE with `error_type` and `message`, under `status` if given."""
    EXCEPTION = "exception"
    """Not done; `responseStatus` EXCEPTION."""
    REDIRECT = "redirect"
    """Not done; `status` (307 by default) to `location`."""
    DELAY = "delay"
    """Done, `seconds` late."""
    HANG = "hang"
    """Not done; no answer until the client goes away."""
    SLOW_READ = "slow-read"
    """Done; the body is read at `rate` bytes a second."""
    SLOW_ANSWER = "slow-answer"
    """Done; the answer trickles in over `seconds`."""
    RESET_BEFORE = "reset-before"
    """Not done; the connection is reset before the body is read."""
    RESET_DURING = "reset-during"
    """Not done; reset after `at` bytes of the body."""
    RESET_AFTER = "reset-after"
    """Not done; reset when the whole body is in."""
    LOSE_ANSWER = "lose-answer"
    """Done; reset instead of the answer."""
    STATUS_AFTER = "status-after"
    """Done; answered with `status` and `body`, as by a proxy that gave up."""
    FLIP_BYTE = "flip-byte"
    """The byte at `at` arrives wrong: a Content-MD5 does not match, or the answered MD5 is another."""
    FLIP_STORED = "flip-stored"
    """The byte at `at` is stored wrong behind the Content-MD5 check: the answered MD5 is another."""
    EXPIRE_LOGIN = "expire-login"
    """The caller's login is over before this request; a fixed token is refused this once."""
    LOSE_SESSION = "lose-session"
    """The upload session that the request names is gone before it."""
    WRONG_LENGTH = "wrong-length"
    """Done; the answer's Content-Length promises more than comes."""
    CUT_ANSWER = "cut-answer"
    """Done; a whole answer by its Content-Length, but the text stops in its middle."""
    GARBAGE = "garbage"
    """Done; `body` (an HTML page by default) instead of the answer."""
    JOB_FAILS = "job-fails"
    """Done; the job that the request starts ends with ERRORS_ENCOUNTERED."""
    JOB_SLOW = "job-slow"
    """Done; the job that the request starts takes `seconds` longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Args:
        do: what happens.
        endpoint: at which endpoint; `any` is every one at which it changes anything.
        part: at which part number, for `put_part`; None is every one.
        nth: at the how-manieth matching request, from 1.
        times: at that many matching requests in a row; 0 is all from then on.
        status: HTTP status; 0 is the usual one.
        error_type: of a refusal.
        message: of a refusal.
        seconds: of a delay, in real time whatever clock the emulator has.
        at: offset in the body.
        rate: bytes a second.
        body: of an answer.
        location: of a redirect.
        retry_after: value of that header: seconds or an HTTP date; "" is none.
        downtime_minutes: X-VaultAPI-DowntimeExpectedDurationMinutes; 0 is none.

    Raises:
        ValueError: no such endpoint, numbers that cannot be, or a fault that changes nothing there.
    """

    do: Do
    endpoint: str = ANY
    part: int | None = None
    nth: int = 1
    times: int = 1
    status: int = 0
    error_type: str = "UNEXPECTED_ERROR"
    message: str = "A scripted fault"
    seconds: float = 1.0
    at: int = 0
    rate: int = 1 << 20
    body: str = ""
    location: str = ""
    retry_after: str = ""
    downtime_minutes: int = 0

    def __post_init__(self) -> None:
        if self.endpoint not in {ANY, *Endpoint}:
            raise ValueError(f"{self.endpoint!r} is no endpoint; there are: any, {', '.join(Endpoint)}")
        if self.nth < 1 or self.times < 0 or self.rate < 1 or self.at < 0:
            raise ValueError(f"impossible numbers in fault {self}")
        if self.endpoint != ANY and not can_happen(self.do, self.endpoint):
            raise ValueError(f"{self.do} changes nothing at {self.endpoint}")
        if self.part is not None and self.endpoint not in {ANY, Endpoint.PUT_PART}:
            raise ValueError(f"no request to {self.endpoint} has a part number")

    def matches(self, endpoint: str, part: int | None) -> bool:
        """Whether it could strike there; a fault at `any` passes over what it cannot change."""
        return self.endpoint in {ANY, endpoint} and self.part in {None, part} and can_happen(self.do, endpoint)

    def __str__(self) -> str:
        """The text form, which `parse_fault` reads back."""
        left, right = [self.endpoint], [str(self.do)]
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value != field.default:
                side = left if field.name in _WHICH else right
                side.append(f"{field.name}={_quoted(str(value))}")
        return ",".join(left) + ":" + ",".join(right)


_WHICH = frozenset({"part", "nth"})


def parse_fault(text: str) -> Fault:
    """A fault from its text form.

    Raises:
        ValueError: not a fault; the text says what was expected.
    """
    which, separator, what = text.strip().partition(":")
    if not separator:
        raise ValueError(f"{text!r} is not WHICH:WHAT, as in put_part,part=3:status,status=503")
    endpoint, *where = which.split(",")
    do, *how = what.split(",")
    try:
        kind = Do(do.strip())
    except ValueError:
        raise ValueError(f"{do!r} is none of {', '.join(Do)}") from None
    hints = get_type_hints(Fault)
    found: dict[str, object] = {}
    for item in (*where, *how):
        name, separator, value = item.strip().partition("=")
        name = name.replace("-", "_")
        if name not in hints or name in {"do", "endpoint"} or not separator:
            raise ValueError(f"{item!r} is not NAME=VALUE with a name of {sorted(hints)}")
        to_type = int if name == "part" else hints[name]
        try:
            found[name] = to_type(unquote(value))
        except ValueError:
            raise ValueError(f"{name} is a number, not {value!r}") from None
    return Fault(do=kind, endpoint=endpoint.strip() or ANY, **found)  # type: ignore[arg-type]


def _quoted(value: str) -> str:
    return quote(value, safe="/@;?&=+$-_.!~*'()\"<>{}[]|^`\\#")


@dataclass(slots=True)
class _Scripted:
    fault: Fault
    matched: int = 0
    struck: int = 0

    @property
    def is_consumed(self) -> bool:
        return self.struck >= max(1, self.fault.times)


class FaultScript:
    """The faults still to come and those that have struck."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._scripted: list[_Scripted] = []
        self.struck: list[Fault] = []
        """Every fault in the order in which they struck, once per time."""
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Append to the script; an added fault counts requests from now on."""
        self._scripted.extend(_Scripted(fault) for fault in faults)

    @property
    def left(self) -> list[Fault]:
        """The faults that have not struck as often as they should."""
        return [scripted.fault for scripted in self._scripted if not scripted.is_consumed]

    def check_consumed(self) -> None:
        """Raise AssertionError for faults that never struck: the test did not test what it says."""
        if self.left:
            raise AssertionError(f"faults that never struck: {[str(fault) for fault in self.left]}")

    def strike(self, endpoint: str, part: int | None) -> Fault | None:
        """Count a request, and tell which fault strikes in it."""
        due: _Scripted | None = None
        for scripted in self._scripted:
            fault = scripted.fault
            if not fault.matches(endpoint, part):
                continue
            scripted.matched += 1
            last = fault.nth + fault.times if fault.times else scripted.matched + 1
            if due is None and fault.nth <= scripted.matched < last:
                due = scripted
        if due is None:
            return None
        due.struck += 1
        self.struck.append(due.fault)
        return due.fault
