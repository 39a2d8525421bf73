"""One call to Vault: what is added to it, what is repeated, how often, and what is said about it."""

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, strategies as st

from asyncup import RetryPolicy
from asyncup.errors import (
    AsyncupError,
    ItemExists,
    LoginError,
    MalformedAnswer,
    Phase,
    SourceChanged,
    TlsRefused,
    TransportError,
    VaultError,
    VaultUnreachable,
)
from asyncup.events import BurstBudgetLow, CallDelayed, Event, RetryScheduled, VaultHeld
from asyncup.protocol import requests
from asyncup.protocol.answers import Answer, read_json
from asyncup.protocol.requests import Operation, Request
from asyncup.protocol.responses import SessionLogin
from asyncup.vault.calls import Calls, on_behalf
from asyncup.vault.login import LoginKeeper, PasswordLogin, TokenLogin
from asyncup.vault.transport import DEFAULT_PATIENCE, HttpRequest, Patience
from tests.fakes.memory_body import MemoryBody

READ = requests.upload_session("a")
FINE = Answer(200, {}, b'{"responseStatus": "SUCCESS"}')
BROKE = TransportError("x", Phase.ANSWER, "reset")
AWAY = VaultUnreachable("x", Phase.CONNECT, "away")


def limited(**headers: str) -> Answer:
    body = b'{"responseStatus": "FAILURE", "errors": [{"type": "API_LIMIT_EXCEEDED", "message": "slow down"}]}'
    return Answer(200, headers, body)


class Wire:
    """A transport that gives scripted outcomes, then always the last one; and the time that passes with it."""

    def __init__(self, *outcomes: Answer | Exception) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[tuple[float, HttpRequest]] = []
        self.waited: list[float] = []
        self.events: list[Event] = []
        self.now_s = 500.0
        self.in_flight = 0

    async def send(self, request: HttpRequest) -> Answer:
        self.sent.append((self.now_s, request))
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        await anyio.lowlevel.checkpoint()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def aclose(self) -> None:
        raise AssertionError("not the calls' to close")

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now_s += seconds
        await anyio.lowlevel.checkpoint()

    def calls(self, policy: RetryPolicy | None = None, jitter: float = 1.0) -> Calls:
        calls = Calls(
            self,
            api_version="v25.2",
            client_id="tests",
            policy=policy or RetryPolicy(max_attempts=4),
            job_poll_interval_s=10.0,
            on_event=self.events.append,
            sleep=self.sleep,
            jitter=lambda: jitter,
            now=lambda: self.now_s,
        )
        calls.login = LoginKeeper(TokenLogin("t0ken"), _no_login)
        return calls


async def _no_login(_: object) -> SessionLogin:
    raise AssertionError("a token needs no login")


def read(answer: Answer) -> object:
    return read_json(Operation.SESSION_DETAILS, answer)


# What is sent


async def test_a_request_gets_version_login_and_name() -> None:
    wire = Wire(FINE)
    body, patience = MemoryBody(b"abc"), Patience(1, 2)
    written: list[int] = []
    told: list[bool] = []
    request = requests.put_part("a", 3, "md5")
    started: list[int] = []
    await wire.calls().once(
        request,
        read,
        body=body,
        patience=patience,
        on_started=lambda: started.append(len(wire.sent)),
        on_written=written.append,
        on_sent=lambda: told.append(True),
    )
    assert started == [0], "told just before it is sent"
    ((_, sent),) = wire.sent
    assert (sent.operation, sent.method, sent.target) == ("uploading a part", "PUT", f"/api/v25.2{request.target}")
    assert (sent.body, sent.patience, sent.origin) == (body, patience, None)
    assert sent.on_written == written.append
    assert sent.on_sent is not None
    sent.on_sent()
    assert told == [True], "whoever listens is told, and the deadline learns from it"
    assert sent.headers == {
        "Accept": "application/json",
        "Authorization": "t0ken",
        "Content-MD5": "md5",
        "Content-Type": "application/octet-stream",
        "User-Agent": "tests",
        "X-VaultAPI-ClientID": "tests",
        "X-VaultAPI-FilePartNumber": "3",
    }
    assert "t0ken" not in repr(sent)


