"""A small Vault in memory, at the `Transport` seam: a model of upload sessions, items and jobs, with scripted faults.

It reads the API for itself and shares no parsing with the client. Time is virtual: it moves when the client waits.

    memory = MemoryVault()
    async with memory.vault() as vault:                        # a `Vault` on this transport, waiting in virtual time
        memory.fail(Endpoint.COMMIT, lost_after())             # the next commit is done, its answer is lost
        memory.fail(Endpoint.PUT_PART, lost_before(), nth=3)   # the third part from now on never arrives
        await upload_file(path, "/u1/a.bin", vault=vault, options=UploadOptions(memory_budget=40_000))
    memory.assert_clean()                                      # every fault was met, and no rule of Vault was broken
    assert memory.items["/u1/a.bin"] == content
    assert memory.effects.count(Endpoint.COMMIT) == 1          # what was really done, lost answers included

Faults (each is met once): `lost_before`, `lost_after`, `broken_off(after=n)`, `unreachable`, `tls_refused`,
`refused(type)`, `raw(status, body)`, `raw(..., done=True)`, `login_expires`, `flipped("wire")` or `flipped("store")`
(another byte arrives, or is kept, than was sent), `never_answers` (until cancelled; `memory.waiting` tells that it is
reached), `slow_answer(event)`, `do(function)` (somebody else's doing).

`SMALL` are limits for tests: parts of 1000 to 10 000 bytes, at most 50 of them, and 500 bytes in a single request.
"""

from __future__ import annotations

import base64
import binascii
import email.parser
import email.policy
import enum
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import anyio
import anyio.lowlevel

from asyncup import RetryPolicy, TokenLogin, Vault
from asyncup.errors import Phase, TlsRefused, TransportError, VaultUnreachable
from asyncup.events import EventHook
from asyncup.protocol.answers import Answer
from asyncup.protocol.limits import Limits
from asyncup.vault.login import Login
from asyncup.vault.transport import HttpRequest

DNS = "memory.veevavault.com"
TOKEN = "token-of-memory-vault"
USER, PASSWORD = "user@memory.example", "password-of-memory-vault"
PROFILE, PROVIDER_TOKEN = "profile-of-memory-vault", "token-of-a-provider"
LARGEST_SLICE = 1024 * 1024

SMALL = Limits(
    min_part_size=1000,
    preferred_part_size=10_000,
    max_part_size=10_000,
    max_parts=50,
    max_file_size=1_000_000,
    max_item_size=500,
)

SIX_ATTEMPTS = RetryPolicy(max_attempts=6, cap_s=30.0)
"""Fewer than the default, so that a fault script can outlast them."""


class Endpoint(enum.Enum):
    """What was called."""

    LOG_IN = enum.auto()
    CREATE_SESSION = enum.auto()
    PUT_PART = enum.auto()
    COMMIT = enum.auto()
    ABORT = enum.auto()
    SESSION_DETAILS = enum.auto()
    LIST_PARTS = enum.auto()
    LIST_SESSIONS = enum.auto()
    CREATE_ITEM = enum.auto()
    LIST_ITEMS = enum.auto()
    DOWNLOAD = enum.auto()
    JOB_STATUS = enum.auto()
    JOB_LISTS = enum.auto()
    MOVE_ITEM = enum.auto()
    DELETE_ITEM = enum.auto()
    KEEP_ALIVE = enum.auto()
    END_LOGIN = enum.auto()
    WHO_AM_I = enum.auto()
    API_VERSIONS = enum.auto()


