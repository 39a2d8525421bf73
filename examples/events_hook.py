"""Follow an upload by its events: a line per part that Vault has, and where the time went.

Configured by the environment: VEEVA_VAULT_DNS and VEEVA_VAULT_TOKEN (or VEEVA_VAULT_USERNAME and
VEEVA_VAULT_PASSWORD) name the Vault, FILE is uploaded to DESTINATION.
"""

import asyncio
import os
import sys
import time

from asyncup import AsyncupError, upload_file
from asyncup.events import (
    Event,
    PartAcknowledged,
    RetryScheduled,
    StageEntered,
    UploadFinished,
    UploadStarted,
)


class Report:
    """A hook is any function of one event. It runs on the event loop: print, count, and return."""

    def __init__(self) -> None:
        self.size = 0
        self.stage = "nothing"
        self.since = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Print what is worth a line."""
        match event:
            case UploadStarted():
                self.size = event.size
                print(f"{event.size} bytes in {event.parts} parts")
            case PartAcknowledged(part=part, md5=md5, acknowledged=acknowledged):
                print(f"part {part} is in Vault, MD5 {md5}: {acknowledged} of {self.size} bytes")
            case StageEntered(stage=stage):
                now = time.monotonic()
                print(f"  waited {now - self.since:.3f} s for {self.stage}, now for {stage.value}")
                self.stage, self.since = stage.value, now
            case RetryScheduled():
                print(f"attempt {event.attempt} failed, again in {event.delay_s:.1f} s: {event.reason}")
            case UploadFinished():
                print(f"in all: wire {event.wire_s:.2f} s, Vault {event.vault_s:.2f} s")
            case _:
                pass


if __name__ == "__main__":
    try:
        asyncio.run(upload_file(os.environ["FILE"], os.environ["DESTINATION"], on_event=Report()))
    except AsyncupError as failure:
        sys.exit(str(failure))
