"""The last check: a few KiB to the user's own folder, read back, compared, deleted. It tries to delete in any case.

The deletion is a job of Vault's, whose end is not waited for: it may be asked for every ten seconds only (documented).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio

from asyncup import Vault
from asyncup.cli.doctor.finding import Finding, failed, fine, skipped, warned
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.exit_codes import ExitCode
from asyncup.errors import AsyncupError
from asyncup.protocol.paths import join

__all__ = ["look_at_round_trip"]

_SIZE = 4096
_CLEAN_UP_S = 30.0


@dataclass(frozen=True, slots=True)
class _Content:
    """A `Body` of a few bytes."""

    content: bytes

    @property
    def length(self) -> int:
        return len(self.content)

    async def slices(self) -> AsyncIterator[memoryview]:
        yield memoryview(self.content)


async def look_at_round_trip(visit: Visit) -> Finding:
    """Upload, read back, compare, delete."""
    if not visit.write:
        return skipped("left out by --no-write")
    vault = visit.needed_vault()
    path = join(visit.needed_user().home, f"asyncup-doctor-{secrets.token_hex(6)}.bin")
    content = secrets.token_bytes(_SIZE)
    began = time.monotonic()
    try:
        await vault.create_file(path, _Content(content), hashlib.md5(content, usedforsecurity=False).digest())
        sent = time.monotonic()
        back = await vault.download(path, offset=0, length=_SIZE)
        read = time.monotonic()
    except BaseException:
        await _removed(vault, path)
        raise
    left = await _removed(vault, path)
    if back != content:
        return failed(
            f"{path} came back with other bytes", "Something in between changes content", ExitCode.VERIFICATION
        )
    seen = f"{_SIZE} bytes sent in {(sent - began) * 1000:.0f} ms, read back in {(read - sent) * 1000:.0f} ms, the same"
    if left is not None:
        return warned(f"{seen}; {path} could not be deleted: {left.message}", f"Delete {path} by hand")
    return fine(f"{seen}; Vault deletes it")


async def _removed(vault: Vault, path: str) -> AsyncupError | None:
    """Delete the file, also after a failure or Ctrl-C: it may be there all the same."""
    with anyio.move_on_after(_CLEAN_UP_S, shield=True):
        try:
            await vault.delete_item(path)
        except AsyncupError as error:
            return error
    return None