async def test_a_small_content_is_the_body() -> None:
    wire = Wire(FINE)
    request = requests.create_upload_session("/a", 5, overwrite=False)
    await wire.calls().once(request, read)
    assert wire.sent[0][1].body == request.content


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (READ, "/api/v25.2/services/file_staging/upload/a"),
        (requests.next_page(READ, "/api/v24.1/x?cursor=1"), "/api/v24.1/x?cursor=1"),
        (requests.api_versions(), "/api/"),
    ],
)
async def test_a_target_from_the_root_keeps_its_version(request_: Request, target: str) -> None:
    wire = Wire(FINE)
    await wire.calls().once(request_, read)
    assert wire.sent[0][1].target == target


async def test_a_login_is_sent_without_a_login_and_a_foreign_origin_is_kept() -> None:
    wire = Wire(FINE)
    calls = wire.calls()
    await calls.once(requests.log_in("u", "p", None), read)
    request = requests.oauth_log_in("https://login.example", "p", "provider", vault_dns=None, client_id=None)
    await calls.once(request, read)
    (_, first), (_, second) = wire.sent
    assert "Authorization" not in first.headers
    assert second.headers["Authorization"] == "Bearer provider"
    assert (second.origin, second.target) == ("https://login.example", "/auth/oauth/session/p")


class Renewing:
    """Logins that can be made again: numbered ones."""

    def __init__(self) -> None:
        self.logins = 0

    async def log_in(self, _: object) -> SessionLogin:
        self.logins += 1
        return SessionLogin(f"login-{self.logins}", None, None, {})


def refused_login(error_type: str) -> Answer:
    return Answer(200, {}, b'{"responseStatus": "FAILURE", "errors": [{"type": "%s"}]}' % error_type.encode())


async def test_an_expired_login_is_renewed_and_the_same_sent_again() -> None:
    wire, renewing = Wire(refused_login("INVALID_SESSION_ID"), FINE), Renewing()
    calls = wire.calls()
    calls.login = LoginKeeper(PasswordLogin("u", "p"), renewing.log_in)
    assert await calls.once(requests.put_part("a", 1, None), read, body=MemoryBody(b"abc"))
    assert [sent.headers["Authorization"] for _, sent in wire.sent] == ["login-1", "login-2"]
    assert [sent.body for _, sent in wire.sent] == [MemoryBody(b"abc")] * 2
    assert wire.waited == []


@pytest.mark.parametrize("error_type", ["USER_LOCKED_OUT", "INACTIVE_USER"])
async def test_a_refused_user_is_not_logged_in_again(error_type: str) -> None:
    wire, renewing = Wire(refused_login(error_type), FINE), Renewing()
    calls = wire.calls()
    calls.login = LoginKeeper(PasswordLogin("u", "p"), renewing.log_in)
    with pytest.raises(LoginError, match=error_type):
        await calls.once(READ, read)
    assert (len(wire.sent), renewing.logins) == (1, 1)


# What is repeated


@pytest.mark.parametrize("failure", [BROKE, AWAY, Answer(503, {}, b""), Answer(200, {}, b"<html>")], ids=repr)
async def test_reading_is_asked_again_after_passing_trouble(failure: Answer | Exception) -> None:
    wire = Wire(failure, failure, FINE)
    assert await wire.calls().ask(READ, read) == {"responseStatus": "SUCCESS"}
    assert wire.waited == [0.5, 1.0]
    assert [type(event) for event in wire.events] == [RetryScheduled] * 2
    first, second = wire.events
    assert isinstance(first, RetryScheduled)
    assert isinstance(second, RetryScheduled)
    assert (first.operation, first.attempt, first.delay_s) == ("reading the upload session", 1, 0.5)
    assert (second.attempt, second.delay_s) == (2, 1.0)
    assert first.reason
    assert first.reason.isprintable()


@given(st.integers(1, 12))
async def test_retries_are_bounded_and_counted(attempts: int) -> None:
    wire = Wire(TransportError("x", Phase.ANSWER, "reset"))
    with pytest.raises(TransportError) as last:
        await wire.calls(RetryPolicy(max_attempts=attempts)).ask(READ, read)
    assert len(wire.sent) == attempts
    retries = [event for event in wire.events if isinstance(event, RetryScheduled)]
    assert len(wire.waited) == len(retries) == attempts - 1
    assert last.value.attempts == attempts
    assert ("tried" in str(last.value)) == (attempts > 1)


