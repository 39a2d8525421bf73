"""Clients in processes of their own, started by the nursery and killed at will; and the boundaries to kill them at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from aiohttp import web
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from asyncup.emulator.calls import Call
from asyncup.emulator.sending import Outgoing
from asyncup.emulator.server import VaultServer
from tests.loopback.lanes import Errand

REPOSITORY = Path(__file__).parents[2]
ENOUGH_S = 120.0

Where = Literal["head", "done", "answered"]
"""A request's head is there and nothing is done; it is done and not answered; the answer is in the kernel's hands."""


@dataclass
class Client:
    """One client. `code` is known at the end, negative for a signal."""

    errand: Errand
    pid: int = 0
    code: int | None = None
    began: anyio.Event = field(default_factory=anyio.Event)
    over: anyio.Event = field(default_factory=anyio.Event)

    async def kill(self) -> None:
        """As soon as it has begun, with no chance to do anything about it."""
        await self.began.wait()
        if not self.over.is_set():
            os.kill(self.pid, signal.SIGKILL)

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        with anyio.fail_after(ENOUGH_S):
            await self.over.wait()
        assert self.code is not None
        return self.code

    def said(self) -> str:
        """What it and its predecessors said on stderr."""
        errors = Path(f"{self.errand.progress}.err")
        return errors.read_text(encoding="utf-8") if errors.exists() else ""


class Clients:
    """Starts them."""

    def __init__(self, nursery: Process) -> None:
        self._nursery = nursery
        self._clients: dict[str, Client] = {}

    def named(self, client_id: str) -> Client:
        """The client of that name."""
        return self._clients[client_id]

    def has_ended(self, client_id: str) -> bool:
        """Whether there was a client of that name."""
        return client_id in self._clients and self._clients[client_id].over.is_set()

    async def start(self, errand: Errand) -> Client:
        """Let a new process do the errand; its `client_id` is its name."""
        client = Client(errand)
        self._clients[errand.client_id] = client
        assert self._nursery.stdin is not None
        await self._nursery.stdin.send((json.dumps(asdict(errand)) + "\n").encode())
        with anyio.fail_after(ENOUGH_S):
            await client.began.wait()
        return client

    async def listen(self) -> None:
        """Note what the nursery tells, until it ends."""
        assert self._nursery.stdout is not None
        rest = ""
        async for text in TextReceiveStream(self._nursery.stdout):
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                facts: dict[str, Any] = json.loads(line)
                client = self._clients[facts["client"]]
                if "pid" in facts:
                    client.pid = facts["pid"]
                    client.began.set()
                else:
                    client.code = facts["code"]
                    client.over.set()


@asynccontextmanager
async def nursery() -> AsyncIterator[Clients]:
    """Run the nursery while inside."""
    command = [sys.executable, "-m", "tests.loopback.nursery"]
    async with await anyio.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, cwd=REPOSITORY
    ) as process:
        clients = Clients(process)
        async with anyio.create_task_group() as group:
            group.start_soon(clients.listen)
            yield clients
            assert process.stdin is not None
            await process.stdin.aclose()


class Boundaries:
    """Inside the emulator: counts the requests of every client, and kills one at a boundary of its nth."""

    def __init__(self, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: Counter[str] = Counter()
        self._clients = clients
        self._deaths: dict[str, tuple[int, Where]] = {}
        self._late: dict[tuple[str, str], tuple[str, int]] = {}
        self.came_late = 0
        self._at_work: Counter[str] = Counter()
        self._changed = anyio.Condition()
        self._answer, self._outgoing = VaultServer.answer, VaultServer._outgoing
        boundaries = self

        async def answer(server: VaultServer, request: web.BaseRequest) -> web.StreamResponse:
            return await boundaries._answered(server, request)

        async def outgoing(server: VaultServer, call: Call) -> Outgoing:
            return await boundaries._done(server, call)

        monkeypatch.setattr(VaultServer, "answer", answer)
        monkeypatch.setattr(VaultServer, "_outgoing", outgoing)

    def kill(self, client_id: str, nth: int, where: Where) -> None:
        """Kill that client there."""
        self._deaths[client_id] = (nth, where)

    def delay_part(self, client_id: str, part: int, until: tuple[str, int]) -> None:
        """Do not begin with that part of a client until another one has made so many requests, or has ended."""
        self._late[client_id, str(part)] = until

    async def end_delays(self) -> None:
        """Let what waits for a client that has ended wait no longer."""
        async with self._changed:
            self._changed.notify_all()

    async def until_idle(self, client_id: str) -> None:
        """Wait until no request of a client is being worked on: what it had sent may have effects after its death."""
        async with self._changed:
            while self._at_work[client_id]:
                await self._changed.wait()

    async def _answered(self, server: VaultServer, request: web.BaseRequest) -> web.StreamResponse:
        name = request.headers.get("X-VaultAPI-ClientID", "")
        self.requests[name] += 1
        nth = self.requests[name]
        self._at_work[name] += 1
        async with self._changed:
            self._changed.notify_all()
        try:
            await self._be_late(name, request.headers.get("X-VaultAPI-FilePartNumber", ""))
            await self._die(name, nth, "head")
            response = await self._answer(server, request)
            if self._deaths.get(name) == (nth, "answered"):
                await response.prepare(request)
                await response.write_eof()
                await self._die(name, nth, "answered")
            return response
        finally:
            self._at_work[name] -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _be_late(self, name: str, part: str) -> None:
        if (name, part) in self._late:
            other, nth = self._late[name, part]
            async with self._changed:
                while self.requests[other] < nth and not self._clients.has_ended(other):
                    await self._changed.wait()
            self.came_late += 1

    async def _done(self, server: VaultServer, call: Call) -> Outgoing:
        name = call.request.headers.get("X-VaultAPI-ClientID", "")
        nth = self.requests[name]
        outgoing = await self._outgoing(server, call)
        await self._die(name, nth, "done")
        return outgoing

    async def _die(self, name: str, nth: int, where: Where) -> None:
        if self._deaths.get(name) == (nth, where):
            await self._clients.named(name).kill()