_SESSION_ID = r"/services/file_staging/upload/(?P<id>[^/]+)"
_ROUTES = (
    ("POST", r"/auth", Endpoint.LOG_IN),
    ("POST", r"/services/file_staging/upload", Endpoint.CREATE_SESSION),
    ("GET", r"/services/file_staging/upload", Endpoint.LIST_SESSIONS),
    ("PUT", _SESSION_ID, Endpoint.PUT_PART),
    ("POST", _SESSION_ID, Endpoint.COMMIT),
    ("GET", _SESSION_ID, Endpoint.SESSION_DETAILS),
    ("DELETE", _SESSION_ID, Endpoint.ABORT),
    ("GET", _SESSION_ID + r"/parts", Endpoint.LIST_PARTS),
    ("POST", r"/services/file_staging/items", Endpoint.CREATE_ITEM),
    ("GET", r"/services/file_staging/items/content/(?P<item>.+)", Endpoint.DOWNLOAD),
    ("GET", r"/services/file_staging/items(?:/(?P<item>.*))?", Endpoint.LIST_ITEMS),
    ("PUT", r"/services/file_staging/items/(?P<item>.+)", Endpoint.MOVE_ITEM),
    ("DELETE", r"/services/file_staging/items/(?P<item>.+)", Endpoint.DELETE_ITEM),
    ("GET", r"/services/jobs/(?P<job>\d+)", Endpoint.JOB_STATUS),
    ("GET", r"/services/jobs/(?P<which>histories|monitors)", Endpoint.JOB_LISTS),
    ("POST", r"/keep-alive", Endpoint.KEEP_ALIVE),
    ("DELETE", r"/session", Endpoint.END_LOGIN),
    ("GET", r"/objects/users/me", Endpoint.WHO_AM_I),
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        done: True when Vault does what was asked before things go wrong.
        taken: bytes of the payload that are taken before things go wrong; None takes them all.
        error: raised instead of an answer; None is answered.
        answer: status, headers and body instead of Vault's own answer.
        refusal: Vault's error type, answered as status 200 with FAILURE.
        flip: where another byte comes in than was sent: on its way (Content-MD5 shows it), or when it is stored.
        before: called before anything else.
        until: waited for before the answer is given.
        forever: no answer is given until the client cancels.
    """

    done: bool = True
    taken: int | None = None
    error: type[TransportError] | None = None
    phase: Phase = Phase.ANSWER
    answer: tuple[int, Mapping[str, str], bytes] | None = None
    refusal: str | None = None
    flip: Literal["", "wire", "store"] = ""
    before: Callable[[MemoryVault], None] | None = None
    until: anyio.Event | None = None
    forever: bool = False


def lost_before() -> Fault:
    """The connection breaks after the payload, and Vault has done nothing."""
    return Fault(done=False, error=TransportError)


def lost_after() -> Fault:
    """Vault does what was asked, and the answer is lost."""
    return Fault(error=TransportError)


def broken_off(*, after: int) -> Fault:
    """The connection breaks when `after` bytes of the payload are taken."""
    return Fault(done=False, taken=after, error=TransportError, phase=Phase.WRITE)


def unreachable() -> Fault:
    """No connection; nothing is sent."""
    return Fault(done=False, taken=0, error=VaultUnreachable, phase=Phase.CONNECT)


def tls_refused() -> Fault:
    """The certificate is not trusted; nothing is sent."""
    return Fault(done=False, taken=0, error=TlsRefused, phase=Phase.TLS)


def refused(error_type: str) -> Fault:
    """Vault refuses with this error type and does nothing."""
    return Fault(done=False, refusal=error_type)


def raw(status: int, body: bytes | str = b"", *, headers: Mapping[str, str] | None = None, done: bool = False) -> Fault:
    """Anything at all as an answer; `headers` with lower-case names."""
    return Fault(done=done, answer=(status, headers or {}, body.encode() if isinstance(body, str) else body))


def login_expires() -> Fault:
    """Every login that was given so far is not valid any more, and so this request is refused."""
    return Fault(before=lambda memory: memory.expire_logins())


def flipped(where: Literal["wire", "store"]) -> Fault:
    """Another byte arrives than was sent, or is kept than arrived; the receipt has the MD5 of what is kept."""
    return Fault(flip=where)


def never_answers(*, done: bool = False) -> Fault:
    """Everything is taken, and then nothing comes."""
    return Fault(done=done, forever=True)


def slow_answer(until: anyio.Event) -> Fault:
    """The answer comes when `until` is set."""
    return Fault(until=until)


def do(function: Callable[[MemoryVault], None]) -> Fault:
    """Call `function` before the request is looked at: somebody else's doing, for instance."""
    return Fault(before=function)


@dataclass
class HeldSession:
    """An upload session. `parts` are the bytes by number."""

    id: str
    path: str
    size: int
    overwrite: bool
    created: str
    owner: int | None = 1
    parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def uploaded(self) -> int:
        """Bytes held."""
        return sum(map(len, self.parts.values()))

    @property
    def content(self) -> bytes:
        """The parts in their order."""
        return b"".join(self.parts[number] for number in sorted(self.parts))


@dataclass
class Job:
    """What makes a file of a session. It ends when the virtual clock says so."""

    session: HeldSession
    ends_at_s: float
    ending: str
    asked_at_s: float | None = None
    done: bool = False


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    endpoint: Endpoint
    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    taken: int = 0


class _Refusal(Exception):
    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(error_type, message)
        self.error_type = error_type
        self.message = message


class MemoryVault:
    """A `Transport` and the Vault behind it.

    Attributes:
        sessions: open upload sessions by id.
        items: files by path.
        jobs: by id.
        seen: every request, in order of arrival, refused and broken ones included.
        effects: what was really done, in order.
        violations: what a client must never do (parts out of order, two at once, too large slices).
        waited: every pause that the client made, in seconds.
        now_s: the virtual clock.
        most_in_flight: how many requests were answered at the same time, at most.
        waiting: set when a request reached `never_answers`.
        closed: whether `aclose` was called.
        unlisted_md5s: numbers of parts that are listed without their MD5.
        headers: added to every answer; lower-case names.
    """

    def __init__(
        self,
        limits: Limits = SMALL,
        *,
        page_size: int = 1000,
        next_page: Literal["full", "rooted", "relative"] = "full",
        job_ending: str = "SUCCESS",
        job_takes_s: float = 0.5,
        content_md5_forms: frozenset[str] = frozenset({"base64", "hex"}),
        gone_error: str = "INVALID_DATA",
        landing_dns: str = DNS,
    ) -> None:
        self.limits = limits
        self.sessions: dict[str, HeldSession] = {}
        self.items: dict[str, bytes] = {}
        self.folders = {"/", "/u1"}
        self.jobs: dict[int, Job] = {}
        self.seen: list[Seen] = []
        self.effects: list[Endpoint] = []
        self.violations: list[str] = []
        self.waited: list[float] = []
        self.now_s = 1_000_000.0
        self.in_flight = 0
        self.most_in_flight = 0
        self.waiting = anyio.Event()
        self.closed = False
        self.logins = {TOKEN}
        self.passwords = {USER: PASSWORD}
        self.profiles = {PROFILE: PROVIDER_TOKEN}
        self.headers: dict[str, str] = {}
        self.unlisted_md5s: set[int] = set()
        self.page_size = page_size
        self.next_page = next_page
        self.job_ending = job_ending
        self.job_takes_s = job_takes_s
        self.content_md5_forms = content_md5_forms
        self.gone_error = gone_error
        self._keep: Callable[[bytes], bytes] = bytes
        self.landing_dns = landing_dns
        self._ids = 0
        self._began_s = self.now_s
        self._modified: dict[str, float] = {}
        self._faults: dict[tuple[Endpoint, int], Fault] = {}
        self._counts: Counter[Endpoint] = Counter()
        self._busy: set[str] = set()

    # -- for tests

    def vault(
        self,
        login: Login | None = None,
        *,
        retry: RetryPolicy | None = None,
        on_event: EventHook | None = None,
        address: str = DNS,
    ) -> Vault:
        """Return a client on this transport, whose pauses pass in virtual time and have no jitter."""
        vault = Vault(
            address,
            login or TokenLogin(TOKEN),
            limits=self.limits,
            retry=retry or SIX_ATTEMPTS,
            on_event=on_event,
            transport=self,
        )
        vault.calls._sleep = self.sleep
        vault.calls._jitter = lambda: 1.0
        vault.calls._now = lambda: self.now_s
        return vault

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.waited.append(seconds)
        self.now_s += seconds
        await anyio.lowlevel.checkpoint()

    def fail(self, endpoint: Endpoint, *faults: Fault, nth: int = 1) -> None:
        """Let the next requests to `endpoint` meet `faults`, the first of them the `nth` from now on."""
        first = self._counts[endpoint] + nth
        for number, fault in enumerate(faults, start=first):
            if (endpoint, number) in self._faults:
                raise ValueError(f"request {number} to {endpoint.name} has a fault already")
            self._faults[endpoint, number] = fault

    def open_session(self, path: str, size: int, *parts: bytes, overwrite: bool = False) -> str:
        """Make an upload session that holds `parts` already, without the client; return its id."""
        session = self._new_session(path, size, overwrite=overwrite)
        session.parts = dict(enumerate(parts, start=1))
        return session.id

    def count(self, endpoint: Endpoint) -> int:
        """How often an endpoint was called."""
        return self._counts[endpoint]

    def expire_logins(self) -> None:
        """Forget every login."""
        self.logins.clear()

    def assert_clean(self) -> None:
        """Fail when a scripted fault was never met, when a rule of Vault was broken, or nobody called at all."""
        assert self.seen, "nobody called"
        assert not self._faults, f"never met: {self._faults}"
        assert not self.violations, self.violations
        assert self.in_flight == 0

    # -- the transport

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self.closed = True
        await anyio.lowlevel.checkpoint()

    async def send(self, request: HttpRequest) -> Answer:
        """See `Transport.send`."""
        if self.closed:
            self.violations.append("a request after aclose")
        endpoint, names = _route(request)
        self._counts[endpoint] += 1
        fault = self._faults.pop((endpoint, self._counts[endpoint]), Fault())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        session_id = names.get("id", "")
        writes = endpoint in (Endpoint.PUT_PART, Endpoint.COMMIT)
        if writes and session_id in self._busy:
            self.violations.append(f"two requests at once that change upload session {session_id}")
        if writes:
            self._busy.add(session_id)
        try:
            return await self._answer(request, endpoint, names, fault)
        finally:
            self.in_flight -= 1
            if writes:
                self._busy.discard(session_id)

    async def _answer(self, request: HttpRequest, endpoint: Endpoint, names: Mapping[str, str], fault: Fault) -> Answer:
        if fault.before is not None:
            fault.before(self)
        if fault.phase in (Phase.CONNECT, Phase.TLS):
            self._note(request, endpoint, 0)
            await anyio.lowlevel.checkpoint()
            payload = b""
        else:
            payload = await self._take(request, endpoint, fault)
        if fault.error is not None and not fault.done:
            raise fault.error(request.operation, fault.phase, "scripted")
        answer = self._json(200, {})
        if fault.done:
            answer = self._do(request, endpoint, names, payload, fault.flip)
        if fault.forever:
            self.waiting.set()
            await anyio.sleep_forever()
        if fault.until is not None:
            await fault.until.wait()
        await anyio.lowlevel.checkpoint()
        if fault.error is not None:
            raise fault.error(request.operation, fault.phase, "scripted")
        if fault.refusal is not None:
            return self._failure(fault.refusal, "scripted")
        if fault.answer is not None:
            status, headers, body = fault.answer
            return Answer(status, headers, body, self.now_s)
        return answer

    async def _take(self, request: HttpRequest, endpoint: Endpoint, fault: Fault) -> bytes:
        """Take the payload slice by slice, as a network does."""
        received = bytearray()
        body = request.body
        await anyio.lowlevel.checkpoint()
        try:
            if body is None or isinstance(body, bytes):
                received += body or b""
            else:
                async for view in body.slices():
                    if view.nbytes > LARGEST_SLICE:
                        self.violations.append(f"a slice of {view.nbytes} bytes")
                    received += view
                    if request.on_written is not None:
                        request.on_written(view.nbytes)
                    await anyio.lowlevel.checkpoint()
                    if fault.taken is not None and len(received) >= fault.taken:
                        break
                else:
                    if len(received) != body.length:
                        self.violations.append(f"{len(received)} bytes of a payload of {body.length}")
            if fault.taken is None and request.on_sent is not None:
                request.on_sent()
        finally:
            self._note(request, endpoint, len(received))
        return bytes(received)

    def _note(self, request: HttpRequest, endpoint: Endpoint, taken: int) -> None:
        self.seen.append(Seen(endpoint, request.method, request.target, dict(request.headers), taken))

    # -- the Vault

    def _do(
        self, request: HttpRequest, endpoint: Endpoint, names: Mapping[str, str], payload: bytes, flip: str
    ) -> Answer:
        payload = _flip(payload) if flip == "wire" else payload
        self._keep = _flip if flip == "store" else bytes
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = {name: values[-1] for name, values in parse_qs(urlsplit(request.target).query).items()}
        if (
            endpoint is not Endpoint.LOG_IN
            and headers.get("authorization", "").removeprefix("Bearer ") not in self.logins
        ):
            return self._failure("INVALID_SESSION_ID", "Invalid or expired session ID.")
        try:
            return self._dispatch(request, endpoint, names, headers, query, payload)
        except _Refusal as refusal:
            return self._failure(refusal.error_type, refusal.message)

    def _dispatch(  # noqa: C901, PLR0911 - one for each endpoint
        self,
        request: HttpRequest,
        endpoint: Endpoint,
        names: Mapping[str, str],
        headers: Mapping[str, str],
        query: Mapping[str, str],
        payload: bytes,
    ) -> Answer:
        match endpoint:
            case Endpoint.LOG_IN:
                return self._log_in(names, headers, _form(headers, payload))
            case Endpoint.CREATE_SESSION:
                return self._create_session(_form(headers, payload))
            case Endpoint.LIST_SESSIONS:
                return self._page(request, query, [_described(each) for each in self.sessions.values()])
            case Endpoint.CREATE_ITEM:
                return self._create_item(headers, payload)
            case Endpoint.LIST_ITEMS:
                return self._page(request, query, self._listing(names.get("item") or "", query))
            case Endpoint.DOWNLOAD:
                return self._download(names["item"], headers)
            case Endpoint.JOB_STATUS:
                return self._job_status(int(names["job"]))
            case Endpoint.JOB_LISTS:
                ended = names["which"] == "histories"
                return self._success(jobs=[row for row in self._job_rows() if (row["status"] != "RUNNING") == ended])
            case Endpoint.MOVE_ITEM | Endpoint.DELETE_ITEM:
                return self._change_item(endpoint, names["item"], _form(headers, payload) if payload else {}, query)
            case Endpoint.KEEP_ALIVE | Endpoint.END_LOGIN | Endpoint.WHO_AM_I | Endpoint.API_VERSIONS:
                return self._account(endpoint, headers)
            case _:
                return self._on_session(request, endpoint, names["id"], headers, query, payload)

    def _log_in(self, names: Mapping[str, str], headers: Mapping[str, str], fields: Mapping[str, str]) -> Answer:
        if "profile" in names:
            known = headers.get("authorization", "").removeprefix("Bearer ") == self.profiles.get(names["profile"])
        else:
            known = self.passwords.get(fields.get("username", "")) == fields.get("password")
        if not known:
            return self._failure("USERNAME_OR_PASSWORD_INCORRECT", "no", errorType="AUTHENTICATION_FAILED")
        self._ids += 1
        session_id = f"login-{self._ids}"
        self.logins.add(session_id)
        self.effects.append(Endpoint.LOG_IN)
        vaults = [
            {"id": 6, "name": "another", "url": "https://another.veevavault.com/api"},
            {"id": 7, "name": "memory", "url": f"https://{self.landing_dns}/api"},
        ]
        return self._success(sessionId=session_id, userId=1, vaultId=7, vaultIds=vaults)

    def _create_session(self, fields: Mapping[str, str]) -> Answer:
        path, size = "/" + fields["path"].strip("/"), int(fields["size"])
        overwrite = fields.get("overwrite") == "true"
        if len(self.sessions) >= self.limits.max_upload_sessions:
            raise _Refusal("OPERATION_NOT_ALLOWED", "too many upload sessions")
        if path in self.items and not overwrite:
            raise _Refusal("ITEM_NAME_EXISTS", f"{path} exists")
        if size > self.limits.max_file_size:
            raise _Refusal("INVALID_DATA", "the file is too large")
        session = self._new_session(path, size, overwrite=overwrite)
        self.effects.append(Endpoint.CREATE_SESSION)
        return self._success(data=_described(session))

    def _new_session(self, path: str, size: int, *, overwrite: bool) -> HeldSession:
        self._ids += 1
        created = _iso(self.now_s + self._ids / 1000)
        session = HeldSession(f".made+up={self._ids}--", path, size, overwrite, created)
        self.sessions[session.id] = session
        return session

    def _on_session(
        self,
        request: HttpRequest,
        endpoint: Endpoint,
        session_id: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        payload: bytes,
    ) -> Answer:
        session = self.sessions.get(session_id)
        if session is None:
            raise _Refusal(self.gone_error, f"no upload session {session_id}")
        if endpoint is Endpoint.SESSION_DETAILS:
            return self._success(data=_described(session))
        if endpoint is Endpoint.LIST_PARTS:
            rows = [_part(number, session.parts[number]) for number in sorted(session.parts)]
            for row in rows:
                if row["part_number"] in self.unlisted_md5s:
                    del row["part_content_md5"]
            return self._page(request, query, rows)
        if endpoint is Endpoint.ABORT:
            del self.sessions[session_id]
            self.effects.append(endpoint)
            return self._success()
        if endpoint is Endpoint.COMMIT:
            return self._commit(session)
        return self._put_part(session, headers, payload)

    def _put_part(self, session: HeldSession, headers: Mapping[str, str], payload: bytes) -> Answer:
        number = int(headers["x-vaultapi-filepartnumber"])
        self._check_content_md5(headers.get("content-md5"), payload)
        before = session.uploaded - len(session.parts.get(number, b""))
        if not 1 <= number <= len(session.parts) + 1:
            self.violations.append(f"part {number} offered when {len(session.parts)} are held")
            raise _Refusal("INVALID_DATA", f"part {number} without the ones before it")
        if number > self.limits.max_parts or before + len(payload) > session.size:
            self.violations.append(f"part {number} is more than the session's size or number of parts")
            raise _Refusal("OPERATION_NOT_ALLOWED", "Unable to upload additional file parts/bytes")
        last = before + len(payload) == session.size and number >= len(session.parts)
        first = len(session.parts.get(1, payload))
        too_small = len(payload) < self.limits.min_part_size and not last
        if too_small or len(payload) > self.limits.max_part_size or (len(payload) != first and not last):
            self.violations.append(f"part {number} has {len(payload)} bytes")
            raise _Refusal("INVALID_DATA", f"part {number} has {len(payload)} bytes")
        session.parts[number] = self._keep(payload)
        self.effects.append(Endpoint.PUT_PART)
        return self._success(data=_part(number, session.parts[number]))

    def _check_content_md5(self, value: str | None, payload: bytes) -> None:
        if value is None:
            return
        digest = hashlib.md5(payload, usedforsecurity=False).digest()
        form = "hex" if re.fullmatch("[0-9a-f]{32}", value) else "base64"
        try:
            decoded = bytes.fromhex(value) if form == "hex" else base64.b64decode(value, validate=True)
        except binascii.Error:
            decoded = b""
        if form not in self.content_md5_forms or decoded != digest:
            raise _Refusal("INVALID_DATA", f"Content-MD5 {value} is not understood, or is wrong")

    def _commit(self, session: HeldSession) -> Answer:
        if session.uploaded != session.size:
            self.violations.append(f"commit with {session.uploaded} of {session.size} bytes")
            raise _Refusal("OPERATION_NOT_ALLOWED", "parts are missing")
        del self.sessions[session.id]
        self._ids += 1
        self.jobs[self._ids] = Job(session, self.now_s + self.job_takes_s, self.job_ending)
        self.effects.append(Endpoint.COMMIT)
        return self._success(data={"job_id": self._ids})

    def _job_status(self, job_id: int) -> Answer:
        job = self.jobs.get(job_id)
        if job is None:
            raise _Refusal("INVALID_DATA", f"no job {job_id}")
        asked_at_s, job.asked_at_s = job.asked_at_s, self.now_s
        if asked_at_s is not None and self.now_s < asked_at_s + self.limits.job_poll_interval_s:
            raise _Refusal("API_LIMIT_EXCEEDED", "asked for the same job too soon")
        self._run_jobs()
        status = job.ending if self.now_s >= job.ends_at_s else "RUNNING"
        return self._success(data={"id": job_id, "status": status, "method": "POST"})

    def _run_jobs(self) -> None:
        for job in self.jobs.values():
            if self.now_s >= job.ends_at_s and job.ending == "SUCCESS" and not job.done:
                job.done = True
                self._modified[job.session.path] = self.now_s
                self.items[job.session.path] = job.session.content

    def _job_rows(self) -> list[dict[str, Any]]:
        self._run_jobs()
        return [
            {"job_id": number, "status": job.ending if self.now_s >= job.ends_at_s else "RUNNING"}
            for number, job in self.jobs.items()
        ]

    def _change_item(
        self, endpoint: Endpoint, item: str, fields: Mapping[str, str], query: Mapping[str, str]
    ) -> Answer:
        path = "/" + item.strip("/")
        inside = [each for each in self.items if each.startswith(path + "/")]
        if path not in self.items and path not in self.folders:
            raise _Refusal("INVALID_DATA", f"no item {path}")
        if endpoint is Endpoint.DELETE_ITEM and inside and query.get("recursive") != "true":
            raise _Refusal("OPERATION_NOT_ALLOWED", f"{path} is not empty")
        content = self.items.pop(path, b"")
        if endpoint is Endpoint.DELETE_ITEM:
            self.folders.discard(path)
            for each in inside:
                del self.items[each]
        else:
            parent, _, name = path.rpartition("/")
            self.items[f"{fields.get('parent', parent).rstrip('/')}/{fields.get('name', name)}"] = content
        self._ids += 1
        self.effects.append(endpoint)
        return self._success(data={"job_id": self._ids, "url": f"/api/v25.2/services/jobs/{self._ids}"})

    def _account(self, endpoint: Endpoint, headers: Mapping[str, str]) -> Answer:
        if endpoint is Endpoint.END_LOGIN:
            self.logins.discard(headers["authorization"].removeprefix("Bearer "))
            self.effects.append(endpoint)
        if endpoint is Endpoint.WHO_AM_I:
            user = {"id": 1, "user_name__v": USER, "security_profile__v": "document_user__v"}
            return self._success(users=[{"user": user}])
        if endpoint is Endpoint.API_VERSIONS:
            return self._success(values={"v25.2": f"https://{DNS}/api/v25.2"})
        return self._success()

    def _create_item(self, headers: Mapping[str, str], payload: bytes) -> Answer:
        fields, content = _multipart(headers, payload)
        path = "/" + fields["path"].strip("/")
        if (path in self.items and fields.get("overwrite") != "true") or path in self.folders:
            raise _Refusal("ITEM_NAME_EXISTS", f"{path} exists")
        parent = path.rpartition("/")[0] or "/"
        if parent not in self.folders:
            raise _Refusal("INVALID_DATA", f"The parent folder [{parent}/] cannot be found")
        if fields["kind"].lower() == "folder":
            self.effects.append(Endpoint.CREATE_ITEM)
            self.folders.add(path)
            return self._success(data={"kind": "folder", "path": path + "/", "name": path.rpartition("/")[2]})
        if len(content) > self.limits.max_item_size:
            raise _Refusal("EXCEEDS_FILE_MAX_SIZE", "use an upload session")
        self._check_content_md5(headers.get("content-md5"), content)
        self.effects.append(Endpoint.CREATE_ITEM)
        content = self.items[path] = self._keep(content)
        self._modified[path] = self.now_s
        return self._success(data=_file_row(path, content) | {"file_content_md5": _md5(content)})

    def _listing(self, folder: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        self._run_jobs()
        inside = f"/{folder.strip('/')}/".replace("//", "/")
        if inside.rstrip("/") not in {each.rstrip("/") for each in self.folders}:
            raise _Refusal("INVALID_DATA", f"no folder {inside}")
        recursive = query.get("recursive") == "true"
        paths = [path for path in sorted(self.items) if path.startswith(inside)]
        rows = [
            _file_row(path, self.items[path])
            | {"modified_date": _iso(self._modified.get(path, self._began_s - 86_400))}
            for path in paths
            if recursive or "/" not in path[len(inside) :]
        ]
        folders = [path for path in sorted(self.folders) if path.startswith(inside) and path != inside]
        return rows + [
            {"kind": "folder", "path": path, "name": path.rpartition("/")[2]}
            for path in folders
            if recursive or "/" not in path[len(inside) :]
        ]

    def _download(self, item: str, headers: Mapping[str, str]) -> Answer:
        self._run_jobs()
        content = self.items.get("/" + item.strip("/"))
        if content is None:
            raise _Refusal("INVALID_DATA", f"no file {item}")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", f"bytes=0-{len(content)}"))
        if wanted is None:
            raise _Refusal("INVALID_DATA", "Range is not understood")
        cut = content[int(wanted[1]) : int(wanted[2]) + 1]
        return Answer(206, {"content-type": "application/octet-stream;charset=UTF-8"}, cut, self.now_s)

    # -- answers

    def _page(self, request: HttpRequest, query: Mapping[str, str], rows: list[dict[str, Any]]) -> Answer:
        begin = int(query.get("cursor", "0"))
        end = begin + min(self.page_size, int(query.get("limit", "1000")))
        details: dict[str, str] = {}
        if end < len(rows):
            path = urlsplit(request.target).path
            root = "/".join(path.split("/")[:3])
            prefix = {"full": f"https://{DNS}{path}", "rooted": path, "relative": path.removeprefix(root)}
            details["next_page"] = f"{prefix[self.next_page]}?{urlencode({**query, 'cursor': end})}"
        return self._success(data=rows[begin:end], responseDetails=details)

    def _success(self, **fields: Any) -> Answer:  # noqa: ANN401 - JSON
        return self._json(200, {"responseStatus": "SUCCESS", **fields})

    def _failure(self, error_type: str, message: str, **fields: str) -> Answer:
        errors = [{"type": error_type, "message": message}]
        return self._json(200, {"responseStatus": "FAILURE", "errors": errors, **fields})

    def _json(self, status: int, document: Mapping[str, Any]) -> Answer:
        headers = {"content-type": "application/json;charset=UTF-8"} | self.headers
        return Answer(status, headers, json.dumps(document).encode(), self.now_s)


def _route(request: HttpRequest) -> tuple[Endpoint, dict[str, str]]:
    path = urlsplit(request.target).path
    if (request.method, path) == ("GET", "/api/"):
        return Endpoint.API_VERSIONS, {}
    if request.origin is not None:
        assert path.startswith("/auth/oauth/session/")
        return Endpoint.LOG_IN, {"profile": unquote(path.removeprefix("/auth/oauth/session/"))}
    for method, pattern, endpoint in _ROUTES:
        match = re.fullmatch(r"/api/v\d+\.\d+" + pattern, path)
        if match is not None and method == request.method:
            return endpoint, {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
    raise AssertionError(f"no such endpoint: {request.method} {request.target}")


def _form(headers: Mapping[str, str], payload: bytes) -> dict[str, str]:
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    fields = parse_qs(payload.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    return {name: values[-1] for name, values in fields.items()}


def _multipart(headers: Mapping[str, str], payload: bytes) -> tuple[dict[str, str], bytes]:
    if headers["content-type"] == "application/x-www-form-urlencoded":
        return _form(headers, payload), b""
    head = f"Content-Type: {headers['content-type']}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + payload)
    fields: dict[str, str] = {}
    content = b""
    boundary = message.get_boundary()
    assert boundary is not None
    # The stdlib's parser is for mail, and may change line ends inside a file: its bytes are cut out here.
    for piece in payload.split(b"--" + boundary.encode())[1:-1]:
        lines, _, value = piece.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', lines)
        assert name is not None
        if name[1] == b"file":
            content = value.removesuffix(b"\r\n")
        else:
            fields[name[1].decode()] = value.removesuffix(b"\r\n").decode()
    return fields, content


def _described(session: HeldSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "path": session.path,
        "name": session.path.rpartition("/")[2],
        "size": session.size,
        "uploaded": session.uploaded,
        "uploaded_parts": len(session.parts),
        "owner": session.owner,
        "overwrite": session.overwrite,
        "created_date": session.created,
        "last_uploaded_date": session.created,
        "expiration_date": session.created,
    }


def _part(number: int, content: bytes) -> dict[str, Any]:
    return {"part_number": number, "size": len(content), "part_content_md5": _md5(content)}


def _file_row(path: str, content: bytes) -> dict[str, Any]:
    return {"kind": "file", "path": path, "name": path.rpartition("/")[2], "size": len(content)}


def _iso(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _flip(payload: bytes) -> bytes:
    if not payload:
        return payload
    middle = len(payload) // 2
    return payload[:middle] + bytes([payload[middle] ^ 1]) + payload[middle + 1 :]
