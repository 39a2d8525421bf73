"""One call to Vault: adds the API version and the login, and repeats what may be repeated.

The protocol decides (`retry.classify`), this module waits and sends. Reading is asked again after any passing trouble.
A change whose outcome is not known is never repeated here without asking: the caller gives a `settle` function that
finds out from Vault's state whether it was done. Must not know single endpoints.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import reduce
from typing import TypeVar

import anyio

from asyncup.errors import AsyncupError, LoginError, TransportError, VaultError
from asyncup.events import Event, EventHook, RetryScheduled, VaultHeld
from asyncup.protocol.answers import Answer
from asyncup.protocol.pacing import holds_all_lanes, least_gap_s, least_wait_s
from asyncup.protocol.requests import Operation, Request
from asyncup.protocol.retry import RetryPolicy, Verdict, allowed_attempts, backoff_s, classify, counts
from asyncup.vault.behalf import current_behalf, on_behalf
from asyncup.vault.login import LoginKeeper
from asyncup.vault.transport import DEFAULT_PATIENCE, Body, HttpRequest, Patience, Transport
from asyncup.vault.turns import Turns

__all__ = ["Calls", "on_behalf"]

T = TypeVar("T")


class _Sent:
    """When a request was all sent, by a clock; whoever else wants to know is told, too."""

    def __init__(self, now: Callable[[], float], listener: Callable[[], None] | None) -> None:
        self._now = now
        self._listener = listener
        self.at: float | None = None

    def tell(self) -> None:
        self.at = self._now()
        if self._listener is not None:
            self._listener()


class Calls:
    """Sends requests to one Vault.

    Args:
        transport: how.
        api_version: such as "v25.2".
        client_id: sent as X-VaultAPI-ClientID, so that Vault's API usage log names the program (documented).
        policy: how often and how long; for all lanes together, too.
        job_poll_interval_s: how long one job is left alone between two questions for it, see `Limits`.
        on_event: told of every retry, and of outages.
        sleep: waits a number of seconds; an argument so that tests need no clock.
        jitter: a random number from 0 to 1; an argument for the same reason.
        now: a clock in seconds that never goes back; an argument for the same reason.
        wall: Unix seconds, for people; an argument for the same reason.
    """

    def __init__(  # noqa: PLR0913 - all but one are keyword-only, and most have a default
        self,
        transport: Transport,
        *,
        api_version: str,
        client_id: str,
        policy: RetryPolicy,
        job_poll_interval_s: float,
        on_event: EventHook | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.api_root = f"/api/{api_version}"
        self.login: LoginKeeper | None = None
        self._transport = self._bare_transport = transport
        self._wraps: list[Callable[[Transport], Transport]] = []
        self._policy = policy
        self._job_poll_interval_s = job_poll_interval_s
        self._on_event = on_event
        self._sleep = sleep
        self._jitter = jitter
        self._now = now
        self._wall = wall
        self._turns = Turns(policy, self, emit=self._emit, announce=self._announce)
        self._headers = {"X-VaultAPI-ClientID": client_id, "User-Agent": client_id}

    async def once(
        self,
        request: Request,
        read: Callable[[Answer], T],
        *,
        body: Body | None = None,
        patience: Patience | None = None,
        on_started: Callable[[], None] | None = None,
        on_written: Callable[[int], None] | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> T:
        """Send a request and read its answer, logging in again when the login has expired meanwhile.

        `patience` is, when it is not given, that of the upload on whose behalf this is sent.

        Raises:
            AsyncupError: whatever the transport, or `read`, made of it.
        """

        async def attempt(authorization: str | None) -> T:
            await self._turns.take(request.operation)
            length = body.length if body is not None else 0
            # Another server than the Vault says nothing of the Vault.
            learning = self._turns.exchange(request.operation, length, current_behalf())
            with learning if request.origin is None else nullcontext():
                sent = _Sent(self._now, on_sent)
                http = self._http(request, authorization, body, length, patience, on_written, sent.tell)
                if on_started is not None:
                    on_started()
                answer = await self._transport.send(http)
                if sent.at is not None:
                    self._turns.deadlines.answered(request.operation, length, self._now() - sent.at)
                self._turns.observe(request.operation, answer.headers)
                return read(answer)

        if self.login is None or request.operation is Operation.LOG_IN:
            return await attempt(None)
        authorization = await self.login.authorization()
        try:
            return await attempt(authorization)
        except LoginError as refusal:
            if classify(request.operation, refusal) is not Verdict.LOG_IN:
                raise
            return await attempt(await self.login.renew(authorization, refusal))

    def _http(
        self,
        request: Request,
        authorization: str | None,
        body: Body | None,
        length: int,
        patience: Patience | None,
        on_written: Callable[[int], None] | None,
        on_sent: Callable[[], None],
    ) -> HttpRequest:
        headers = dict(self._headers)
        headers.update(request.headers)
        if authorization is not None:
            headers["Authorization"] = authorization
        patience = patience or (DEFAULT_PATIENCE if (behalf := current_behalf()) is None else behalf.patience)
        answer_s = self._turns.deadlines.deadline_s(request.operation, length, cap_s=patience.answer_s)
        return HttpRequest(
            request.operation.value,
            request.method,
            self._target(request),
            headers,
            request.content if body is None else body,
            Patience(patience.stall_s, answer_s),
            on_written,
            on_sent,
            request.origin,
        )

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
        number = spared = 0
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
                spared += not await self.pause(operation, number - spared, error, policy=policy)

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
    ) -> bool:
        """Wait before the next attempt, or raise `error` when attempt number `attempt` was the last one allowed.

        Return True when the attempt counts as one of those allowed. It does not when this machine slept meanwhile, or
        when Vault is away for several lanes: then waiting for it is not this one's matter.

        Raises:
            AsyncupError: `error`, or `VaultAway` in its stead.
        """
        behalf = current_behalf()
        policy = policy or (behalf.policy if behalf is not None else self._policy)
        self._turns.refuse_outage(operation, error)
        counted = counts(error) and not self._turns.outage_is_shared
        if counted and attempt >= allowed_attempts(policy, error, reached=self._turns.reached):
            raise error.locate(attempts=attempt)
        refusal = error if isinstance(error, VaultError) else None
        wanted_s = least_wait_s(operation, refusal) if refusal is not None else None
        asked_s = refusal.retry_after_s if refusal is not None else None
        delay_s = backoff_s(policy, attempt, jitter=self._jitter(), retry_after_s=wanted_s)
        delay_s = max(delay_s, least_gap_s(operation, error, self._job_poll_interval_s), self._turns.retry_wait_s())
        if refusal is not None and wanted_s is not None and holds_all_lanes(operation, refusal):
            self._turns.pace.hold(self._now() + delay_s)
            self._emit(VaultHeld(delay_s, error.message, asked_s))
        self._emit(RetryScheduled(operation.value, attempt, delay_s, error.message, path, part, asked_s))
        await self.wait(delay_s)
        return counted

    async def wait(self, delay_s: float) -> None:
        """Let time pass: every pause between two requests is made here, so that tests need no clock."""
        await self._sleep(delay_s)

    def now(self) -> float:
        """Return seconds of a clock that never goes back."""
        return self._now()

    def wall(self) -> float:
        """Return Unix seconds."""
        return self._wall()

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""
        return self._jitter()

    def _target(self, request: Request) -> str:
        if request.origin is not None or request.target.startswith("/api/"):
            return request.target
        return self.api_root + request.target

    def _emit(self, event: Event) -> None:
        behalf = current_behalf()
        hook = behalf.on_event if behalf is not None else self._on_event
        if hook is not None:
            hook(event)

    def _announce(self, event: Event) -> None:
        """Tell the lane that met it, and whoever listens for the whole Vault."""
        self._emit(event)
        behalf = current_behalf()
        if self._on_event is not None and behalf is not None and behalf.on_event != self._on_event:
            self._on_event(event)
