"""Many lanes and one Vault: an outage is met once, costs no lane its attempts, and makes no storm."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable

import anyio
import anyio.lowlevel
import pytest

from asyncup import RetryPolicy
from asyncup.errors import (
    AsyncupError,
    Phase,
    SourceChanged,
    TransportError,
    VaultAway,
    VaultError,
    VaultUnreachable,
)
from asyncup.events import BreakerClosed, BreakerOpened, Event, RetryScheduled, VaultHeld
from asyncup.protocol import requests
from asyncup.protocol.answers import Answer, read_json
from asyncup.protocol.requests import Operation
from asyncup.vault.calls import Calls, on_behalf
from asyncup.vault.transport import HttpRequest, Patience
from tests.fakes.memory_body import MemoryBody
from tests.fakes.virtual_clock import VirtualClock, virtual_clock

READ = requests.upload_session("a")
FINE = Answer(200, {}, b'{"responseStatus": "SUCCESS"}')
REFUSED = Answer(200, {}, b'{"responseStatus": "FAILURE", "errors": [{"type": "INVALID_DATA"}]}')
WALL = 1_777_777_000.0


def read(answer: Answer) -> object:
    return read_json(Operation.SESSION_DETAILS, answer)


class Network:
    """A transport whose Vault is there or not. Each exchange takes `takes_s` of virtual time."""

    def __init__(self, clock: VirtualClock, *, takes_s: float = 0.1) -> None:
        self.clock = clock
        self.takes_s = takes_s
        self.failure: Exception | None = None
        self.back_at = float("inf")
        self.sent: list[tuple[float, HttpRequest]] = []
        self.answer = FINE
        self.in_flight = 0
        self.most_in_flight = 0

    def goes_away(self, failure: Exception, *, for_s: float = float("inf")) -> None:
        """From now on every exchange ends so."""
        self.failure, self.back_at, self.most_in_flight = failure, self.clock.now_s + for_s, self.in_flight

    async def send(self, request: HttpRequest) -> Answer:
        self.sent.append((self.clock.now_s, request))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.clock.sleep(self.takes_s)
        finally:
            self.in_flight -= 1
        if self.failure is not None and self.clock.now_s < self.back_at:
            raise self.failure
        if request.on_sent is not None:
            request.on_sent()
        return self.answer

    async def aclose(self) -> None:
        raise AssertionError("not the calls' to close")

    def calls(self, policy: RetryPolicy | None = None, heard: list[Event] | None = None, *, seed: int = 1) -> Calls:
        return Calls(
            self,
            api_version="v25.2",
            client_id="tests",
            policy=policy or RetryPolicy(),
            job_poll_interval_s=10.0,
            on_event=None if heard is None else heard.append,
            sleep=self.clock.sleep,
            jitter=random.Random(seed).random,
            now=self.clock.now,
            wall=lambda: WALL + self.clock.now_s - 1000.0,
        )


def away() -> VaultUnreachable:
    return VaultUnreachable("x", Phase.CONNECT, "away")


async def lane(calls: Calls, ended: list[object], policy: RetryPolicy | None = None) -> None:
    """One upload that asks one thing."""
    with on_behalf(policy or RetryPolicy(), None):
        try:
            ended.append(await calls.ask(READ, read))
        except AsyncupError as error:
            ended.append(error)


def kinds(events: Iterable[object]) -> Counter[type]:
    return Counter(map(type, events))


@pytest.mark.parametrize("lanes", [2, 8, 100])
async def test_an_outage_that_lasts_ends_every_lane_once_and_clearly(lanes: int) -> None:
    heard: list[Event] = []
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(heard=heard)
        await calls.ask(READ, read)
        network.goes_away(away())
        began = clock.now_s
        async with anyio.create_task_group() as tasks:
            for _ in range(lanes):
                tasks.start_soon(lane, calls, ended)
        lasted = clock.now_s - began
        # One who comes later is told at once, or tries once.
        later = len(network.sent)
        for _ in range(5):
            await lane(calls, ended)
        assert len(network.sent) - later <= 2
    assert kinds(ended) == {VaultAway: lanes + 5}
    assert 900 <= lasted <= 1000
    first = ended[0]
    assert isinstance(first, VaultAway)
    assert first.away_s >= 900
    assert "since 2026-05-03 02:56:" in str(first)
    assert "Run it again" in str(first)
    assert len({id(error) for error in ended}) == lanes + 5, "no two lanes share a traceback"
    assert kinds(heard)[BreakerOpened] == 1
    assert kinds(heard)[BreakerClosed] == 0


@pytest.mark.parametrize("for_s", [10, 60, 300, 800])
async def test_an_outage_that_ends_costs_no_lane_its_attempts(for_s: float) -> None:
    heard: list[Event] = []
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(heard=heard)
        await calls.ask(READ, read)
        network.goes_away(TransportError("x", Phase.ANSWER, "reset"), for_s=for_s)
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(lane, calls, ended)
        assert clock.now_s - network.back_at < 130, "everybody is back soon"
    assert kinds(ended) == {dict: 50}
    assert kinds(heard)[BreakerOpened] == kinds(heard)[BreakerClosed] == int(for_s > 40)
    for event in heard:
        if isinstance(event, BreakerClosed):
            assert for_s - 15 < event.away_s < for_s + 30
        if isinstance(event, BreakerOpened):
            assert event.failures >= 10
            assert event.away_s >= 30
            assert event.reason


async def test_many_lanes_make_no_storm() -> None:
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls()
        await calls.ask(READ, read)
        network.goes_away(VaultError("x", status=503))
        began = clock.now_s
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(lane, calls, ended)
    times = [at - began for at, _ in network.sent[1:]]
    assert times[:100] == [0.0] * 100, "the first attempts are nobody's retries"
    times = times[100:]
    in_window = max(sum(begin < at <= begin + 10 for at in times) for begin in times)
    assert in_window <= 31, "twenty at once, and one in a second"
    open_for = [at for at in times if at > 60]
    assert all(after - before >= 5 for before, after in itertools.pairwise(open_for))
    assert 100 < len(open_for) < 200, "it is tried, again and again"


async def test_while_open_one_call_at_a_time_is_under_way() -> None:
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock, takes_s=7.0)
        calls = network.calls(RetryPolicy(breaker_failures=2, breaker_after_s=0.0, outage_s=200.0))
        await calls.ask(READ, read)
        network.goes_away(away())
        await lane(calls, ended, RetryPolicy(max_attempts=2))
        network.most_in_flight = 0
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(lane, calls, ended)
    assert network.most_in_flight == 1


async def test_a_single_upload_ends_by_its_own_attempts() -> None:
    heard: list[Event] = []
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(heard=heard)
        await calls.ask(READ, read)
        network.goes_away(away())
        began = clock.now_s
        await lane(calls, ended)
        assert 200 < clock.now_s - began < 700
    (error,) = ended
    assert type(error) is VaultUnreachable
    assert error.attempts == 20
    assert len(network.sent) == 21


async def test_a_single_upload_with_endless_attempts_ends_with_the_outage() -> None:
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(RetryPolicy(outage_s=3600.0))
        await calls.ask(READ, read)
        network.goes_away(away())
        await lane(calls, ended, RetryPolicy(max_attempts=10_000))
    assert kinds(ended) == {VaultAway: 1}


async def test_a_wrong_name_is_told_soon_whatever_the_number_of_lanes() -> None:
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls()
        network.goes_away(away())
        began = clock.now_s
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(lane, calls, ended)
        assert clock.now_s - began < 5
    assert kinds(ended) == {VaultUnreachable: 100}
    assert len(network.sent) == 300


async def test_a_refusal_of_vaults_is_a_sign_of_life() -> None:
    heard: list[Event] = []
    ended: list[object] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(RetryPolicy(breaker_failures=2, breaker_after_s=0.0), heard)
        await calls.ask(READ, read)
        network.goes_away(away(), for_s=5)
        network.answer = REFUSED
        await lane(calls, ended)
    assert kinds(ended) == {VaultError: 1}
    assert [type(event) for event in heard] == [BreakerOpened, BreakerClosed]


@pytest.mark.parametrize("ending", ["cancelled", "source", "hook"])
async def test_a_trial_that_is_given_up_lets_the_next_one_try(ending: str) -> None:
    ended: list[object] = []
    policy = RetryPolicy(breaker_failures=1, breaker_after_s=0.0, max_attempts=1)
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(policy)
        await calls.ask(READ, read)
        network.goes_away(away(), for_s=1)
        await lane(calls, ended, policy)
        assert kinds(ended) == {VaultUnreachable: 1}
        await clock.sleep(10)
        before = len(network.sent)
        if ending == "cancelled":
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(calls.ask, READ, read)
                await clock.sleep(0.05)
                tasks.cancel_scope.cancel()
        elif ending == "source":
            network.goes_away(SourceChanged("a", "b"))
            with pytest.raises(SourceChanged):
                await calls.ask(READ, read)
            network.failure = None
        else:
            with pytest.raises(ZeroDivisionError):
                await calls.once(READ, read, on_started=lambda: 1 // 0)  # type: ignore[arg-type]
        assert len(network.sent) - before == (0 if ending == "hook" else 1)
        await lane(calls, ended)
    assert kinds(ended) == {VaultUnreachable: 1, dict: 1}


async def test_another_server_says_nothing_of_the_vault() -> None:
    heard: list[Event] = []
    oauth = requests.oauth_log_in("https://login.example", "p", "provider", vault_dns=None, client_id=None)
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(RetryPolicy(breaker_failures=1, breaker_after_s=0.0), heard)
        network.goes_away(away())
        with pytest.raises(VaultUnreachable):
            await calls.once(oauth, read)
        network.failure = None
        await calls.once(oauth, read)
        network.goes_away(away())
        with pytest.raises(VaultUnreachable) as raised:
            await calls.ask(READ, read)
        assert raised.value.attempts == 3, "the Vault itself was never reached"
    assert kinds(heard)[BreakerOpened] == 1


async def test_an_attempt_during_which_the_machine_slept_does_not_count() -> None:
    slept = TransportError("x", Phase.WRITE, "slept")
    slept.slept = True
    heard: list[Event] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(RetryPolicy(max_attempts=2, breaker_failures=1, breaker_after_s=0), heard)
        await calls.ask(READ, read)
        network.goes_away(slept, for_s=30)
        assert await calls.ask(READ, read)
        network.goes_away(away())
        with pytest.raises(VaultUnreachable) as raised:
            await calls.ask(READ, read)
    assert raised.value.attempts == 2
    retries = [event for event in heard if isinstance(event, RetryScheduled)]
    assert len(retries) > 5
    assert {event.attempt for event in retries} == {1}, "each was the first that counts"


async def test_what_vault_asked_for_is_told_beside_what_is_waited() -> None:
    heard: list[Event] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(RetryPolicy(retry_after_cap_s=20.0, base_s=0.0), heard)
        network.goes_away(VaultError("x", status=503, retry_after_s=86_400.0), for_s=5)
        assert await calls.ask(READ, read)
    held, retry = heard
    assert isinstance(held, VaultHeld)
    assert isinstance(retry, RetryScheduled)
    assert (held.asked_s, held.delay_s) == (86_400.0, 20.0)
    assert (retry.asked_s, retry.delay_s) == (86_400.0, 20.0)


@pytest.mark.parametrize("same", [True, False])
async def test_the_vaults_own_listener_hears_of_an_outage_once(same: bool) -> None:
    own: list[Event] = []
    heard: list[Event] = []
    async with virtual_clock() as clock:
        network = Network(clock)
        calls = network.calls(RetryPolicy(breaker_failures=1, breaker_after_s=0.0), own)
        network.goes_away(away())
        listener = own.append if same else heard.append
        with on_behalf(RetryPolicy(max_attempts=1), listener), pytest.raises(VaultUnreachable):
            await calls.ask(READ, read)
    assert kinds(own) == {BreakerOpened: 1}
    assert kinds(heard) == ({} if same else {BreakerOpened: 1})


class Silent(Network):
    """A Vault that answers after `answers_after_s`, or not at all when that is longer than the deadline."""

    answers_after_s = 0.5

    async def send(self, request: HttpRequest) -> Answer:
        self.sent.append((self.clock.now_s, request))
        assert request.on_sent is not None
        request.on_sent()
        await self.clock.sleep(min(self.answers_after_s, request.patience.answer_s))
        if self.answers_after_s > request.patience.answer_s:
            error = TransportError("x", Phase.ANSWER, "no answer")
            error.unanswered = True
            raise error
        return self.answer


async def test_the_deadline_of_an_answer_is_learned_and_grows_when_it_passes() -> None:
    part, body = requests.put_part("a", 1, None), MemoryBody(b"x" * 2**20)
    async with virtual_clock() as clock:
        network = Silent(clock)
        calls = network.calls()

        async def put(cap_s: float = 300.0) -> float:
            try:
                await calls.once(part, read, body=body, patience=Patience(30.0, cap_s))
            except TransportError as error:
                assert error.unanswered  # noqa: PT017 - one of two endings
            patience = network.sent[-1][1].patience
            assert patience.stall_s == 30.0
            return patience.answer_s

        assert [await put() for _ in range(6)] == [300.0] * 5 + [30.0]
        assert await put(cap_s=10.0) == 10.0, "a caller's own limit holds"
        network.answers_after_s = 100.0
        assert [await put() for _ in range(3)] == [30.0, 60.0, 120.0]
        assert await put() > 130.0, "what was seen is known"
        await calls.ask(READ, read)
        assert network.sent[-1][1].patience.answer_s == 300.0, "another kind of call"
