"""Where the bytes go: `Store` keeps nothing, `DiskStore` keeps them below a root folder.

Must not know Vault's rules: it is told what to keep, join, show and remove. Nothing here blocks
the event loop: aiofiles and worker threads do all that touches a disk or takes a processor's time.

What is below the root:

    files/<staging path>             the files as they appear on staging (names: see `disknames`)
    sessions/<id>/<number>-<md5>     the parts held by an upload session
    incoming/                        bytes that are not anything yet
    records/                         what `records` keeps about sessions, jobs and logins

A part or file gets its final name by one rename, so whatever bears a final name is whole.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence, Set as AbstractSet
from pathlib import Path
from uuid import uuid4

import aiofiles
import anyio
import anyio.to_thread
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from .disknames import disk_path, is_cut, staging_path
from .uploads import Part

COPY_BYTES = 1 << 20


class Sink:
    """Takes the bytes of one body in order. This one only hashes them, if nobody else did."""

    def __init__(self, known_md5: str | None = None) -> None:
        self._known_md5 = known_md5
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def wants_bytes(self) -> bool:
        """False: the count is all that matters, so `take` need not be called."""
        return self._known_md5 is None

    async def take(self, pieces: Sequence[bytes]) -> None:
        await anyio.to_thread.run_sync(self._update, pieces)

    async def finish(self) -> str:
        """The MD5 of all that was taken, in hex. No `take` after this."""
        return self._known_md5 or self._md5.hexdigest()

    async def drop(self) -> None:
        """Forget what was taken, unless it was kept meanwhile."""

    def _update(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self._md5.update(piece)


class Store:
    """Keeps nothing; for benchmarks, and the shape of every store."""

    keeps_bytes = False

    async def open(self) -> None:
        """Make what has to be there, and forget what was never finished."""

    async def sink(self, known_md5: str | None) -> Sink:
        return Sink(known_md5)

    async def keep_part(self, sink: Sink, upload_id: str, part: Part, now: float) -> None:
        """Make what the sink took the session's part of that number."""

    async def keep_file(self, sink: Sink, path: str, now: float) -> None:
        """Make what the sink took the file at a staging path."""

    async def assemble(self, upload_id: str, name: str) -> int | None:
        """Join a session's parts under a name of its own, not shown yet.

        Returns how many bytes that are; None if nobody can know.
        """

    async def show_assembled(self, name: str, path: str, now: float) -> None:
        """Show what was joined under a name as the file at a staging path; harmless if gone."""

    async def forget_assembled(self, name: str) -> None: ...

    async def forget_upload(self, upload_id: str) -> None: ...

    async def forget_other_uploads(self, known: AbstractSet[str]) -> None:
        """Remove parts of sessions that nobody knows: a kill came between two removals."""

    async def make_folder(self, path: str) -> None: ...

    async def move(self, source: str, target: str) -> None: ...

    async def delete(self, path: str) -> None: ...

    async def held_parts(self, upload_id: str) -> list[tuple[Part, float]]:  # noqa: ARG002
        """The parts of a session that are on disk, in order, and when each came."""
        return []

    async def held_items(self) -> list[tuple[str, int | None, float]]:
        """Path, size (None: a folder) and date of every item on disk, folders before contents."""
        return []

    def location(self, path: str) -> Path:
        raise LookupError(f"an emulator that discards bytes has no file for {path}")


