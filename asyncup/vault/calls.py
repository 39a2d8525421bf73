"""One call to Vault: adds the API version and the login, and repeats what may be repeated.

The protocol decides (`retry.classify`), this module waits and sends. Reading is asked again after any passing trouble.
A change whose outcome is not known is never repeated here without asking: the caller gives a `settle` function that
finds out from Vault's state whether it was done. Must not know single endpoints.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar

import anyio

from asyncup.errors import AsyncupError, LoginError, MalformedAnswer, TransportError, VaultError, VaultUnreachable
from asyncup.events import BurstBudgetLow, CallDelayed, Event, EventHook, RetryScheduled, VaultHeld
from asyncup.protocol.answers import Answer
from asyncup.protocol.pacing import Pace, holds_all_lanes, least_wait_s, read_rate_facts
from asyncup.protocol.requests import Operation, Request
from asyncup.protocol.retry import RetryPolicy, Verdict, backoff_s, classify
from asyncup.vault.login import LoginKeeper
from asyncup.vault.transport import DEFAULT_PATIENCE, Body, HttpRequest, Patience, Transport

__all__ = ["Calls", "on_behalf"]

T = TypeVar("T")


class Calls:
    """Sends requests to one Vault.

    Args:
        transport: how.
        api_version: such as "v25.2".
        client_id: sent as X-VaultAPI-ClientID, so that Vault's API usage log names the program (documented).
        policy: how often and how long.
        on_event: told of every retry.
        sleep: waits a number of seconds; an argument so that tests need no clock.
        jitter: a random number from 0 to 1; an argument for the same reason.
        now: a clock in seconds that never goes back; an argument for the same reason.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        api_version: str,
        client_id: str,
        policy: RetryPolicy,
        on_event: EventHook | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api_root = f"/api/{api_version}"
        self.login: LoginKeeper | None = None
        self._transport = self._bare_transport = transport
        self._wraps: list[Callable[[Transport], Transport]] = []
        self._policy = policy
        self._on_event = on_event
        self._sleep = sleep
        self._jitter = jitter
        self._now = now
        self._pace = Pace()
        self._reached = False
        self._headers = {"X-VaultAPI-ClientID": client_id, "User-Agent": client_id}

    async def once(
        self,
        request: Request,
        read: Callable[[Answer], T],
        *,
        body: Body | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        on_started: Callable[[], None] | None = None,
        on_written: Callable[[int], None] | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> T:
        """Send a request and read its answer, logging in again when the login has expired meanwhile.

        Raises:
            AsyncupError: whatever the transport, or `read`, made of it.
        """

        async def attempt(authorization: str | None) -> T:
            headers = dict(self._headers)
            headers.update(request.headers)
            if authorization is not None:
                headers["Authorization"] = authorization
            http = HttpRequest(
                request.operation.value,
                request.method,
                self._target(request),
                headers,
                request.content if body is None else body,
                patience,
                on_written,
                on_sent,
                request.origin,
            )
            await self._take_turn(request.operation)
            if on_started is not None:
                on_started()
            answer = await self._transport.send(http)
            self._observe(request.operation, answer)
            result = read(answer)
            self._reached = True
            return result

        if self.login is None or request.operation is Operation.LOG_IN:
            return await attempt(None)
        authorization = await self.login.authorization()
        try:
            return await attempt(authorization)
        except LoginError as refusal:
            if classify(request.operation, refusal) is not Verdict.LOG_IN:
                raise
            return await attempt(await self.login.renew(authorization, refusal))

    async def repeat(
        self,
        operation: Operation,
        attempt: Callable[[], Awaitable[T]],
        settle: Callable[[], Awaitable[T | None]] | None = None,
        *,
        policy: RetryPolicy | None = None,
    ) -> T:
        """Run `attempt` until it succeeds or cannot.

        After a failure that leaves a doubt, `settle` is asked: what it returns is the result, None means that Vault
        did not do it. Without `settle` a doubt is the caller's and raises.

        Raises:
            AsyncupError: the last failure, with the number of attempts.
        """
        number = 0
        doubtful = False
        while True:
            number += 1
            try:
                return await attempt()
            except AsyncupError as error:
                verdict = classify(operation, error)
                doubtful = doubtful or verdict is Verdict.RECONCILE
                # A refusal after a doubt may well be the echo of what was done: the name exists, the session is gone.
                echo = isinstance(error, VaultError | TransportError) and not isinstance(error, LoginError)
                if settle is not None and doubtful and echo:
                    done = await settle()
                    if done is not None:
                        return done
                again = verdict is Verdict.RETRY or (verdict is Verdict.RECONCILE and settle is not None)
                if not again:
                    error.locate(attempts=number)
                    raise
                await self.pause(operation, number, error, policy=policy)

    @contextmanager
    def through(self, wrap: Callable[[Transport], Transport]) -> Iterator[None]:
        """Let every request go through a transport that `wrap` puts around the present one, until this is left."""
        self._wraps.append(wrap)
        self._wrap_anew()
        try:
            yield
        finally:
            self._wraps.remove(wrap)
            self._wrap_anew()

    def _wrap_anew(self) -> None:
        # From the beginning, because whoever wraps need not end in the order of beginning.
        self._transport = reduce(lambda transport, wrap: wrap(transport), self._wraps, self._bare_transport)

    async def ask(self, request: Request, read: Callable[[Answer], T]) -> T:
        """Send a request that may simply be repeated after passing trouble, and read its answer.

        Raises:
            AsyncupError: the last failure, with the number of attempts.
        """
        return await self.repeat(request.operation, lambda: self.once(request, read))

    async def pause(
        self,
        operation: Operation,
        attempt: int,
        error: AsyncupError,
        *,
        policy: RetryPolicy | None = None,
        path: str | None = None,
        part: int | None = None,
    ) -> None:
        """Wait before the next attempt, or raise `error` when attempt number `attempt` was the last one allowed."""
        behalf = _behalf.get()
        policy = policy or (behalf.policy if behalf is not None else self._policy)
        allowed = policy.max_attempts
        if isinstance(error, VaultUnreachable | MalformedAnswer) and not self._reached:
            allowed = min(allowed, policy.first_contact_attempts)
        if attempt >= allowed:
            raise error.locate(attempts=attempt)
        retry_after_s = least_wait_s(operation, error) if isinstance(error, VaultError) else None
        delay_s = backoff_s(policy, attempt, jitter=self._jitter(), retry_after_s=retry_after_s)
        if isinstance(error, VaultError) and retry_after_s is not None and holds_all_lanes(operation, error):
            self._pace.hold(self._now() + delay_s)
            self._emit(VaultHeld(delay_s, error.message))
        self._emit(RetryScheduled(operation.value, attempt, delay_s, error.message, path, part))
        await self.wait(delay_s)

    async def wait(self, delay_s: float) -> None:
        """Let time pass: every pause between two requests is made here, so that tests need no clock."""
        await self._sleep(delay_s)

    def _target(self, request: Request) -> str:
        if request.origin is not None or request.target.startswith("/api/"):
            return request.target
        return self.api_root + request.target

    async def _take_turn(self, operation: Operation) -> None:
        """Wait while Vault wants to be left alone, and with a login until it cannot be one too many."""
        while (wait_s := self._pace.wait_s(self._now())) > 0:
            await self._sleep(wait_s)
        if operation is Operation.LOG_IN:
            while (wait_s := self._pace.login_wait_s(self._now())) > 0:
                await self._sleep(wait_s)
            self._pace.login_sent(self._now())

    def _observe(self, operation: Operation, answer: Answer) -> None:
        facts = read_rate_facts(answer.headers)
        if self._pace.observe(facts) and facts.limit is not None and facts.remaining is not None:
            self._emit(BurstBudgetLow(facts.limit, facts.remaining))
        if facts.delay_s:
            self._emit(CallDelayed(operation.value, facts.delay_s))

    def _emit(self, event: Event) -> None:
        behalf = _behalf.get()
        hook = behalf.on_event if behalf is not None else self._on_event
        if hook is not None:
            hook(event)


@dataclass(frozen=True, slots=True)
class _Behalf:
    policy: RetryPolicy
    on_event: EventHook | None


_behalf: ContextVar[_Behalf | None] = ContextVar("asyncup_behalf", default=None)


@contextmanager
def on_behalf(policy: RetryPolicy, on_event: EventHook | None) -> Iterator[None]:
    """Let every call made inside, by this task and those it starts, follow one upload's policy and tell its hook."""
    token = _behalf.set(_Behalf(policy, on_event))
    try:
        yield
    finally:
        _behalf.reset(token)