@given(st.floats(0, 1))
async def test_jitter_is_an_argument(jitter: float) -> None:
    wire = Wire(Answer(503, {}, b""), FINE)
    await wire.calls(jitter=jitter).ask(READ, read)
    assert wire.waited == [pytest.approx(0.5 * jitter)]


@pytest.mark.parametrize(
    "failure", [TlsRefused("x", Phase.TLS, "y"), SourceChanged("a", "b"), Answer(404, {}, b""), Answer(403, {}, b"")]
)
async def test_what_cannot_get_better_is_said_at_once(failure: Answer | Exception) -> None:
    wire = Wire(failure)
    with pytest.raises(AsyncupError):
        await wire.calls().ask(READ, read)
    assert (len(wire.sent), wire.waited, wire.events) == (1, [], [])


async def test_a_change_in_doubt_is_not_repeated_without_asking() -> None:
    for failure in (TransportError("x", Phase.ANSWER, "reset"), Answer(500, {}, b""), Answer(200, {}, b"")):
        wire = Wire(failure)
        with pytest.raises(AsyncupError):
            await wire.calls().ask(requests.delete_item("/a", recursive=False), read)
        assert len(wire.sent) == 1


Attempt = Callable[[], Awaitable[str]]


def outcomes(*scripted: str | Exception) -> tuple[Attempt, list[int]]:
    """An attempt, or a settlement, that ends as scripted, and how often it was made."""
    left = list(scripted)
    made: list[int] = []

    async def attempt() -> str:
        made.append(1)
        await anyio.lowlevel.checkpoint()
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt, made


def broke() -> TransportError:
    return TransportError("x", Phase.ANSWER, "reset")


async def test_a_doubt_is_settled_by_what_vault_shows() -> None:
    wire = Wire(FINE)
    attempt, made = outcomes(broke())
    settle, asked = outcomes("done")
    assert await wire.calls().repeat(Operation.COMMIT, attempt, settle) == "done"
    assert (len(made), len(asked), wire.waited) == (1, 1, [])


async def test_what_was_not_done_is_done_again() -> None:
    wire = Wire(FINE)
    attempt, made = outcomes(broke(), broke(), "new")
    asked = []

    async def settle() -> None:
        asked.append(1)

    assert await wire.calls().repeat(Operation.COMMIT, attempt, settle) == "new"
    assert (len(made), len(asked), wire.waited) == (3, 2, [0.5, 1.0])


async def test_a_definite_refusal_is_not_settled() -> None:
    wire = Wire(FINE)
    refused = VaultError("x", status=200, response_status="FAILURE", error_type="INVALID_DATA")
    attempt, made = outcomes(refused)
    settle, asked = outcomes()
    with pytest.raises(VaultError) as raised:
        await wire.calls().repeat(Operation.COMMIT, attempt, settle)
    assert raised.value is refused
    assert (len(made), len(asked)) == (1, 0)


async def test_the_last_failure_says_how_often_it_was_tried() -> None:
    attempt, _ = outcomes(VaultError("x", status=503), VaultError("x", status=404))
    with pytest.raises(VaultError) as last:
        await Wire(FINE).calls().repeat(Operation.SESSION_DETAILS, attempt)
    assert (last.value.status, last.value.attempts) == (404, 2)


async def test_a_login_that_is_refused_after_a_doubt_settles_nothing() -> None:
    attempt, made = outcomes(broke(), LoginError("x", status=401))
    settle, asked = outcomes("never")
    asked_first: list[int] = []

    async def settle_once() -> str | None:
        if asked_first:
            return await settle()
        asked_first.append(1)
        return None

    with pytest.raises(LoginError):
        await Wire(FINE).calls().repeat(Operation.COMMIT, attempt, settle_once)
    assert (len(made), len(asked)) == (2, 0)


async def test_what_did_nothing_for_certain_is_repeated_without_asking() -> None:
    attempt, made = outcomes(VaultError("x", status=429), AWAY, "new")
    settle, asked = outcomes()
    assert await Wire(FINE).calls().repeat(Operation.CREATE_SESSION, attempt, settle) == "new"
    assert (len(made), len(asked)) == (3, 0)


