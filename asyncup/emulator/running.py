"""Starting and stopping an emulator, and looking into it while it runs: the public way in.

Must not know requests. It never installs an event loop: whoever runs it has one (uvloop or not).
"""

import ssl
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from aiohttp import web

from .certificate import make_certificate
from .clock import DrivenClock
from .config import EmulatorConfig
from .faults import Fault, FaultScript
from .restart import restore
from .server import VaultServer
from .uploads import UploadSession
from .vault import VaultModel
from .workers import Workers
from .world import SeenRequest, World

# Small high-water mark: the server reads what the socket has and never queues much more; larger
# values measured slower, because bodies then fall out of the processor's cache between the steps.
READ_BUFFER_BYTES = 1 << 16
SHUTDOWN_S = 0.5


class RunningEmulator:
    """A started emulator: where it is, and a look inside."""

    def __init__(self, world: World, workers: Workers, port: int, ca_pem: Path | None) -> None:
        self._world = world
        self._workers = workers
        self.config = world.config
        self.port = port
        self.root = world.root
        """Where everything is kept: the given root or a temporary one; None with discard."""
        self.ca_pem = ca_pem
        """With TLS, the certificate of the authority that a client must trust."""

    @property
    def url(self) -> str:
        """What a client is given as the Vault's address, without a path."""
        scheme = "https" if self.ca_pem else "http"
        return f"{scheme}://{self.config.host}:{self.port}"

    @property
    def model(self) -> VaultModel:
        """The state itself: look, and do not touch while requests are under way."""
        return self._world.model

    @property
    def faults(self) -> FaultScript:
        """The faults still to come and those that have struck."""
        return self._world.faults

    @property
    def sessions(self) -> list[UploadSession]:
        """The upload sessions that are open."""
        return [u for u in self._world.model.uploads.values() if not u.committed]

    @property
    def seen(self) -> list[SeenRequest]:
        """Every request answered or broken off so far, in order of their end (the last 100 000)."""
        return list(self._world.seen)

    @property
    def counts(self) -> Counter[str]:
        """How many requests each endpoint has had."""
        return Counter(self._world.counts)

    @property
    def bytes_received(self) -> int:
        """Bytes of parts and files taken in, whether they were kept or refused."""
        return self._world.bytes_received

    def requests(self, endpoint: str, part: int | None = None) -> list[SeenRequest]:
        """The requests that one endpoint, or one part number at it, has had."""
        return [seen for seen in self._world.seen if seen.endpoint == endpoint and part in {None, seen.part}]

    def stored(self, path: str) -> Path:
        """The file on this machine's disk that holds the bytes of a staging path.

        The path is from the staging root, `/u1/a.bin`; nobody looks whether the file is there.
        """
        return self._world.store.location(path)

    def add_faults(self, *faults: Fault) -> None:
        """Append to the fault script; what is added counts requests from now on."""
        self._world.faults.add(*faults)

    def expire_logins(self) -> None:
        """End every login at once, as an administrator or an idle timeout would."""
        self._world.model.logins.expire_all()

    async def advance(self, seconds: float) -> None:
        """Move a driven clock, and return when every job that is then due has ended."""
        if not isinstance(self._world.clock, DrivenClock):
            raise TypeError("only an emulator with a DrivenClock can be advanced")
        self._world.clock.advance(seconds)
        await self._workers.settle()


@asynccontextmanager
async def running_emulator(config: EmulatorConfig | None = None) -> AsyncIterator[RunningEmulator]:
    """An emulator that listens from the first line of the block to the last.

    >>> async with running_emulator(EmulatorConfig(token="T")) as emulator:
    ...     emulator.url
    """
    config = config or EmulatorConfig()
    async with _temporary_folder() as temporary:
        root = None if config.discard else config.root or temporary / "root"
        context, ca_pem = None, None
        if config.tls:
            make = make_certificate
            context, ca_pem = await anyio.to_thread.run_sync(make, config.host, temporary)
        world = World(config, root)
        failure: BaseException | None = None
        async with anyio.create_task_group() as group:
            try:
                workers = Workers(world, group)
                await restore(world, workers)
                async with _listening(config, VaultServer(world, workers), context) as port:
                    yield RunningEmulator(world, workers, port, ca_pem)
            except (anyio.get_cancelled_exc_class(), GeneratorExit):
                raise
            except BaseException as error:  # noqa: BLE001 - raised again below
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            # As it was raised (by the start, or by the caller's block), not wrapped by the group.
            raise failure


async def serve(config: EmulatorConfig, on_ready: Callable[[RunningEmulator], None] = lambda _: None) -> None:
    """Run an emulator until cancelled; `on_ready` is called once it listens."""
    async with running_emulator(config) as emulator:
        on_ready(emulator)
        await anyio.sleep_forever()


@asynccontextmanager
async def _temporary_folder() -> AsyncIterator[Path]:
    make = tempfile.TemporaryDirectory
    folder = await anyio.to_thread.run_sync(lambda: make(prefix="asyncup-emulator-"))
    try:
        yield Path(folder.name)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(folder.cleanup)


@asynccontextmanager
async def _listening(config: EmulatorConfig, server: VaultServer, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    http = web.Server(
        server.answer,
        access_log=None,
        read_bufsize=READ_BUFFER_BYTES,
        lingering_time=SHUTDOWN_S,
    )
    runner = web.ServerRunner(http, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port, ssl_context=context)
        await site.start()
        yield site.port
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()
