"""What the tests of bulk runs share: files, a run over them, and what must be true afterwards."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asyncup import upload_many
from asyncup.bulk.journal.entry import State
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run.options import BulkOptions
from asyncup.pipeline.options import UploadOptions
from asyncup.vault.client import Vault
from tests.fakes.memory_vault import MemoryVault

Pairs = Sequence[tuple[Path, str]]
SIZES = (0, 1, 400, 500, 501, 3_000, 25_000)
"""On both sides of what fits into one request of the small Vault in memory, and of one part."""


def vault_in_memory() -> MemoryVault:
    """A Vault whose jobs end at once: a run waits for them by the machine's clock, which moves no virtual one.

    Its own clock is ahead of every machine's, so that what is made there was made after the journal was begun.
    """
    memory = MemoryVault(job_takes_s=0.0)
    memory.now_s = 4e9
    return memory


def make_files(folder: Path, count: int, *, sizes: Sequence[int] = SIZES, seed: int = 1) -> list[tuple[Path, str]]:
    """Make files of mixed sizes; return each with its destination, in three folders."""
    lots = random.Random(seed)
    pairs = []
    for number in range(count):
        file = folder / f"f{number}"
        file.write_bytes(lots.randbytes(sizes[number % len(sizes)]))
        pairs.append((file, f"/u1/t/{number % 3}/f{number}"))
    return pairs


async def run_all(
    pairs: Any,  # noqa: ANN401 - whatever `upload_many` takes
    vault: Vault,
    journal: Path,
    **arguments: Any,  # noqa: ANN401 - whatever `upload_many` takes
) -> list[FileResult]:
    """Take all results of a run on the journal in a folder."""
    chosen: dict[str, Any] = {"options": UploadOptions(memory_budget=100_000), "bulk": BulkOptions()} | arguments
    return [result async for result in upload_many(pairs, vault=vault, journal=journal / "j.db", **chosen)]


def states(results: Sequence[FileResult]) -> dict[str, State]:
    """The state of each file, by its name; every file has one result."""
    found = {Path(result.file).name: result.state for result in results}
    assert len(found) == len(results)
    return found


def assert_all_in_place(memory: MemoryVault, pairs: Pairs) -> None:
    """Every file is in the Vault with its bytes, no rule was broken, and no session is left."""
    for file, destination in pairs:
        assert memory.items[destination] == file.read_bytes(), destination
    assert not memory.violations
    assert not memory.sessions
