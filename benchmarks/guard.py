"""A guard that needs no quiet machine: how often asyncup does what costs, for each part and for each small file.

Counted, not timed: requests, writes to the network, reads of the file, MD5 updates (hashlib's and those of several
parts at once), hops into a thread, events. The
figures are those of a longer upload minus those of a shorter one, so what is done once does not count. A limit is what
was counted when it was set; whoever needs more says why. `python -m benchmarks.guard` ends with 1 beyond a limit.

Copied buffers, because whether a file can be mapped depends on the machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import anyio.to_thread

from asyncup import TokenLogin, UploadOptions, Vault, events, upload, upload_file
from asyncup.pipeline import multi_md5, whole_file
from asyncup.vault import slice_size
from asyncup.vault.aiohttp_transport import AiohttpTransport
from benchmarks.files import make_file
from benchmarks.sink.process import Sink, running_sink

__all__ = ["PART_LIMITS", "SMALL_FILE_LIMITS", "beyond", "count_parts", "count_small_files", "main"]

PART_SIZE = 5_242_880
"""The smallest part that Vault takes: the figures of a 50 MB part follow from it, for slices are of one size."""

PART_LIMITS: Mapping[str, float] = {
    "requests": 1,
    "writes": 6,
    "reads": 1,
    "MD5 updates": 5,
    "thread hops": 2,
    "events": 16,
}
SMALL_FILE_LIMITS: Mapping[str, float] = {
    "requests": 1,
    "writes": 1,
    "reads": 1,
    "MD5 updates": 3,
    "thread hops": 2,
    "events": 12,
}
"""Three updates of so few bytes that none lets go of the interpreter's lock, which costs more than they do."""
_FEW, _MANY = 2, 10


def beyond(counted: Mapping[str, float], limits: Mapping[str, float]) -> list[str]:
    """Return a complaint for each count beyond its limit, and for each limit of which nothing was counted."""
    complaints = [
        f"{what}: {counted[what]:g}, at most {most:g}" for what, most in limits.items() if counted[what] > most
    ]
    return complaints + [f"{what}: nothing was counted" for what in limits if counted[what] <= 0]


async def count_parts(sink: Sink, folder: Path, *, options: UploadOptions | None = None) -> dict[str, float]:
    """Return what one part costs."""
    chosen = options or UploadOptions(part_size=PART_SIZE, buffers="copied")

    async def send(parts: int, counter: Counter[str]) -> None:
        path = folder / f"{parts}.bin"
        make_file(path, parts * PART_SIZE)
        async with _vault(sink, counter) as vault:
            session_id = f"bench-{parts * PART_SIZE}-{uuid.uuid4().hex}"
            await upload(path, session_id, vault=vault, options=chosen, on_event=_counting(counter))

    return await _each(send)


async def count_small_files(sink: Sink, folder: Path) -> dict[str, float]:
    """Return what one small file costs."""
    path = folder / "small.bin"
    make_file(path, 4096)

    async def send(files: int, counter: Counter[str]) -> None:
        async with _vault(sink, counter) as vault:
            for number in range(files):
                await upload_file(path, f"/u1/{number}.bin", vault=vault, on_event=_counting(counter))

    return await _each(send)


async def _each(send: Callable[[int, Counter[str]], Any]) -> dict[str, float]:
    few, many = Counter[str](), Counter[str]()
    for times, counter in ((_FEW, few), (_MANY, many)):
        with _counted(counter):
            await send(times, counter)
    return {what: (many[what] - few[what]) / (_MANY - _FEW) for what in sorted({*few, *many, *PART_LIMITS})}


@contextlib.asynccontextmanager
async def _vault(sink: Sink, counter: Counter[str]) -> Any:  # noqa: ANN401 - an async iterator of a Vault
    transport = AiohttpTransport(sink.plain_url)
    send = transport.send

    async def counting(request: Any) -> Any:  # noqa: ANN401 - passed through
        counter["requests"] += 1
        return await send(request)

    transport.send = counting  # type: ignore[method-assign]
    async with Vault(sink.plain_url, TokenLogin("guard"), transport=transport) as vault:
        yield vault


def _counting(counter: Counter[str]) -> Callable[[events.Event], None]:
    def on_event(event: events.Event) -> None:
        counter["events"] += 1
        if isinstance(event, events.BytesWritten):
            counter["writes"] += 1

    return on_event


@contextmanager
def _counted(counter: Counter[str]) -> Iterator[None]:
    """Count what the pipeline asks of the system and of hashlib while inside."""
    hop, md5 = anyio.to_thread.run_sync, hashlib.md5
    reads = {name: getattr(os, name) for name in ("preadv", "pread") if hasattr(os, name)}

    class CountedMd5:
        def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - hashlib's
            counter["MD5 updates"] += bool(arguments)
            self._md5 = md5(*arguments, **options)

        def update(self, content: memoryview) -> None:
            counter["MD5 updates"] += 1
            self._md5.update(content)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - hashlib's
            return getattr(self._md5, name)

    def counting(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
            counter[what] += 1
            return call(*arguments, **options)

        return counted

    at_once = whole_file.read_whole

    def read_at_once(*arguments: Any) -> Any:  # noqa: ANN401 - passed through
        read = at_once(*arguments)
        counter["reads"] += read is not None  # else it is read step by step
        return read

    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(anyio.to_thread, "run_sync", counting("thread hops", hop)))
        submit = counting("thread hops", ThreadPoolExecutor.submit)  # the event loop's own threads
        patches.enter_context(mock.patch.object(ThreadPoolExecutor, "submit", submit))
        patches.enter_context(mock.patch.object(hashlib, "md5", CountedMd5))
        # How far slices grow is the machine's speed, which is not counted here.
        patches.enter_context(mock.patch.object(slice_size, "LARGEST_SLICE", slice_size.SLICE))
        patches.enter_context(mock.patch.object(multi_md5, "advance", counting("MD5 updates", multi_md5.advance)))
        patches.enter_context(mock.patch.object(whole_file, "read_whole", read_at_once))
        for name, read in reads.items():
            patches.enter_context(mock.patch.object(os, name, counting("reads", read)))
        yield


def main() -> int:
    """Count, print, and return the exit code."""
    complaints = []
    with running_sink() as sink, tempfile.TemporaryDirectory(prefix="asyncup-guard-") as folder:
        for title, count, limits in (
            (f"a part of {PART_SIZE} bytes", count_parts, PART_LIMITS),
            ("a small file", count_small_files, SMALL_FILE_LIMITS),
        ):
            counted = anyio.run(count, sink, Path(folder))
            print(title, *(f"  {what}: {counted[what]:g}, at most {most:g}" for what, most in limits.items()), sep="\n")
            complaints += [f"{title}: {complaint}" for complaint in beyond(counted, limits)]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
