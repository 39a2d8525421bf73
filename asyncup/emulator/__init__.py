"""A pretend Veeva Vault on a local port, for tests, demos and benchmarks.

It speaks the file staging, login and job endpoints of Vault's API, stores what it is sent, and
refuses what a Vault refuses. It is a second, independent reading of the API: it shares no code with
the rest of asyncup.

    async with running_emulator(EmulatorConfig(token="T")) as emulator:
        ...                                 # any client, at emulator.url
        emulator.stored("/u1/a.bin")        # where the bytes are
        emulator.requests("put_part", 3)    # what was asked

A file at staging path `/u1/a.bin` is found at `<root>/files/u1/a.bin`; the module `disknames` says
how odd names are spelled there. What may differ between Vaults is a switch (`Switches`, sets of them
in `PROFILES`), what shall go wrong is a fault script (`Fault`), time can be driven (`DrivenClock`),
and for pytest there are fixtures (`asyncup.emulator.pytest_plugin`).
"""

from .blocking import BlockingEmulator, blocking_emulator
from .clock import Clock, DrivenClock, SystemClock
from .config import EmulatorConfig, User
from .endpoints import Endpoint
from .faults import Do, Fault, FaultScript, parse_fault
from .profiles import PROFILES, profile
from .running import RunningEmulator, running_emulator, serve
from .switches import Switches, parse_switch, switch_table
from .world import SeenRequest

__all__ = [
    "PROFILES",
    "BlockingEmulator",
    "Clock",
    "Do",
    "DrivenClock",
    "EmulatorConfig",
    "Endpoint",
    "Fault",
    "FaultScript",
    "RunningEmulator",
    "SeenRequest",
    "Switches",
    "SystemClock",
    "User",
    "blocking_emulator",
    "parse_fault",
    "parse_switch",
    "profile",
    "running_emulator",
    "serve",
    "switch_table",
]