class DiskSink(Sink):
    """Writes to a file below `incoming/` and hashes in a thread at the same time."""

    def __init__(self, path: Path, file: AsyncBufferedIOBase) -> None:
        super().__init__()
        self.path = path
        self._file = file

    async def take(self, pieces: Sequence[bytes]) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(super().take, pieces)
            await self._file.writelines(pieces)

    async def finish(self) -> str:
        await self._file.close()
        return await super().finish()

    async def drop(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._file.close()
            await anyio.Path(self.path).unlink(missing_ok=True)


class DiskStore(Store):
    """Keeps every byte below one root folder."""

    keeps_bytes = True

    def __init__(self, root: Path) -> None:
        self._files = root / "files"
        self._sessions = root / "sessions"
        self._incoming = root / "incoming"

    async def open(self) -> None:
        await anyio.to_thread.run_sync(self._open)

    async def sink(self, known_md5: str | None) -> DiskSink:  # noqa: ARG002 - it hashes anyway
        path = self._incoming / uuid4().hex
        return DiskSink(path, await aiofiles.open(path, "wb"))

    async def keep_part(self, sink: Sink, upload_id: str, part: Part, now: float) -> None:
        target = self._sessions / upload_id / f"{part.number:05d}-{part.md5}"
        await anyio.to_thread.run_sync(_settle, _path(sink), target, now)
        # An overwritten part goes only after its successor is there: a kill in between leaves two,
        # and `held_parts` then takes the younger one.
        await anyio.to_thread.run_sync(_remove_others, target)

    async def keep_file(self, sink: Sink, path: str, now: float) -> None:
        await anyio.to_thread.run_sync(_settle, _path(sink), self.location(path), now)

    async def assemble(self, upload_id: str, name: str) -> int:
        parts = await self.held_parts(upload_id)
        target = self._incoming / name
        await anyio.Path(target).write_bytes(b"")
        for part, _ in parts:
            source = self._sessions / upload_id / f"{part.number:05d}-{part.md5}"
            await anyio.to_thread.run_sync(_append, source, target)
        return sum(part.size for part, _ in parts)

    async def show_assembled(self, name: str, path: str, now: float) -> None:
        source = self._incoming / name
        if await anyio.Path(source).exists():
            await anyio.to_thread.run_sync(_settle, source, self.location(path), now)

    async def forget_assembled(self, name: str) -> None:
        await anyio.Path(self._incoming / name).unlink(missing_ok=True)

    async def forget_upload(self, upload_id: str) -> None:
        await anyio.to_thread.run_sync(_remove, self._sessions / upload_id)

    async def forget_other_uploads(self, known: AbstractSet[str]) -> None:
        async for folder in anyio.Path(self._sessions).iterdir():
            if folder.name not in known:
                await self.forget_upload(folder.name)

    async def make_folder(self, path: str) -> None:
        folder = anyio.Path(self.location(path))
        await folder.mkdir(parents=True, exist_ok=True)

    async def move(self, source: str, target: str) -> None:
        origin = anyio.Path(self.location(source))
        goal = anyio.Path(self.location(target))
        if await origin.exists():
            await goal.parent.mkdir(parents=True, exist_ok=True)
            await origin.rename(goal)

    async def delete(self, path: str) -> None:
        await anyio.to_thread.run_sync(_remove, self.location(path))

    async def held_parts(self, upload_id: str) -> list[tuple[Part, float]]:
        return await anyio.to_thread.run_sync(_held_parts, self._sessions / upload_id)

    async def held_items(self) -> list[tuple[str, int | None, float]]:
        return await anyio.to_thread.run_sync(_held_items, self._files)

    def location(self, path: str) -> Path:
        return disk_path(self._files, path)

    def _open(self) -> None:
        for folder in (self._files, self._sessions, self._incoming):
            folder.mkdir(parents=True, exist_ok=True)
        for left_over in self._incoming.iterdir():
            # What a job joined is shown or joined again by its job; bodies broken off are lost.
            if not left_over.name.startswith(JOINED):
                left_over.unlink()


JOINED = "job-"
"""What the names given to `assemble` begin with."""


def _path(sink: Sink) -> Path:
    if not isinstance(sink, DiskSink):
        raise TypeError("this sink belongs to another store")
    return sink.path


def _settle(source: Path, target: Path, now: float) -> None:
    """Give bytes their final name, and the emulator's date, which need not be the machine's."""
    os.utime(source, (now, now))
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _append(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("ab") as writer:
        shutil.copyfileobj(reader, writer, COPY_BYTES)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_others(kept: Path) -> None:
    number = kept.name.split("-", 1)[0]
    for other in kept.parent.glob(f"{number}-*"):
        if other != kept:
            other.unlink()


def _held_parts(folder: Path) -> list[tuple[Part, float]]:
    found: dict[int, tuple[Part, float]] = {}
    for path in folder.glob("*-*") if folder.is_dir() else ():
        number, md5 = path.name.split("-", 1)
        about = path.stat()
        if int(number) not in found or found[int(number)][1] < about.st_mtime:
            found[int(number)] = (Part(int(number), about.st_size, md5), about.st_mtime)
    return [found[number] for number in sorted(found)]


def _held_items(files: Path) -> list[tuple[str, int | None, float]]:
    found: list[tuple[str, int | None, float]] = []
    for folder, folders, names in os.walk(files):
        for name in (*folders, *names):
            if is_cut(name):
                continue
            path = Path(folder) / name
            about = path.stat()
            size = None if name in folders else about.st_size
            inner = staging_path(path.relative_to(files).as_posix())
            found.append((inner, size, about.st_mtime))
    return found
