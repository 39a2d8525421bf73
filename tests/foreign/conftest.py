"""The emulator in a thread of its own, and what asked it: clients here are other programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from asyncup.emulator import BlockingEmulator, DrivenClock, EmulatorConfig, Switches, User, blocking_emulator
from asyncup.emulator.server import VaultServer

USER = User(name="user@foreign.example", password="a+b&c=d %26 e", id=7)


@dataclass(frozen=True)
class Asked:
    """A running emulator, and the User-Agent of each request that it had."""

    emulator: BlockingEmulator
    agents: list[str] = field(default_factory=list)

    @property
    def endpoints(self) -> list[str]:
        """The endpoints that were asked, in order."""
        return [str(seen.endpoint) for seen in self.emulator.inside.seen]

    @property
    def refused(self) -> list[str]:
        """The error types that were answered."""
        return [seen.error_type for seen in self.emulator.inside.seen if seen.error_type is not None]


class Vaults:
    """Starts emulators that note who asks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    @contextmanager
    def start(self, switches: Switches) -> Iterator[Asked]:
        """Run an emulator with a clock that stands still until it is advanced."""
        config = EmulatorConfig(users=(USER,), switches=switches, clock=DrivenClock())
        agents: list[str] = []
        answer = VaultServer.answer

        async def note_and_answer(server: VaultServer, request: web.BaseRequest) -> web.StreamResponse:
            agents.append(request.headers.get("User-Agent", ""))
            return await answer(server, request)

        with self._monkeypatch.context() as patch:
            patch.setattr(VaultServer, "answer", note_and_answer)
            with blocking_emulator(config) as emulator:
                yield Asked(emulator, agents)


@pytest.fixture
def vaults(monkeypatch: pytest.MonkeyPatch) -> Vaults:
    """Starts emulators."""
    return Vaults(monkeypatch)
