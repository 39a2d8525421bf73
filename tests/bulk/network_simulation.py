"""A network and a Vault in virtual time, small and by discrete events, for the lane controller to be tried on.

A `World` has a link (and a disk) whose rate all flows share fairly, and a `Server`. A `Run` is one migration: a list
of files, sent by lanes of their own, each with parts one after the other; once a second it hands a sample to its
controller and obeys. Lanes above the wanted number end with their file. Nothing here is asyncup's but the controller.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from asyncup.bulk.lanes.controller import Bounds, ControllerState, LaneSample, decide

MB = 1_000_000
WINDOW_S = 300.0
SAMPLE_S = 1.0

Step = tuple["SharedPipe", float] | float
"""What a lane does next: bytes through a pipe, or seconds of waiting."""


class SharedPipe:
    """Bytes through a pipe of `rate` bytes per second, shared equally by all flows; none is faster than `flow_cap`."""

    def __init__(self, world: World, rate: float, flow_cap: float = math.inf) -> None:
        self.rate = rate
        self.flow_cap = flow_cap
        self.carried = 0.0
        self._world = world
        self._served = 0.0
        """Bytes that a flow would have got that was here from the beginning."""
        self._at_s = 0.0
        self._flows: list[tuple[float, int, Run, Callable[[bool], None]]] = []
        self._numbers = itertools.count()
        self._version = 0

    def add(self, size: float, run: Run, done: Callable[[bool], None]) -> None:
        """Let a flow begin; `done(True)` when it is through, `done(False)` when it was cut."""
        self._advance()
        heapq.heappush(self._flows, (self._served + size, next(self._numbers), run, done))
        self._plan()

    def change(self, rate: float, flow_cap: float | None = None) -> None:
        """From now on it is another pipe."""
        self._advance()
        self.rate = rate
        self.flow_cap = self.flow_cap if flow_cap is None else flow_cap
        self._plan()

    def cut(self) -> None:
        """Break every flow."""
        self._advance()
        flows, self._flows = self._flows, []
        for _, _, _, done in flows:
            done(False)

    def advance(self) -> None:
        """Bring the runs' counters up to the present."""
        self._advance()

    def _flow_rate(self) -> float:
        return min(self.flow_cap, self.rate / len(self._flows)) if self._flows else 0.0

    def _advance(self) -> None:
        passed_s, self._at_s = self._world.now_s - self._at_s, self._world.now_s
        share = self._flow_rate() * passed_s
        self._served += share
        self.carried += share * len(self._flows)
        for _, _, run, _ in self._flows:
            if self is self._world.link:
                run.sent += share

    def _plan(self) -> None:
        self._version += 1
        rate = self._flow_rate()
        if rate > 0:
            version = self._version
            left_s = max(0.0, self._flows[0][0] - self._served) / rate
            self._world.after(left_s, lambda: self._finish(version))

    def _finish(self, version: int) -> None:
        if version != self._version:
            return
        self._advance()
        finished = []
        while self._flows and self._flows[0][0] <= self._served + 1e-3:
            finished.append(heapq.heappop(self._flows)[3])
        self._plan()
        for done in finished:
            done(True)


@dataclass
class Server:
    """How the Vault answers.

    Attributes:
        round_trip_s: of the network, per call.
        service_s: of the server, per call.
        service_spread: sigma of a lognormal factor on the service time.
        slow_start_s: what a part loses before its flow has its full rate.
        calls_per_s: the most that are served, in the order of their coming.
        burst_limit: calls in five minutes, after which each waits for 500 ms.
        refuses_above: calls at once above which it answers 429.
        fault_share: of calls that break for no reason.
        outages: from and until when nobody answers.
    """

    round_trip_s: float = 0.08
    service_s: float = 0.3
    service_spread: float = 0.0
    slow_start_s: float = 0.0
    calls_per_s: float = math.inf
    burst_limit: int | None = None
    refuses_above: float = math.inf
    fault_share: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()

    def away(self, now_s: float) -> bool:
        """Tell whether there is an outage."""
        return any(begin <= now_s < end for begin, end in self.outages)