async def test_a_proxys_503_after_a_creation_is_a_doubt() -> None:
    attempt, made = outcomes(VaultError("x", status=503))
    settle, asked = outcomes("ours")
    assert await Wire(FINE).calls().repeat(Operation.CREATE_SESSION, attempt, settle) == "ours"
    assert (len(made), len(asked)) == (1, 1)


async def test_a_name_that_exists_after_a_doubt_may_be_our_own() -> None:
    exists = ItemExists("x", status=200, response_status="FAILURE", error_type="ITEM_NAME_EXISTS")
    asked: list[int] = []

    async def settle() -> str | None:
        asked.append(1)
        return "ours" if len(asked) == 2 else None

    attempt, made = outcomes(broke(), exists)
    assert await Wire(FINE).calls().repeat(Operation.CREATE_FILE, attempt, settle) == "ours"
    assert (len(made), len(asked)) == (2, 2)
    # Without a doubt before, it is somebody else's.
    attempt, made = outcomes(exists)
    with pytest.raises(ItemExists):
        await Wire(FINE).calls().repeat(Operation.CREATE_FILE, attempt, settle)
    assert (len(made), len(asked)) == (1, 2)


async def test_a_settlement_that_fails_is_the_answer() -> None:
    attempt, made = outcomes(broke())
    gone = MalformedAnswer("y", status=200)
    settle, _ = outcomes(gone)
    with pytest.raises(MalformedAnswer) as raised:
        await Wire(FINE).calls().repeat(Operation.COMMIT, attempt, settle)
    assert raised.value is gone
    assert len(made) == 1


