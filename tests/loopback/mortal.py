"""An emulator that can be killed and started again on the same root, behind a proxy that stays where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from asyncup.cli.emulator_process import EmulatorProcess, emulator_process
from asyncup.emulator.tcp_proxy import Link, Loss, TcpProxy, tcp_proxy
from tests.loopback.conftest import ENVIRONMENT

QUICK = ("--switch", "job_queued_s=0", "--switch", "job_poll_min_s=0", "--switch", "burst=off")
"""What makes the emulator's time the machine's."""


class MortalEmulator:
    """It lives, or it does not.

    Attributes:
        proxy: the way to it.
        root: where it keeps everything.
        deaths: how often it was killed.
    """

    def __init__(self, root: Path, arguments: tuple[str, ...], proxy: TcpProxy) -> None:
        self.root = root
        self.proxy = proxy
        self.deaths = 0
        self._arguments = arguments
        self._life = AsyncExitStack()
        self._process: EmulatorProcess | None = None

    @property
    def url(self) -> str:
        """Where clients find it, in this life and the next."""
        return f"http://{self.proxy.host}:{self.proxy.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.process.pid

    def stored(self, path: str) -> Path:
        """Where the bytes of a path are kept."""
        return self.root / "files" / path.strip("/")

    async def start(self) -> None:
        """Begin a life, with all that was kept in the last one."""
        self._process = await self._life.enter_async_context(
            emulator_process("--root", str(self.root), *self._arguments, environment=ENVIRONMENT)
        )
        at = urlsplit(self._process.url)
        assert at.hostname is not None
        assert at.port is not None
        self.proxy.to = (at.hostname, at.port)

    def kill(self) -> None:
        """`kill -9`, now."""
        assert self._process is not None
        self._process.process.kill()
        self.deaths += 1

    async def bury(self) -> None:
        """Wait until it is gone."""
        life, self._life = self._life, AsyncExitStack()
        await life.aclose()


@asynccontextmanager
async def mortal_emulator(
    root: Path, *arguments: str, link: Link | None = None, loss: Loss | None = None
) -> AsyncIterator[MortalEmulator]:
    """Run one while inside."""
    async with tcp_proxy("127.0.0.1", 1, link=link, loss=loss) as proxy:
        emulator = MortalEmulator(root, (*QUICK, *arguments), proxy)
        await emulator.start()
        try:
            yield emulator
        finally:
            await emulator.bury()
