"""Whether the local file is the one that was meant: the manifest's, or the one that was sent before. Asks no Vault.

Must not know what is concluded.
"""

from __future__ import annotations

import hashlib

import anyio.to_thread

from asyncup.bulk.errors import UnexpectedMd5, UnexpectedSize
from asyncup.bulk.inputs.looked_at import identity_of, is_other_file
from asyncup.bulk.journal.entry import Entry
from asyncup.events import Stage
from asyncup.pipeline.source import Source, SourceIdentity
from asyncup.pipeline.transfer import Transfer

__all__ = ["compare_with_manifest", "is_outdated", "md5_of"]

_HASHED_AT_ONCE = 1024 * 1024


async def compare_with_manifest(entry: Entry, transfer: Transfer) -> None:
    """Check what the manifest says of the file, before a byte is sent.

    Raises:
        UnexpectedSize: it has another size.
        UnexpectedMd5: it has another MD5.
    """
    source = transfer.source
    if entry.expected_size is not None and entry.expected_size != source.size:
        raise UnexpectedSize(
            f"{source.path} has {source.size} bytes, the manifest says {entry.expected_size}",
            hint="Correct the manifest, or bring the right file",
        )
    if entry.expected_md5 is None:
        return
    transfer.clock.enter(Stage.HASH)
    md5 = await md5_of(source)
    if md5 != entry.expected_md5:
        raise UnexpectedMd5(
            f"{source.path} has the MD5 {md5}, the manifest says {entry.expected_md5}",
            hint="Correct the manifest, or bring the right file",
        )


async def is_outdated(entry: Entry, now: SourceIdentity | None = None) -> bool:
    """Tell whether what is at the destination may be an earlier version of the file, although it has its size.

    Args:
        entry: the file, begun now. Of one that was never begun before nothing of ours can be there.
        now: what the file is, when it is open; otherwise it is looked at.
    """
    if entry.leftover is not None:
        return True
    if entry.attempts <= 1:
        return False
    # The journal may not have heard yet of what was written since an earlier run.
    return is_other_file(entry.identity, now or await anyio.to_thread.run_sync(identity_of, entry.file))


async def md5_of(source: Source) -> str:
    """Read the whole file, and return its MD5 in hex.

    Raises:
        SourceError: it cannot be read, or has become shorter.
    """
    return await anyio.to_thread.run_sync(_md5_of, source) if source.whole is None else source.whole.md5.hex()


def _md5_of(source: Source) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    room = memoryview(bytearray(min(_HASHED_AT_ONCE, max(source.size, 1))))
    for offset in range(0, source.size, _HASHED_AT_ONCE):
        view = room[: min(_HASHED_AT_ONCE, source.size - offset)]
        source.read(view, offset)
        md5.update(view)
    return md5.hexdigest()
