"""What survives a restart besides the bytes: upload sessions, jobs and logins, as small JSON files.

Must not know Vault's rules. Each record is written beside its place and renamed into it, so a kill
at any instant leaves the old one or the new one. (Power loss is not guarded against: nothing is
synced.) Parts and files need no record, `store` finds them again.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiofiles
import anyio
import anyio.to_thread

from .jobs import CommitUpload, DeleteItem, Effect, Job, ListToCsv, MoveItem
from .logins import Login, Logins
from .uploads import UploadSession

EFFECTS: dict[str, type[Effect]] = {kind.__name__: kind for kind in (CommitUpload, MoveItem, DeleteItem, ListToCsv)}
Record = dict[str, Any]


class Records:
    """Keeps records below a folder; without one, keeps none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = anyio.Lock()

    async def save(self, kind: str, name: str, make: Callable[[], Record]) -> None:
        """Write a record. It is made when its turn has come, so a later save is never older."""
        if self._folder is None:
            return
        path = self._folder / kind / f"{name}.json"
        async with self._lock:
            # The emulator's end, coming in the middle of an open, would leave an open file behind.
            with anyio.CancelScope(shield=True):
                await self._write(path, make)

    async def _write(self, path: Path, make: Callable[[], Record]) -> None:
        await anyio.Path(path.parent).mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        async with aiofiles.open(beside, "w", encoding="utf-8") as file:
            await file.write(json.dumps(make()))
        await anyio.Path(beside).replace(path)

    async def remove(self, kind: str, name: str) -> None:
        if self._folder is not None:
            await anyio.Path(self._folder / kind / f"{name}.json").unlink(missing_ok=True)

    async def load(self, kind: str) -> list[Record]:
        """Every record of a kind, in order of their names."""
        if self._folder is None:
            return []
        return await anyio.to_thread.run_sync(_load, self._folder / kind)


def _load(folder: Path) -> list[Record]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def upload_record(upload: UploadSession) -> Record:
    """A session without its parts and what follows from them."""
    facts = ("id", "path", "owner", "size", "overwrite", "created_at", "expires_at")
    return {name: getattr(upload, name) for name in facts}


def upload_from(record: Record) -> UploadSession:
    return UploadSession(**record, last_uploaded_at=record["created_at"])


def job_record(job: Job) -> Record:
    return {**asdict(job), "effect": [type(job.effect).__name__, asdict(job.effect)]}


def job_from(record: Record) -> Job:
    kind, facts = record["effect"]
    return Job(**{**record, "effect": EFFECTS[kind](**facts)})


def logins_record(logins: Logins) -> Record:
    return {
        "open": [asdict(login) for login in logins.open_logins.values()],
        "tokens": {token: list(about) for token, about in logins.created_tokens.items()},
    }


def restore_logins(logins: Logins, record: Record, now: float) -> None:
    """Take up logins as if just used, because not every use was written down."""
    for facts in record["open"]:
        logins.open_logins[facts["id"]] = Login(**{**facts, "last_used_at": now})
    logins.created_tokens.update({t: (owner, end) for t, (owner, end) in record["tokens"].items()})
