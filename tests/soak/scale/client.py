"""A bulk run in a process of its own, as one argument of JSON describes it: `python -m tests.soak.scale.client ERRAND`.

Prints a line of JSON whenever the number of lanes changes, and one at the end. Must not know what is measured for.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from asyncup import TokenLogin, Vault, upload_many
from asyncup.bulk import BulkOptions, read_manifest
from asyncup.bulk.run.events import LanesChanged
from asyncup.cli.event_loop import run_in_event_loop

TOKEN = "benchmark"


@dataclass(frozen=True)
class Errand:
    """What is to be sent, and how. `lanes` is how many it begins with; None is what is so by default."""

    url: str
    manifest: str
    journal: str
    lanes: int | None = None
    skip: bool = True

    @property
    def bulk(self) -> BulkOptions:
        """As the options of a run."""
        bulk = BulkOptions(skip="listed" if self.skip else "never")
        return bulk if self.lanes is None else replace(bulk, start_lanes=self.lanes)


@dataclass(frozen=True)
class Ended:
    """What came of it. `peak_rss_bytes` is 0 where the system does not tell."""

    seconds: float
    cpu_s: float
    peak_rss_bytes: int
    states: dict[str, int]


async def run(errand: Errand) -> Ended:
    """Do it."""
    begun, states = time.perf_counter(), Counter[str]()

    def on_event(event: object) -> None:
        if isinstance(event, LanesChanged):
            told = {"lanes": event.lanes, "why": event.limited_by, "at_s": time.perf_counter() - begun}
            print(json.dumps(told), flush=True)

    async with Vault(errand.url, TokenLogin(TOKEN)) as vault:
        sent = upload_many(
            read_manifest(errand.manifest),
            vault=vault,
            journal=errand.journal,
            bulk=errand.bulk,
            on_event=on_event,
        )
        async with aclosing(sent) as results:
            async for result in results:
                states[result.state.value] += 1
    return Ended(time.perf_counter() - begun, time.process_time(), peak_rss_bytes(), dict(states))


def peak_rss_bytes() -> int:
    """From /proc: what `getrusage` says of a process begins with what its parent had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if "VmHWM" in line)


if __name__ == "__main__":
    print(json.dumps(asdict(run_in_event_loop(lambda: run(Errand(**json.loads(sys.argv[1])))))))
