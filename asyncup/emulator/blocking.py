"""An emulator on an event loop and thread of its own, for code and tests that are not async.

Must not know pytest.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from anyio.from_thread import BlockingPortal, start_blocking_portal

from .config import EmulatorConfig
from .running import RunningEmulator, running_emulator


class BlockingEmulator:
    """The face of a `RunningEmulator` for another thread."""

    def __init__(self, emulator: RunningEmulator, portal: BlockingPortal) -> None:
        self.inside = emulator
        """The emulator itself: to look into, whatever is not here."""
        self._portal = portal
        self.url = emulator.url
        self.port = emulator.port
        self.root = emulator.root
        self.ca_pem = emulator.ca_pem
        self.faults = emulator.faults
        self.stored = emulator.stored
        self.requests = emulator.requests

    def advance(self, seconds: float) -> None:
        """Move a driven clock, and return when every job that is then due has ended."""
        self._portal.call(self.inside.advance, seconds)


@contextmanager
def blocking_emulator(config: EmulatorConfig | None = None) -> Iterator[BlockingEmulator]:
    """An emulator that listens from the first line of the block to the last."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_emulator(config)) as emulator,
    ):
        yield BlockingEmulator(emulator, portal)
