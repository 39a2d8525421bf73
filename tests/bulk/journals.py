"""What the tests of the journal share: opening one, and inputs to put into it."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from asyncup.bulk.inputs.item import UploadItem
from asyncup.bulk.journal.entry import Done, Entry, RunKey, State
from asyncup.bulk.journal.journal import Journal, open_journal
from asyncup.pipeline.source import SourceIdentity

KEY = RunKey(source="/data", destination="/u1")
LARGE = 1000


def opened(folder: Path, key: RunKey = KEY, **options: Any) -> AbstractAsyncContextManager[Journal]:  # noqa: ANN401 - whatever it takes
    """The journal j.db of a folder."""
    return open_journal(folder / "j.db", key, **({"large_from": LARGE, "now_s": 1.5} | options))


def identity(size: int, mtime_ns: int = 1, inode: int = 2**64 - 1) -> SourceIdentity:
    return SourceIdentity(device=2**63, inode=inode, size=size, mtime_ns=mtime_ns, ctime_ns=-1)


def item(number: int, *, size: int = 10, **fields: Any) -> UploadItem:  # noqa: ANN401 - fields of an item
    """The item of row `number`."""
    facts: dict[str, Any] = {"file": f"/data/f{number}", "path": f"/u1/f{number}", "row": number}
    return UploadItem(**(facts | {"identity": identity(size)} | fields))


def done(size: int = 10) -> Done:
    return Done(size=size, md5s=("ab" * 16, "cd" * 16), parts=2, seconds=0.5, calls=7, bytes_written=size + 1)


def entry_with(**fields: Any) -> Entry:  # noqa: ANN401 - fields of an entry
    """An entry of which only these fields matter."""
    return Entry(**(dict.fromkeys(Entry.__slots__) | fields))  # type: ignore[arg-type] # None for all the others


async def all_of(journal: Journal, *states: State) -> list[Entry]:
    return [entry async for entry in journal.entries(states or tuple(State))]