async def test_a_bug_is_not_repeated() -> None:
    attempt, made = outcomes(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        await Wire(FINE).calls().repeat(Operation.SESSION_DETAILS, attempt)
    assert len(made) == 1


async def test_calls_on_behalf_of_an_upload_follow_its_policy_and_tell_its_hook() -> None:
    wire, heard = Wire(FINE), list[Event]()
    calls = wire.calls()
    error = VaultError("x", status=503)
    with on_behalf(RetryPolicy(max_attempts=3, base_s=7), heard.append):
        await calls.pause(Operation.PUT_PART, 2, error, path="a.bin", part=4)
        assert wire.waited == [14]
        assert heard == [RetryScheduled("uploading a part", 2, 14, error.message, "a.bin", 4)]
        assert wire.events == []
        with pytest.raises(VaultError) as last:
            await calls.pause(Operation.PUT_PART, 3, error)
    assert last.value.attempts == 3
    await calls.pause(Operation.PUT_PART, 1, error)
    assert len(heard) == 1, "behind it the calls are the Vault's own again"
    assert len(wire.events) == 1


async def test_calls_on_behalf_of_an_upload_have_its_patience() -> None:
    wire = Wire(FINE)
    calls, request = wire.calls(), requests.upload_session("x")
    with on_behalf(RetryPolicy(), None, Patience(1.5, 2.5)):
        await calls.once(request, lambda _: None)
        await calls.once(request, lambda _: None, patience=Patience(3.5, 4.5))
    await calls.once(request, lambda _: None)
    assert [http.patience for _, http in wire.sent] == [Patience(1.5, 2.5), Patience(3.5, 4.5), DEFAULT_PATIENCE]


@pytest.mark.parametrize("answered_before", [False, True])
async def test_a_vault_that_never_answered_is_given_up_sooner(answered_before: bool) -> None:
    away = VaultUnreachable("x", Phase.CONNECT, "y")
    wire = Wire(*([FINE] if answered_before else []), *[away] * 9, FINE)
    calls = wire.calls(RetryPolicy(max_attempts=10, first_contact_attempts=3))
    if answered_before:
        await calls.ask(READ, read)
        await calls.ask(READ, read)
        assert len(wire.sent) == 11
    else:
        with pytest.raises(VaultUnreachable) as given_up:
            await calls.ask(READ, read)
        assert given_up.value.attempts == 3


# How fast


@pytest.mark.parametrize(("after", "waited"), [("7", 7.5), ("0", 0.5), ("100000", 300.5)])
async def test_retry_after_is_the_least_that_is_waited(after: str, waited: float) -> None:
    wire = Wire(Answer(503, {"retry-after": after}, b""), FINE)
    await wire.calls().ask(READ, read)
    assert sum(wire.waited) == pytest.approx(waited)
    assert wire.sent[1][0] - wire.sent[0][0] >= min(float(after), 300)


class SteppedClock:
    """Time that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.moved = anyio.Event()

    async def sleep(self, seconds: float) -> None:
        until = self.now_s + seconds
        while self.now_s < until:
            await self.moved.wait()

    async def move_to(self, now_s: float) -> None:
        self.now_s = now_s
        moved, self.moved = self.moved, anyio.Event()
        moved.set()
        await anyio.wait_all_tasks_blocked()


async def test_a_limit_of_the_vault_holds_all_lanes() -> None:
    wire, clock = Wire(limited(), FINE), SteppedClock()
    calls = Calls(
        wire,
        api_version="v25.2",
        client_id="tests",
        policy=RetryPolicy(),
        job_poll_interval_s=10.0,
        on_event=wire.events.append,
        sleep=clock.sleep,
        jitter=lambda: 0.0,
        now=lambda: clock.now_s,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(calls.ask, READ, read)
        await anyio.wait_all_tasks_blocked()
        for request in (READ, requests.list_upload_sessions(), requests.commit_upload_session("a")):
            tasks.start_soon(calls.ask, request, read)
        for second in (0, 10, 29):
            await clock.move_to(second)
            assert len(wire.sent) == 1, "the limit is about everybody"
        await clock.move_to(30)
        assert len(wire.sent) == 5
    held = [event for event in wire.events if isinstance(event, VaultHeld)]
    assert held == [VaultHeld(30, held[0].reason)]


async def test_a_limit_of_one_job_holds_nobody_else() -> None:
    wire = Wire(limited(), FINE)
    calls = wire.calls()
    await calls.ask(requests.job_status(5), read)
    assert wire.waited == [10.5]
    assert not any(isinstance(event, VaultHeld) for event in wire.events)


async def test_a_hold_of_less_than_a_second_is_one() -> None:
    wire = Wire(Answer(429, {"retry-after": "0"}, b""), FINE)
    calls = wire.calls(RetryPolicy(base_s=0.25))
    calls._turns.pace.hold(wire.now_s + 0.5)
    await calls.once(requests.log_in("u", "p", None), lambda answer: answer)
    assert wire.waited == [0.5]


async def test_only_logins_are_spread() -> None:
    wire = Wire(FINE)
    calls = wire.calls()
    for _ in range(30):
        await calls.once(READ, read)
    assert wire.waited == []


async def test_logins_are_spread_over_minutes() -> None:
    wire = Wire(FINE)
    calls = wire.calls()
    for _ in range(25):
        await calls.once(requests.log_in("u", "p", None), read)
    times = [at for at, _ in wire.sent]
    assert all(eleventh - first >= 60 for first, eleventh in zip(times, times[10:], strict=False))
    assert times[9] == times[0], "the first ten need not wait"


async def test_what_vault_says_of_its_limits_is_passed_on() -> None:
    low = {"x-vaultapi-burstlimit": "2000", "x-vaultapi-burstlimitremaining": "199"}
    body = FINE.body
    wire = Wire(
        Answer(200, low, body),
        Answer(200, low | {"x-vaultapi-responsedelay": "500"}, body),
        Answer(200, low | {"x-vaultapi-burstlimitremaining": "2000"}, body),
        Answer(503, low, b""),
        FINE,
    )
    calls = wire.calls()
    for _ in range(4):
        await calls.ask(READ, read)
    told = [event for event in wire.events if not isinstance(event, RetryScheduled)]
    assert told == [
        BurstBudgetLow(2000, 199),
        CallDelayed("reading the upload session", 0.5),
        BurstBudgetLow(2000, 199),
    ]


async def test_nobody_has_to_listen() -> None:
    wire = Wire(limited(), FINE)
    calls = Calls(
        wire,
        api_version="v25.2",
        client_id="tests",
        policy=RetryPolicy(),
        job_poll_interval_s=10.0,
        sleep=wire.sleep,
        now=lambda: wire.now_s,
    )
    assert await calls.ask(READ, read)
    assert "Authorization" not in wire.sent[0][1].headers