class World:
    """Virtual time, one link, one disk and one server."""

    def __init__(
        self,
        server: Server,
        *,
        bandwidth: float = 125 * MB,
        flow_cap: float = math.inf,
        disk: float = math.inf,
        bandwidth_spread: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.now_s = 0.0
        self.random = random.Random(seed)
        self.server = server
        self.link = SharedPipe(self, bandwidth, flow_cap)
        self.disk = None if math.isinf(disk) else SharedPipe(self, disk)
        self.burst_left = server.burst_limit
        self.calls = 0
        self.calls_open = 0
        self._bandwidth, self._bandwidth_spread = bandwidth, bandwidth_spread
        self._served_until_s = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        for begin, _ in server.outages:
            self.after(begin, self.link.cut)
        if server.burst_limit is not None:
            self.after(WINDOW_S, self._new_window)
        if bandwidth_spread:
            self.after(1.0, self._new_bandwidth)

    def after(self, delay_s: float, what: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (self.now_s + delay_s, next(self._numbers), what))

    def run(self, until_s: float, unless: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, until then or until `unless`."""
        while self._events and self._events[0][0] <= until_s and not unless():
            self.now_s, _, what = heapq.heappop(self._events)
            what()
        if not unless():
            self.now_s = until_s
        self.link.advance()

    def call(self) -> tuple[float, bool, bool]:
        """Place one call: the seconds until its answer, whether it is a success, and whether a failure is Vault's."""
        server = self.server
        self.calls += 1
        if server.away(self.now_s):
            return 1.0, False, True
        if self.calls_open > server.refuses_above:
            return server.round_trip_s, False, True
        service_s = server.service_s * self.random.lognormvariate(0.0, server.service_spread)
        begins_s = max(self.now_s, self._served_until_s)
        self._served_until_s = begins_s + 1 / server.calls_per_s
        delay_s = self._burst_delay_s()
        faulty = self.random.random() < server.fault_share
        return server.round_trip_s + begins_s - self.now_s + service_s + delay_s, not faulty, False

    def _burst_delay_s(self) -> float:
        if self.burst_left is None:
            return 0.0
        self.burst_left -= 1
        if self.burst_left >= 0:
            return 0.0
        self.burst_left = 0
        return 0.5

    def _new_window(self) -> None:
        self.burst_left = self.server.burst_limit
        self.after(WINDOW_S, self._new_window)

    def _new_bandwidth(self) -> None:
        self.link.change(self._bandwidth * self.random.lognormvariate(0.0, self._bandwidth_spread))
        self.after(1.0, self._new_bandwidth)


@dataclass
class Run:
    """One migration.

    Attributes:
        sizes: of its files; one of at most `part_size` goes in one call, a larger one is created, cut and committed.
        controller: decides; the real one unless a test wants a fixed number.
        history: time, lanes wanted, lanes busy, and bytes sent so far, once a second.
    """

    world: World
    sizes: list[int]
    state: ControllerState
    bounds: Bounds
    part_size: int = 50 * MB
    controller: Callable[[ControllerState, LaneSample, Bounds], tuple[ControllerState, int]] = decide
    sent: float = 0.0
    history: list[tuple[float, int, int, float]] = field(default_factory=list)
    finished_s: float | None = None
    wanted: int = 0
    busy: int = 0
    faults_met: int = 0
    _next: int = 0
    _calls: int = 0
    _trouble: int = 0
    _busy_s: float = 0.0
    _busy_since_s: float = 0.0
    _turnaround_s: float = 0.0
    _turnarounds: int = 0
    _sent_before: float = 0.0

    def begin(self, at_s: float = 0.0) -> None:
        """Start, now or later."""
        self.world.after(at_s, self._begin)

    def _begin(self) -> None:
        self._busy_since_s = self.world.now_s
        self.wanted = min(self.state.lanes, self.bounds.cap)
        self._fill()
        self.world.after(SAMPLE_S, self._sample)

    def _fill(self) -> None:
        """Start the lanes that are missing, spread over the time until the next sample, so that they keep no step."""
        missing = max(0, self.wanted - self.busy)
        for number in range(missing):
            self.world.after(SAMPLE_S * number / missing, self._start_lane)

    def _start_lane(self) -> None:
        if self.busy < self.wanted and self._next < len(self.sizes):
            self._note_busy(1)
            self._step(self._lane())

    def _note_busy(self, change: int) -> None:
        self._busy_s += self.busy * (self.world.now_s - self._busy_since_s)
        self._busy_since_s = self.world.now_s
        self.busy += change

    def _sample(self) -> None:
        self.world.link.advance()
        self._note_busy(0)
        sample = LaneSample(
            at_s=self.world.now_s,
            seconds=SAMPLE_S,
            bytes_sent=round(self.sent - self._sent_before),
            calls=self._calls,
            trouble=self._trouble,
            busy_lanes=self._busy_s / SAMPLE_S,
            turnaround_s=self._turnaround_s / self._turnarounds if self._turnarounds else None,
            burst_limit=self.world.server.burst_limit,
            burst_remaining=self.world.burst_left,
        )
        self._sent_before, self._calls, self._trouble, self._busy_s = self.sent, 0, 0, 0.0
        self._turnaround_s, self._turnarounds = 0.0, 0
        self.state, self.wanted = self.controller(self.state, sample, self.bounds)
        self.history.append((self.world.now_s, self.wanted, self.busy, self.sent))
        self._fill()
        if self.finished_s is None:
            self.world.after(SAMPLE_S, self._sample)

    def _step(self, lane: Generator[Step, bool, None], *, well: bool | None = None) -> None:
        try:
            step = next(lane) if well is None else lane.send(well)
        except StopIteration:
            self._note_busy(-1)
            if self.busy == 0 and self._next == len(self.sizes):
                self.finished_s = self.world.now_s
            self._fill()
            return
        if isinstance(step, tuple):
            pipe, size = step
            pipe.add(size, self, lambda passed: self._step(lane, well=passed))
        else:
            self.world.after(step, lambda: self._step(lane, well=True))

    def _lane(self) -> Generator[Step, bool, None]:
        while self._next < len(self.sizes) and self.busy <= self.wanted:
            size = self.sizes[self._next]
            self._next += 1
            if size <= self.part_size:
                yield from self._exchange(size)
                continue
            parts = math.ceil(size / self.part_size)
            yield from self._exchange(0)
            for _ in range(parts):
                yield from self._exchange(size / parts)
            yield from self._exchange(0)

    def _exchange(self, size: float) -> Generator[Step, bool, None]:
        """One call, until it is a success."""
        world, attempt = self.world, 0
        if size and world.disk is not None:
            yield world.disk, size
        while True:
            attempt += 1
            passed = True
            if size and not world.server.away(world.now_s):
                yield world.server.slow_start_s
                passed = yield world.link, size
            world.calls_open += 1
            wait_s, well, of_vault = world.call()
            yield wait_s
            world.calls_open -= 1
            self._calls += 1
            self._turnaround_s += wait_s
            self._turnarounds += 1
            if well and passed:
                return
            self.faults_met += 1
            self._trouble += of_vault or not passed
            yield min(60.0, 0.5 * 2.0 ** min(attempt - 1, 30)) * world.random.random()


def utilisation(run: Run, begin_s: float, end_s: float, bandwidth: float) -> float:
    """Return the share of the bandwidth that a run used between two whole seconds."""
    sent = {round(at_s): total for at_s, _, _, total in run.history}
    return (sent[round(end_s)] - sent.get(round(begin_s), 0.0)) / bandwidth / (end_s - begin_s)


def lanes_between(run: Run, begin_s: float, end_s: float) -> list[int]:
    """Return the numbers of lanes that were wanted between two seconds."""
    return [wanted for at_s, wanted, _, _ in run.history if begin_s <= at_s < end_s]


def fixed(state: ControllerState, sample: LaneSample, bounds: Bounds) -> tuple[ControllerState, int]:
    """Take as many lanes as there may be, all the time: what a controller is measured against."""
    return state, bounds.cap
