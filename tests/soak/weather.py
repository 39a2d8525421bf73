"""What goes wrong during a soak: clients and the Vault killed, the network away, requests that fail as scripted.

Must not know files. Moments and kinds are random, from one seed; what happens at a moment depends on the machine.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections import Counter

import anyio
from anyio.abc import Process

from asyncup.emulator import Do, Endpoint, Fault
from tests.loopback.mortal import MortalEmulator

CLIENT_MEAN_S = 3.0
EMULATOR_MEAN_S = 20.0
NETWORK_MEAN_S = 7.0
AWAY_S = (0.2, 3.0)
FAULTS_PER_LIFE = 60
FAULT_WITHIN = {Endpoint.PUT_PART: 1500, Endpoint.CREATE_ITEM: 400}
FAULT_WITHIN_OTHERWISE = 150

ANYWHERE = (
    Do.STATUS,
    Do.EXCEPTION,
    Do.DELAY,
    Do.SLOW_ANSWER,
    Do.RESET_BEFORE,
    Do.RESET_AFTER,
    Do.LOSE_ANSWER,
    Do.STATUS_AFTER,
    Do.WRONG_LENGTH,
    Do.CUT_ANSWER,
    Do.GARBAGE,
)
WITH_BODY = (*ANYWHERE, Do.RESET_DURING, Do.FLIP_BYTE, Do.FLIP_STORED)
AT = {
    Endpoint.PUT_PART: (*WITH_BODY, Do.HANG),
    Endpoint.CREATE_ITEM: WITH_BODY,
    Endpoint.CREATE_SESSION: ANYWHERE,
    Endpoint.SESSION_DETAILS: ANYWHERE,
    Endpoint.LIST_PARTS: ANYWHERE,
    Endpoint.COMMIT: (*ANYWHERE, Do.JOB_SLOW),
    Endpoint.LIST_ITEMS: ANYWHERE,
    Endpoint.JOB: ANYWHERE,
}
STATUSES = (429, 500, 502, 503, 504)


class Weather:
    """Makes it bad.

    Attributes:
        counts: how often each thing has happened.
    """

    def __init__(self, emulator: MortalEmulator, rng: random.Random) -> None:
        self._emulator = emulator
        self._rng = rng
        self.counts: Counter[str] = Counter()

    def faults(self) -> list[str]:
        """Arguments for one life of the emulator: requests that will fail, if they come."""
        found = []
        for _ in range(FAULTS_PER_LIFE):
            endpoint = self._rng.choices(list(AT), [8, 8, 1, 1, 1, 2, 1, 1])[0]
            fault = Fault(
                do=self._rng.choice(AT[endpoint]),
                endpoint=endpoint,
                nth=self._rng.randint(1, FAULT_WITHIN.get(endpoint, FAULT_WITHIN_OTHERWISE)),
                times=self._rng.choice((1, 1, 1, 2, 5)),
                status=0,
                seconds=0.5,
                at=self._rng.randint(0, 200),
            )
            found += ["--fault", str(self._with_status(fault))]
        self.counts["faults scripted"] += FAULTS_PER_LIFE
        return found

    def _with_status(self, fault: Fault) -> Fault:
        if fault.do not in {Do.STATUS, Do.STATUS_AFTER}:
            return fault
        return Fault(
            do=fault.do,
            endpoint=fault.endpoint,
            nth=fault.nth,
            times=fault.times,
            status=self._rng.choice(STATUSES),
        )

    async def kill_emulator(self) -> None:
        """Now and then; it comes back a little later, with all that it held."""
        while True:
            await self._pause(EMULATOR_MEAN_S)
            self._emulator.kill()
            self.counts["emulator killed"] += 1
            with anyio.CancelScope(shield=True):
                await self._emulator.bury()
                await anyio.sleep(self._rng.uniform(*AWAY_S))
                await self._emulator.start(*self.faults())

    async def spoil_network(self) -> None:
        """Now and then: silent, gone, or every connection broken; and well again."""
        proxy = self._emulator.proxy
        while True:
            await self._pause(NETWORK_MEAN_S)
            kind = self._rng.choice(("silence", "silence, then resets", "gone", "resets"))
            self.counts[f"network: {kind}"] += 1
            away_s = self._rng.uniform(*AWAY_S)
            with anyio.CancelScope(shield=True):
                if kind == "gone":
                    proxy.refuse()
                    proxy.reset()
                    await anyio.sleep(away_s)
                    await proxy.admit()
                elif kind == "resets":
                    proxy.reset()
                else:
                    proxy.stall()
                    await anyio.sleep(away_s)
                    if kind != "silence":
                        proxy.reset()
                    proxy.resume()

    async def kill_client(self, process: Process) -> None:
        """After a while, if it has not ended by then."""
        await self._pause(CLIENT_MEAN_S)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # Not process.kill(): that looks first whether it lives, and so takes the exit code from who waits.
                os.kill(process.pid, signal.SIGKILL)

    async def _pause(self, mean_s: float) -> None:
        await anyio.sleep(self._rng.uniform(0.2, 2 * mean_s))
